"""The error types of Askwell: one for each kind of action that the person who reads it can take.

A message of these errors is a whole sentence for a person: it names the file or table, the key, the value, what is
allowed and what to do. Wrong calls by a programmer raise `ValueError`, not these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class AskwellError(Exception):
    """Root of every error that is the data's or the request's fault; the command line prints it and exits with 1."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in a settings or registry file: where it stands, what stood there, and what is allowed."""

    key: str
    value: str
    allowed: str

    def __str__(self) -> str:
        """Return the mistake as one clause."""
        return f"{self.key} = {self.value}: {self.allowed}" if self.value else f"{self.key}: {self.allowed}"


class ConfigurationError(AskwellError):
    """A settings or registry file cannot be used; `mistakes` lists every one found, not only the first."""

    def __init__(self, file: Path, mistakes: Sequence[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(mistakes)
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(f"{file} cannot be used:\n{lines}")


class SettingsError(ConfigurationError):
    """`askwell.toml` cannot be used."""


class RegistryError(ConfigurationError):
    """A file under `experiments/` cannot be used."""


class LandingError(AskwellError):
    """A landed file cannot be read as a whole; its path and the reason are in the message, the file stays where it is."""


class WarehouseError(AskwellError):
    """The warehouse is missing, locked by another process, or of a version that this Askwell does not know."""


class NothingToReport(AskwellError):
    """There is nothing yet to compute from: no data, no experiment, or no published edition."""


class EngineError(AskwellError):
    """The cluster that counts failed, or cannot be used as it is set up; the warehouse is as it was."""


class TableError(AskwellError):
    """A table given to `askwell analyze` cannot be understood: a column is missing or holds what it should not."""
