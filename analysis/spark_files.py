"""Parts as a cluster's workers reach them: under their own path, or as copies in a store that Hadoop knows (s3a, gs, abfs, hdfs).

A part never changes, and its name is never used again: a copy of the same length is the part. A copy goes when its part has
gone, so what is erased in the warehouse is erased there by the next count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.settings import Settings
from analysis.store import Part

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PART = re.compile(r"[A-Za-z0-9_]+/[A-Za-z0-9_.-]+/[0-9a-f]+\.parquet")


class PartFiles:
    """The files of a warehouse for one session."""

    def __init__(self, session: SparkSession, settings: Settings) -> None:
        self._warehouse = settings.folders.warehouse
        self._copies = settings.machine.spark_warehouse
        jvm: Any = session.sparkContext._jvm  # pyright: ignore[reportPrivateUsage]
        self._path: Any = jvm.org.apache.hadoop.fs.Path
        if self._copies is not None:
            java_context: Any = session.sparkContext._jsc  # pyright: ignore[reportPrivateUsage]
            self._store: Any = self._path(self._copies).getFileSystem(java_context.hadoopConfiguration())
            self._sweep(self._copies.rstrip("/"))

    def urls(self, parts: Sequence[Part]) -> list[str]:
        """Where workers read the parts; what is not there yet is copied first."""
        if self._copies is None:
            return [_local(part.path) for part in parts]
        return [self._copied(part, self._copies.rstrip("/")) for part in parts]

    def _copied(self, part: Part, copies: str) -> str:
        url = f"{copies}/{part.path.relative_to(self._warehouse)}"
        there = self._path(url)
        size = part.path.stat().st_size
        if not (self._store.exists(there) and self._store.getFileStatus(there).getLen() == size):
            self._store.copyFromLocalFile(False, True, self._path(f"file://{part.path}"), there)
        return url

    def _sweep(self, copies: str) -> None:
        root = self._store.makeQualified(self._path(copies))
        if not self._store.exists(root):
            return
        files = self._store.listFiles(root, True)
        while files.hasNext():
            path = files.next().getPath()
            name = path.toString().removeprefix(f"{root.toString()}/")
            if _PART.fullmatch(name) and not (self._warehouse / name).exists():
                self._store.delete(path, False)


def _local(path: Path) -> str:
    """The path on every worker's own file system, whatever the cluster's default, with nothing read as a pattern."""
    return "file://" + re.sub(r"([\\{}\[\]*?])", r"\\\1", str(path))
