"""No Python runs once an experiment: from statistics to verdicts, ten times the experiments take no more steps of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from analysis.decisions import decide
from analysis.inference.estimates import describe_variants, estimate
from analysis.trust import run_checks
from bench.made_statistics import Made, made


def steps(run: Callable[[], object]) -> int:
    """How many instructions of Python a call runs in `analysis`, comprehensions included."""
    taken = 0

    def instruction(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal taken
        taken += event == "opcode"
        return instruction

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        if not str(frame.f_globals.get("__name__", "")).startswith("analysis."):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return instruction

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        run()
    finally:
        sys.settrace(before)
    return taken


def by_stage(given: Made) -> dict[str, int]:
    estimates = estimate(given.statistics, given.plans, given.shares)
    described = describe_variants(given.statistics, given.plans, given.shares)
    checks = run_checks(given.counts, given.statistics, estimates, given.plans, given.shares)
    stages: dict[str, Callable[[], object]] = {
        "estimates": lambda: estimate(given.statistics, given.plans, given.shares),
        "variants": lambda: describe_variants(given.statistics, given.plans, given.shares),
        "checks": lambda: run_checks(given.counts, given.statistics, estimates, given.plans, given.shares),
        "decisions": lambda: decide(estimates, described, checks, given.plans, given.guardrails),
    }
    return {name: steps(stage) for name, stage in stages.items()}


def test_no_stage_runs_python_once_an_experiment() -> None:
    few, many = by_stage(made(100)), by_stage(made(1_000))
    # A search may halve a few times more; one comprehension over 900 experiments more takes 3,600 steps at least.
    assert all(many[name] - few[name] < 2_000 for name in few), (few, many)
