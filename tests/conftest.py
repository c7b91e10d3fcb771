"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import TestPublisher

#: Real data with attribution; beside the checkout where it is there at all.
REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def publisher(tmp_path: Path) -> TestPublisher:
    """A publisher with one registered experiment, `thanks`, and nothing landed."""
    made = TestPublisher(tmp_path / "publisher")
    made.register()
    return made


@pytest.fixture
def real_data() -> Path:
    """The folder of real data; the test is skipped where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real data is not beside this checkout")
    return REAL_DATA
