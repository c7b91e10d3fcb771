"""The publisher that is measured, and the states of its warehouse between the stages.

Everything lies under `bench/.cache/`, which git ignores. The simulation is made once for a size; what is computed from
it is made anew in every run of the bench.
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
from analysis.simulation.publisher import simulate
from analysis.simulation.sizes import SimulationSize, bench
from analysis.store import Warehouse

CACHE = Path(__file__).parent / ".cache"

_WHOLE = "simulated"
_CONFIGURATION = ("askwell.toml", "fx_rates.csv")


@dataclass(frozen=True)
class Workspace:
    """A publisher of a size with its landing folder, its warehouse, and kept states of the warehouse.

    The files of the last day wait outside the landing folder until `land_last_day`.
    """

    folder: Path
    size: SimulationSize

    @classmethod
    def of(cls, events: int) -> Workspace:
        size = bench(events)
        return cls(CACHE / size.name, size)

    def simulate(self, progress: Callable[[str, float], None]) -> None:
        """Simulate the publisher where that was not done before."""
        done = self.folder / "simulated.done"
        if not done.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            simulate(self.folder / _WHOLE, self.size, progress=progress)
            done.touch()

    def lay_out(self) -> None:
        """An empty warehouse, and every day landed but the last."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)
        work, whole = self.folder / "work", self.folder / _WHOLE
        work.mkdir()
        for name in _CONFIGURATION:
            shutil.copy(whole / name, work / name)
        shutil.copytree(whole / "experiments", work / "experiments")
        last = self.size.last_day.isoformat()
        for file in sorted((whole / "landing").rglob("*.parquet")):
            if file.parent.name != last:
                self._land(file)

    def land_last_day(self) -> None:
        """Land the day that was held back."""
        for file in (self.folder / _WHOLE / "landing").glob(f"*/{self.size.last_day.isoformat()}/*.parquet"):
            self._land(file)

    def _land(self, file: Path) -> None:
        target = self.folder / "work" / file.relative_to(self.folder / _WHOLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)

    @property
    def settings(self) -> Settings:
        return read_settings(self.folder / "work")

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        return read_registry(self.settings.folders.experiments, self.settings.metrics)

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
