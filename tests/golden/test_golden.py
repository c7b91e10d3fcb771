"""Our numbers against those of independent tools; provenance stands in each case's `oracle` and in `versions`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.golden.evaluation import GOLDEN, evaluate, read_cases
from tests.golden.kinds import KINDS

CASES = read_cases(GOLDEN)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_number_agrees_with_independent_tool(case: dict[str, Any]) -> None:
    assert evaluate(case).differences == ()


def test_every_kind_of_the_file_is_built() -> None:
    named = set(json.loads(GOLDEN.read_text(encoding="utf-8"))["kinds"])
    assert named <= set(KINDS)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_every_expected_number_can_fail(case: dict[str, Any]) -> None:
    """A tenth of a percent beside the expected number is seen, unless the tolerance of the case allows it."""

    def move(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: move(part) for key, part in value.items()}
        if isinstance(value, list):
            return [move(part) for part in value]
        if isinstance(value, bool):
            return not value
        if value is None:
            return 1.0
        return value * 1.001 + 1e-6

    assert evaluate({**case, "expected": move(case["expected"])}).differences


def _run(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.golden", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def test_command_counts_passes_and_names_failures_and_unbuilt_kinds(tmp_path: Path) -> None:
    wrong = {**CASES[0], "id": "moved", "expected": {**CASES[0]["expected"], "lo": 1.0}}
    strange = {"id": "new", "kind": "horoscope", "inputs": {}, "expected": {"x": 1}, "rtol": 0, "atol": 0}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"cases": [CASES[0], wrong, strange]}))
    done = _run(file)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[-1] == "1 passed, 2 failed"
    assert lines[0].startswith("FAILED moved (prop_diff_newcombe): lo: got")
    assert "kinds not built: horoscope" in lines


def test_command_succeeds_on_the_golden_cases() -> None:
    done = _run(GOLDEN)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == f"{len(CASES)} passed, 0 failed"


def test_command_says_what_is_wrong_with_a_file_that_holds_no_cases(tmp_path: Path) -> None:
    file = tmp_path / "not.json"
    file.write_text("[1, 2]")
    done = _run(file)
    assert done.returncode == 2
    assert "holds no golden cases" in done.stderr


def test_the_index_of_methods_names_every_kind_every_page_and_only_what_there_is() -> None:
    root = Path(__file__).parents[2]
    pages = root / "docs" / "methods"
    text = (pages / "README.md").read_text(encoding="utf-8")
    kinds = json.loads(GOLDEN.read_text(encoding="utf-8"))["kinds"]
    assert [kind for kind in kinds if f"`{kind}`" not in text] == []
    assert [page.name for page in pages.glob("*.md") if page.name != "README.md" and f"({page.name})" not in text] == []
    files = set(re.findall(r"`((?:inference/|wording/)?[a-z_]+\.py|tests/[a-z_/.]+)`", text))
    folder = root / "analysis"
    lost = [name for name in files if not any((base / name).exists() for base in (root, folder, folder / "inference"))]
    assert lost == []
