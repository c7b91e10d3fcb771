"""Dagster's history of runs, opened; what keeps it from being read or written is told in a sentence."""

from __future__ import annotations

import errno
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from analysis.errors import AskwellError

if TYPE_CHECKING:
    from dagster import DagsterInstance

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class HistoryUnusable(AskwellError):
    """Dagster's history cannot be opened, or not be written any longer."""


@contextmanager
def history() -> Iterator[DagsterInstance]:
    """Dagster's instance in DAGSTER_HOME.

    Raises:
        HistoryUnusable: its settings have a mistake, its database does not answer, or the disk is full.
    """
    from sqlalchemy.exc import OperationalError

    try:
        with _opened() as instance:
            yield instance
    except (OperationalError, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno not in _NO_ROOM:
            raise
        cause = getattr(problem, "orig", None) or getattr(problem, "strerror", None) or problem
        raise HistoryUnusable(
            f"Dagster's history in {os.environ['DAGSTER_HOME']} cannot be written ({cause}): is the disk full, or its database "
            "down? Nothing is lost, and what was published stands; mend that, and run again."
        ) from problem


def _opened() -> DagsterInstance:
    """The instance that `dagster.yaml` names.

    Raises:
        HistoryUnusable: it names what is not there.
    """
    import dagster as dg

    try:
        return dg.DagsterInstance.get()
    except (dg.DagsterError, ImportError, *_postgres_errors()) as problem:
        cause = " ".join(str(problem.__cause__ or problem).split())[:300]
        raise HistoryUnusable(
            f"{os.environ['DAGSTER_HOME']}/dagster.yaml: Dagster's history cannot be opened ({cause}): does its PostgreSQL run, "
            "and is `storage` what docs/operations.md says? Nothing is lost; mend that, and run again."
        ) from problem


def _postgres_errors() -> tuple[type[Exception], ...]:
    """The error of Dagster's PostgreSQL storage, where that is installed."""
    if importlib.util.find_spec("dagster_postgres") is None:
        return ()
    from dagster_postgres.utils import DagsterPostgresException

    return (DagsterPostgresException,)
