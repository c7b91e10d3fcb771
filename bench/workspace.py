"""The publisher that is measured, and the states of its warehouse between the stages.

Everything lies under `bench/.cache/`, which git ignores. A made month is made once for its size; what is computed from it
is made anew in every run of the bench.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.registry import Experiment, read_registry
from analysis.settings import Settings, read_settings
from analysis.store import Warehouse
from bench.month import Month

CACHE = Path(__file__).parent / ".cache"

_WHOLE = "made"


@dataclass(frozen=True)
class Workspace:
    """A made month with its landing folder, its warehouse, and kept states of the warehouse.

    Attributes:
        memory_limit: What DuckDB may take while Askwell and the alternatives compute.
    """

    month: Month
    memory_limit: str

    @property
    def folder(self) -> Path:
        return CACHE / self.month.name

    def make(self, progress: Callable[[int, int], None]) -> None:
        """Make the month, as far as that was not done before."""
        self.month.write(self.folder / _WHOLE / "landing", progress)

    def lay_out(self, last_day: int) -> None:
        """An empty warehouse, and the days up to `last_day` (a number, from 0) landed."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)
        shutil.rmtree(self.folder / "states", ignore_errors=True)
        self.month.write_registry(self.folder / "work", self.memory_limit)
        for day in range(last_day + 1):
            self.land(day)

    def land(self, day: int) -> None:
        """Land a day by its number."""
        whole = self.folder / _WHOLE
        for file in whole.glob(f"landing/*/{self.month.day(day).isoformat()}/*.parquet"):
            target = self.folder / "work" / file.relative_to(whole)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)

    @property
    def settings(self) -> Settings:
        return read_settings(self.folder / "work")

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        return read_registry(self.settings.folders.experiments, self.settings.shared)

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings)

    @property
    def now(self) -> datetime:
        """The morning after the last day that has landed."""
        landed = (self.folder / "work" / "landing" / "pageviews").iterdir()
        last = max(datetime.fromisoformat(folder.name) for folder in landed)
        return (last + timedelta(days=1, hours=6)).replace(tzinfo=UTC)

    def landed(self, kind: str) -> list[Path]:
        """Landed files of a kind."""
        return sorted((self.settings.folders.landing / kind).rglob("*.parquet"))

    def keep(self, name: str) -> None:
        """Keep the warehouse as it is now under a name. Parts never change, so links are enough."""
        _copy(self.settings.folders.warehouse, self.folder / "states" / name)

    def restore(self, name: str) -> None:
        """Put the warehouse back as it was kept."""
        _copy(self.folder / "states" / name, self.settings.folders.warehouse)


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
