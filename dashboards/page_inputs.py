"""What an experiment's page is made from, and its fingerprint: equal inputs make an equal page, so it need not be made.

`told` takes out of a result what its page does not say, and the page is made from what is left: no input can stay out
of the fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import polars as pl

import analysis
import dashboards
from analysis.experiment_result import Edition, ExperimentResult
from analysis.registry import Experiment
from dashboards.reading import Reading

#: Packages that draw or write pages.
_LIBRARIES = ("babel", "jinja2", "plotly", "polars")
_SOURCES = frozenset({".py", ".html", ".css", ".po", ".toml"})

_NO_MOMENT = datetime.min.replace(tzinfo=UTC)


def told(result: ExperimentResult) -> ExperimentResult:
    """Return the result as its page tells it: with the last day counted for it, and without what the front page alone says."""
    edition = Edition(0, Reading(result).day, _NO_MOMENT)
    return replace(result, edition=edition, arrivals=None, previous_counts=None, is_redefined=None)


def inputs_of(result: ExperimentResult, *around: object) -> str:
    """Return the fingerprint of a page: of the result as `told`, of what stands `around` it, and of the code that makes it."""
    digest = hashlib.sha256(code().encode())
    for part in (*_parts(result), *(repr(item).encode() for item in around)):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:32]


def _parts(result: ExperimentResult) -> Iterator[bytes]:
    for field in fields(result):
        value = getattr(result, field.name)
        yield field.name.encode()
        if isinstance(value, pl.DataFrame):
            yield repr(value.schema).encode()
            yield value.write_csv().encode()
        elif isinstance(value, Experiment):
            yield value.model_dump_json().encode()
        else:
            yield repr(value).encode()


@cache
def code() -> str:
    """Return the fingerprint of everything that turns results into pages: our sources, templates, languages, libraries."""
    digest = hashlib.sha256()
    for package in (analysis, dashboards):
        folder = Path(next(iter(package.__path__)))
        for file in sorted(path for path in folder.rglob("*") if path.suffix in _SOURCES):
            digest.update(str(file.relative_to(folder)).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    digest.update(repr([version(name) for name in _LIBRARIES]).encode())
    return digest.hexdigest()
