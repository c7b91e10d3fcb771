"""The one resource of every asset: the publisher's workspace, which is settings, registry and warehouse.

Definitions load without any of them; an asset that needs one that is missing fails with one sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from analysis.errors import AskwellError
from analysis.registry import Experiment, read_registry
from analysis.settings import SETTINGS_FILE, Settings, read_settings
from analysis.store import Warehouse

#: Environment variable that names the settings file; without it `askwell.toml` of the working directory is taken.
SETTINGS_VARIABLE = "ASKWELL_SETTINGS"

#: stage, name of the item at hand, items done, items in all.
Reporter = Callable[[str, str, int, int], None]


def _silent(stage: str, name: str, done: int, total: int) -> None:
    """Report nothing: under the daemon Dagster's own log is what people read."""


@dataclass(frozen=True)
class Workspace:
    """Where the publisher's settings stand, what time it is, and who is told of progress."""

    settings_file: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    reporter: Reporter = _silent

    @classmethod
    def from_environment(cls) -> Workspace:
        """The workspace that `ASKWELL_SETTINGS`, or else the working directory, names."""
        return cls(Path(os.environ.get(SETTINGS_VARIABLE, SETTINGS_FILE)))

    def settings(self) -> Settings:
        """The settings as they stand on disk now."""
        return read_settings(self.settings_file)

    def experiments(self) -> tuple[Experiment, ...]:
        """The registry as it stands on disk now."""
        settings = self.settings()
        return read_registry(settings.folders.experiments, settings.shared)

    def warehouse(self) -> Warehouse:
        """The publisher's warehouse."""
        return Warehouse(self.settings())

    def progress(self, stage: str) -> Callable[[str, int, int], None]:
        """Progress of one stage, in the form that `analysis` calls."""
        return lambda name, done, total: self.reporter(stage, name, done, total)


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn an error of ours into a failed step whose message is the sentence; trying again would not help."""
    try:
        yield
    except AskwellError as problem:
        raise dg.Failure(description=str(problem), allow_retries=False) from problem
