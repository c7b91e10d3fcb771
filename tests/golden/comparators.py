"""How other tools compute what we compute otherwise. For comparison in tests only; nothing of it is part of Askwell.

GrowthBook: sequential intervals as in Waudby-Smith et al. 2024 (asymptotic confidence sequences), tuned at n_star readers,
and relative effects by the delta method on the raw ratio, with a normal prior.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from analysis.inference import means


def _scales(inputs: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Estimate and variance on the absolute and the relative scale."""
    na, nb = inputs["na"], inputs["nb"]
    ma, mb = inputs["sa"] / na, inputs["sb"] / nb
    va = float(means.variance(na, inputs["sa"], inputs["qa"])[0]) / na
    vb = float(means.variance(nb, inputs["sb"], inputs["qb"])[0]) / nb
    return {"abs": (mb - ma, va + vb), "rel": (mb / ma - 1, vb / ma**2 + va * mb**2 / ma**4)}


def cs_growthbook(inputs: dict[str, Any]) -> dict[str, float]:
    """Asymptotic confidence sequence and anytime p, tuned to be tightest at `n_star` readers."""
    n, alpha = inputs["na"] + inputs["nb"], inputs["alpha"]
    tuning = -2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))
    grown = n * tuning / inputs["n_star"]
    out: dict[str, float] = {}
    for name, (estimate, variance) in _scales(inputs).items():
        half = np.sqrt(variance * 2 * (grown + 1) / grown * np.log(np.sqrt(grown + 1) / alpha))
        log_e = 0.5 * (grown / (grown + 1) * estimate**2 / variance - np.log1p(grown))
        out |= {
            f"{name}_estimate": estimate,
            f"{name}_lo": estimate - half,
            f"{name}_hi": estimate + half,
            f"{name}_p": min(1.0, float(np.exp(-log_e))),
        }
    return out


def growthbook_bayes(inputs: dict[str, Any]) -> dict[str, float]:
    """Posterior of the relative lift with a normal prior, and risks as shares of the control's mean."""
    estimate, variance = _scales(inputs)["rel"]
    precision = 1 / variance + 1 / inputs["prior_sd"] ** 2
    sd = precision**-0.5
    mean = (estimate / variance + inputs["prior_mean"] / inputs["prior_sd"] ** 2) / precision
    z, density = mean / sd, np.exp(-0.5 * (mean / sd) ** 2) / np.sqrt(2 * np.pi)
    half = -special.ndtri(inputs.get("alpha", 0.05) / 2) * sd
    return {
        "lift": mean,
        "lo": mean - half,
        "hi": mean + half,
        "p_b_better": float(special.ndtr(z)),
        "risk_choose_a": float(mean * special.ndtr(z) + sd * density),
        "risk_choose_b": float(-mean * special.ndtr(-z) + sd * density),
    }


KINDS = {"cs_growthbook": cs_growthbook, "growthbook_bayes": growthbook_bayes}
