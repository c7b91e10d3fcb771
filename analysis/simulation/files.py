"""How simulated rows land: as Parquet, NDJSON or CSV, plain or gzip, complete or not there at all."""

from __future__ import annotations

import gzip
import io
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl

from analysis.contract import Kind

Suffix = Literal["parquet", "csv", "csv.gz", "ndjson", "ndjson.gz"]

#: Small enough that a reader of one day's file never holds much, fixed so that the bytes are.
_ROW_GROUP = 262_144


class Landing:
    """The landing folder of a simulated publisher.

    Attributes:
        rows: Rows by kind in all files written, lines that are no rows included.
        files: Every file written, relative to the publisher's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: Counter[str] = Counter()
        self.files: list[str] = []

    def write(
        self,
        kind: Kind,
        delivery: date,
        name: str,
        rows: pl.DataFrame,
        suffix: Suffix,
        broken_lines: Sequence[str] = (),
    ) -> Path:
        """Write one file and return its path; `broken_lines` are put into the middle of a text file."""
        path = self._place(kind, delivery, f"{name}.{suffix}")
        part = path.with_name(f".{path.name}.part")
        if suffix == "parquet":
            rows.write_parquet(part, compression="zstd", compression_level=1, row_group_size=_ROW_GROUP)
        else:
            part.write_bytes(_text(rows, suffix, broken_lines))
        os.replace(part, path)
        self.rows[kind] += rows.height + len(broken_lines)
        return path

    def deliver_again(self, kind: Kind, path: Path, rows: int, delivery: date, name: str) -> None:
        """Copy a file into another delivery under another name."""
        target = self._place(kind, delivery, f"{name}{''.join(path.suffixes)}")
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(path, part)
        os.replace(part, target)
        self.rows[kind] += rows

    def write_text(self, name: str, text: str) -> None:
        """Write a text file beside the landing folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
        self.files.append(name)

    def _place(self, kind: Kind, delivery: date, name: str) -> Path:
        path = self.folder / "landing" / kind / delivery.isoformat() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files.append(path.relative_to(self.folder).as_posix())
        return path


def _text(rows: pl.DataFrame, suffix: Suffix, broken_lines: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    if suffix.startswith("csv"):
        rows.write_csv(buffer)
    else:
        rows.write_ndjson(buffer)
    content = buffer.getvalue()
    if broken_lines:
        lines = content.splitlines(keepends=True)
        middle = max(1, len(lines) // 2)
        content = b"".join([*lines[:middle], *[f"{line}\n".encode() for line in broken_lines], *lines[middle:]])
    # mtime=0: the time of writing would make equal rows unequal files.
    return gzip.compress(content, compresslevel=3, mtime=0) if suffix.endswith(".gz") else content
