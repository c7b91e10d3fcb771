"""The day-one guide, followed to the letter in a fresh folder: every command as it stands in docs/day-one.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services import ROOT

#: Commands that fetch, build or go on until somebody ends them; CI runs `make demo` by itself.
NOT_HERE = re.compile(r"git clone|cd askwell|make demo|askwell serve|--test-alarm")


@pytest.mark.slow
def test_the_guide_leads_to_a_first_report(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "day-one.md").read_text(encoding="utf-8")
    commands = [line.strip() for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE)]
    followed = [command for command in commands if not NOT_HERE.search(command)]
    assert len(followed) >= 9
    shutil.copy(ROOT / "askwell.toml.example", tmp_path)
    (tmp_path / "experiments").mkdir()
    shutil.copy(ROOT / "experiments" / "example.toml.txt", tmp_path / "experiments")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "ASKWELL_HASH_KEY")
    }
    said = {}
    for command in followed:
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        said[command] = done.stdout + done.stderr
        assert done.returncode == (1 if command.endswith("doctor") else 0), (command, said[command])
    assert "appeal_events/2026-10-05/events.csv: 2 rows, none set aside" in said[".venv/bin/askwell check"]
    assert "Edition 1, counted to 2026-10-05" in said[".venv/bin/askwell run"]
    assert "days behind yesterday" in said[".venv/bin/askwell doctor"]
    page = (tmp_path / "site" / "experiments" / "thanks-or-urgency.html").read_text(encoding="utf-8")
    assert "Too early" in page
