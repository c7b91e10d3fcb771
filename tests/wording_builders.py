"""Past tests with known effects of their wording."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl

from analysis.wording.findings import find_all
from analysis.wording.lexicon import OwnTrait
from analysis.wording.past import PAST_SCHEMA, Past
from analysis.wording.result import WordingResult, wording_result

#: Effects on the conversion rate that the simulated tests have: a thank-you +20 %, a question -15 %.
EFFECTS: Mapping[str, float] = {"gratitude": 0.20, "question": -0.15}

_THANKS, _QUESTION = "Thank you for reading", "Will you give?"
_SUBJECTS = ("the harbour", "a school", "the council", "our river", "the old mill", "a hospital")


def simulated_past(tests: int, effects: Mapping[str, float] = EFFECTS, seed: int = 5) -> Past:
    """Tests of three arms on 20,000 readers each at about 1 %: plain, with thanks, with a question, or with both."""
    rng = np.random.default_rng(seed)
    rows = []
    for test in range(tests):
        base = 0.01 * np.exp(rng.normal(0, 0.3))
        subject = _SUBJECTS[test % len(_SUBJECTS)]
        for arm, (thanks, question) in enumerate(rng.permutation([(0, 0), (1, 0), (0, 1), (1, 1)])[:3]):
            words = [f"We report on {subject}", *([_THANKS] if thanks else []), *([_QUESTION] if question else [])]
            rate = base * (1 + effects.get("gratitude", 0.0)) ** thanks * (1 + effects.get("question", 0.0)) ** question
            rows.append(
                {
                    "test_id": f"t{test:04}",
                    "block_id": f"t{test:04}",
                    "arm_id": str(arm),
                    "text": ". ".join(words),
                    "language": "en",
                    "surface": "donation",
                    "ended": date(2020, 1, 1) + timedelta(days=test),
                    "readers": 20_000,
                    "conversions": int(rng.binomial(20_000, rate)),
                    "origin": "simulated",
                }
            )
    return Past(pl.DataFrame(rows, schema=PAST_SCHEMA))


def told(past: Past, own: Mapping[str, OwnTrait] | None = None) -> WordingResult:
    """What an edition would keep of that past."""
    return wording_result(find_all(past, own), past)
