"""Where a difference comes from: an exact split of it over the steps whose product the value is. A description."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.inference.results import NotEstimable, Reason


@dataclass(frozen=True)
class StepShare:
    """What one step adds to the difference, as a share of the control's value; `ratio` is its change, 0.04 for 4 % more."""

    step: str
    ratio: float
    share: float


def split_lift(control: Mapping[str, float], variant: Mapping[str, float]) -> tuple[StepShare, ...] | NotEstimable:
    """Return what each factor adds to the lift; the shares add up to the lift exactly.

    A value per reader is a product of factors (share that saw it, share of those that clicked, ..., money per giver). With
    L(a, b) = (a - b) / log(a / b), the logarithmic mean, factor i adds L(V, C) / C x log(v_i / c_i).

    Args:
        control, variant: The same factors by name, in order; their products C and V are the values compared.

    Returns:
        One share for each factor, or why there is none: a factor of 0 has no logarithm.

    Source: the additive logarithmic mean Divisia index, LMDI-I: Ang (2005), Energy Policy 33, 867-871, eq. 4.
    """
    if list(control) != list(variant):
        raise ValueError(f"the factors differ: {list(control)} and {list(variant)}")
    if not all(factor > 0 for factor in (*control.values(), *variant.values())):
        return NotEstimable(Reason.STEP_WITHOUT_READERS)
    whole = math.prod(variant.values()) / math.prod(control.values())
    weight = 1.0 if math.isclose(whole, 1.0, rel_tol=1e-12) else (whole - 1) / math.log(whole)
    ratios = {step: variant[step] / control[step] for step in control}
    return tuple(StepShare(step, ratio - 1, weight * math.log(ratio)) for step, ratio in ratios.items())
