"""Arms inside blocks inside tests: sums, means and ranges of rows by block, and of blocks by test.

A block holds the arms that are compared with each other. Most tests are one block; a test of headlines on several pictures
is one block a picture. Tests are what was drawn by chance, so that intervals and counts go by test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.inference.arrays import Array, sum_by

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Nesting:
    """Rows of blocks with two rows and more, a block's rows together.

    Attributes:
        rows: Places of the rows in the arrays that it was made of, shape (n,); everything below is in this order.
        block: Block of each row, from 0, ascending.
        test: Test of each block, from 0, in the order of their labels.
        starts: First row of each block.
        tests: Number of tests.
    """

    rows: Numbers
    block: Numbers
    test: Numbers
    starts: Numbers
    tests: int

    @classmethod
    def of(cls, block: ArrayLike, test: ArrayLike | None = None) -> Nesting:
        """Blocks and tests by any labels, shape (rows,); a block is its own test where no test is given."""
        label = np.asarray(block)
        _, number, size = np.unique(label, return_inverse=True, return_counts=True)
        kept = np.flatnonzero(size[number] > 1)
        rows = kept[np.argsort(number[kept], kind="stable")]
        _, starts, dense = np.unique(number[rows], return_index=True, return_inverse=True)
        ids, of_block = np.unique((label if test is None else np.asarray(test))[rows[starts]], return_inverse=True)
        return cls(rows, dense.astype(np.int64), of_block.astype(np.int64), starts.astype(np.int64), ids.size)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return self.starts.size

    def sums(self, rows: Array) -> Array:
        """Sums of rows (n, columns) inside blocks, shape (blocks, columns)."""
        return np.add.reduceat(rows, self.starts, axis=0) if self.blocks else np.zeros((0, rows.shape[1]))

    def demeaned(self, rows: Array, weight: Array | None = None) -> Array:
        """Rows (n, columns) less the weighted mean of their block."""
        w = np.ones(self.block.size) if weight is None else weight
        total = sum_by(self.block, w, self.blocks)
        mean = self.sums(rows * w[:, None]) / total[:, None]
        return rows - np.repeat(mean, np.diff(self.starts, append=self.block.size), axis=0)

    def ranges(self, rows: Array) -> Array:
        """Largest less smallest value inside blocks, shape (blocks, columns)."""
        if not self.blocks:
            return np.zeros((0, rows.shape[1]))
        return np.maximum.reduceat(rows, self.starts, axis=0) - np.minimum.reduceat(rows, self.starts, axis=0)

    def sums_by_test(self, of_blocks: Array) -> Array:
        """Sums of blocks (blocks, columns) inside tests, shape (tests, columns)."""
        found = np.zeros((self.tests, of_blocks.shape[1]))
        np.add.at(found, self.test, of_blocks)
        return found

    def any_by_test(self, of_blocks: Flags) -> Flags:
        """True for tests of which any block is, shape (tests, columns)."""
        found = np.zeros((self.tests, of_blocks.shape[1]), dtype=np.bool_)
        np.logical_or.at(found, self.test, of_blocks)
        return found
