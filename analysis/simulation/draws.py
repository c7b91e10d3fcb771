"""Randomness that is the same on every machine: streams by purpose and day, and uniforms that belong to a reader.

What must not depend on the order of events (which variant a reader draws, how generous the reader is) is a keyed hash
of the reader's number; everything else is a stream of its own by seed, purpose and day, so that adding one draw
somewhere leaves all other days as they were.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


def stream(seed: int, purpose: str, day: int = 0) -> np.random.Generator:
    """Return the random stream of a purpose on a day (number from 0)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, _key(purpose), day])))


def reader_uniform(numbers: Integers, seed: int, purpose: str) -> Floats:
    """Return one uniform in [0, 1) for each reader's number, the same whenever it is asked for."""
    return (_mix(numbers.astype(np.uint64), seed, purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def reader_integer(numbers: Integers, seed: int, purpose: str) -> Integers:
    """Return one integer in [2^61, 2^62) for each reader's number: beyond what a double holds exactly."""
    return ((_mix(numbers.astype(np.uint64), seed, purpose) >> np.uint64(3)) | np.uint64(2**61)).astype(np.int64)


def _mix(values: NDArray[np.uint64], seed: int, purpose: str) -> NDArray[np.uint64]:
    """Return SplitMix64 of the values (Steele, Lea & Flood 2014), offset by seed and purpose."""
    offset = (_key(purpose) * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) % 2**64
    mixed = values * np.uint64(0x9E3779B97F4A7C15) + np.uint64(offset)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _key(purpose: str) -> int:
    return int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "big")
