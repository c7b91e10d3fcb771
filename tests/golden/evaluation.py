"""Compare our numbers with those of a file of golden cases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.golden.kinds import KINDS

GOLDEN = Path(__file__).with_name("golden_stats.json")


@dataclass(frozen=True)
class Outcome:
    """One case: what differed, or nothing."""

    id: str
    kind: str
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


def read_cases(path: Path) -> list[dict[str, Any]]:
    """The cases of a file in the form of `golden_stats.json`."""
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


def differences(got: Any, want: Any, rtol: float, atol: float, at: str) -> list[str]:
    """Where `got` is not within atol + rtol |want| of `want`; lists go element by element, null equals only null."""
    if isinstance(want, dict):
        return [
            difference
            for key, value in want.items()
            for difference in (
                differences(got[key], value, rtol, atol, f"{at}.{key}" if at else key)
                if key in got
                else [f"{key}: not computed"]
            )
        ]
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return [f"{at}: got {got}, want {want}"]
        return [
            d
            for k, (g, w) in enumerate(zip(got, want, strict=True))
            for d in differences(g, w, rtol, atol, f"{at}[{k}]")
        ]
    if want is None or got is None or isinstance(want, bool):
        return [] if got is want else [f"{at}: got {got}, want {want}"]
    return [] if abs(got - want) <= atol + rtol * abs(want) else [f"{at}: got {got!r}, want {want!r}"]


def evaluate(case: dict[str, Any]) -> Outcome:
    """Run one case. A kind that is not built, and a case that cannot be computed, count as failed and say why."""
    kind = str(case["kind"])
    function = KINDS.get(kind)
    if function is None:
        return Outcome(str(case["id"]), kind, ("kind not built",))
    try:
        got = function(case["inputs"])
    except (ValueError, KeyError, ZeroDivisionError, TypeError) as problem:
        return Outcome(str(case["id"]), kind, (f"{type(problem).__name__}: {problem}",))
    found = differences(got, case["expected"], float(case.get("rtol", 1e-8)), float(case.get("atol", 0.0)), "")
    return Outcome(str(case["id"]), kind, tuple(found))
