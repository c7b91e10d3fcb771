"""Each kind of golden case: from the inputs of a case to our own numbers, under the names that the case expects.

None stands for "no finite value": an open side, or a number that is not estimable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from analysis import planning, srm
from analysis.inference import (
    bayesian,
    group_sequential,
    means,
    multiplicity,
    pooling,
    proportions,
    ratios,
    sequential,
    variance_reduction,
)
from analysis.wording import evidence
from tests.golden import comparators

Inputs = dict[str, Any]
Values = dict[str, Any]


def _number(value: Any) -> float | None:
    found = float(np.asarray(value).ravel()[0])
    return found if np.isfinite(found) else None


def _limits(limits: tuple[Any, Any], low: str = "lo", high: str = "hi") -> Values:
    return {low: _number(limits[0]), high: _number(limits[1])}


def _counts(i: Inputs) -> tuple[float, float, float, float]:
    return i["xa"], i["na"], i["xb"], i["nb"]


def _sums(i: Inputs) -> tuple[float, ...]:
    return i["na"], i["sa"], i["qa"], i["nb"], i["sb"], i["qb"]


def _prior(i: Inputs) -> sequential.Priors:
    if "taus" not in i:
        return sequential.Priors.same(sequential.OUTCOME_PRIOR, 1)
    return sequential.Priors.same(sequential.Mixture(tuple(i["taus"]), tuple(i["weights"])), 1)


def prop_diff_newcombe(i: Inputs) -> Values:
    diff = i["xb"] / i["nb"] - i["xa"] / i["na"]
    return {"diff": diff, **_limits(proportions.newcombe_difference(*_counts(i), i["alpha"]))}


def prop_diff_score(i: Inputs) -> Values:
    diff = i["xb"] / i["nb"] - i["xa"] / i["na"]
    return {"diff": diff, **_limits(proportions.score_difference(*_counts(i), i["alpha"]))}


def prop_ratio_score(i: Inputs) -> Values:
    with np.errstate(divide="ignore"):
        ratio = np.divide(i["xb"] / i["nb"], i["xa"] / i["na"])
    return {"ratio": _number(ratio), **_limits(proportions.score_ratio(*_counts(i), i["alpha"]))}


def prop_ratio_log(i: Inputs) -> Values:
    return _limits(proportions.log_relative_risk(*_counts(i), i["alpha"]))


def cond_binom(i: Inputs) -> Values:
    greater, less, _ = proportions.conditional_p(i["xa"], i["xb"], i["rho"])
    exact = proportions.conditional_exact(i["xa"], i["xb"], i["rho"], i["alpha"])
    wilson = proportions.conditional_wilson(i["xa"], i["xb"], i["rho"], i["alpha"])
    return {
        "p_greater": _number(greater),
        "p_less": _number(less),
        **_limits(exact, "exact_rr_lo", "exact_rr_hi"),
        **_limits(wilson, "wilson_rr_lo", "wilson_rr_hi"),
    }


def welch(i: Inputs) -> Values:
    found = means.welch(*_sums(i), i["alpha"])
    return {
        "diff": _number(found.difference),
        "lo": _number(found.low),
        "hi": _number(found.high),
        "p": _number(found.p),
    }


def mean_log_ratio(i: Inputs) -> Values:
    found = means.mean_ratio(*_sums(i))
    low, high = found.normal_interval(i["alpha"])
    return {"lift": _number(np.expm1(found.log_ratio)), **_limits((np.expm1(low), np.expm1(high)))}


def value_ratio_kish(i: Inputs) -> Values:
    found = means.mean_ratio(*_sums(i))
    low, high = found.interval(i["alpha"])
    return {
        "log_ratio": _number(found.log_ratio),
        "se": _number(found.se),
        "n_eff_a": _number(found.k_control),
        "n_eff_b": _number(found.k),
        "df": _number(found.df),
        **_limits((np.expm1(low), np.expm1(high))),
    }


def fieller(i: Inputs) -> Values:
    low, high = means.fieller(*_sums(i), i["alpha"])
    ratio = (i["sb"] / i["nb"]) / (i["sa"] / i["na"])
    return {"ratio": ratio, **_limits((low, high)), "bounded": bool(np.isfinite(low[0]))}


def ratio_metric(i: Inputs) -> Values:
    sides = [
        ratios.ratio_variance(i[f"n{s}"], i[f"sy{s}"], i[f"sd{s}"], i[f"syy{s}"], i[f"sdd{s}"], i[f"syd{s}"])
        for s in ("a", "b")
    ]
    found = ratios.compare_ratios(sides[0], sides[1])
    return {
        "ratio_a": _number(found.ratio_a),
        "ratio_b": _number(found.ratio_b),
        "diff": _number(found.difference),
        **_limits(found.difference_interval(i["alpha"]), "diff_lo", "diff_hi"),
        "lift": _number(np.expm1(found.log_ratio)),
        **_limits(found.lift_interval(i["alpha"]), "lift_lo", "lift_hi"),
        "p": _number(found.p()),
    }


def cuped(i: Inputs) -> Values:
    a, b = (
        variance_reduction.Moments.of_sums(
            i[f"n{s}"],
            [i[f"sy{s}"], i[f"sx{s}"]],
            [[i[f"syy{s}"], i[f"sxy{s}"]], [i[f"sxy{s}"], i[f"sxx{s}"]]],
        )
        for s in ("a", "b")
    )
    found = variance_reduction.adjust(a, b)
    return {
        "theta": _number(found.coefficients),
        "mean_a": found.mean_a,
        "mean_b": found.mean_b,
        "diff": found.difference,
        **_limits(found.difference_interval(i["alpha"])),
        "lift": found.mean_b / found.mean_a - 1,
        **_limits(found.lift_interval(i["alpha"]), "lift_lo", "lift_hi"),
    }


def cs_robbins(i: Inputs) -> Values:
    return _limits(sequential.invariant_mixture(i["theta"], i["se"], i["tau"], i["alpha"]))


def cs_normal_mix(i: Inputs) -> Values:
    found = sequential.normal_mixture(i["theta"], i["se"], _prior(i), i["alpha"])
    return {
        "e_value": _number(np.exp(found.log_e)),
        "p_anytime": _number(sequential.anytime_p(found.log_e)),
        **_limits((found.low, found.high)),
    }


def conv_anytime(i: Inputs) -> Values:
    found = sequential.conversion(i["xa"], i["xb"], i["rho"], _prior(i), i["alpha"])
    ratio_low = np.where(np.isfinite(found.low), np.exp(found.low), np.nan)
    return {
        "e_value": _number(np.exp(found.log_e)),
        "p_anytime": _number(sequential.anytime_p(found.log_e)),
        **_limits((found.low, found.high), "log_rr_lo", "log_rr_hi"),
        **_limits((ratio_low, np.exp(found.high)), "rr_lo", "rr_hi"),
    }


def conv_epochs(i: Inputs) -> Values:
    xa, xb, rho = (np.array([column]) for column in zip(*i["strata"], strict=True))
    found = sequential.conversion_epochs(xa, xb, rho, _prior(i), i["alpha"])
    return {"e_value": _number(np.exp(found.log_e)), **_limits((found.low, found.high), "log_rr_lo", "log_rr_hi")}


def srm_e(i: Inputs) -> Values:
    return {"log_e": srm.log_e_value(i["counts"], i["shares"], concentration=i["k"])}


def srm_chi2(i: Inputs) -> Values:
    statistic, p = srm.chi_square(i["counts"], i["shares"])
    return {"chi2": statistic, "p": p}


def ld_obf(i: Inputs) -> Values:
    spent = group_sequential.obrien_fleming_spending(i["t"], i["alpha"])
    return {"z": group_sequential.spending_bounds(i["t"], spent).tolist()}


def ld_power(i: Inputs) -> Values:
    spent = group_sequential.power_spending(i["t"], i["alpha"], i["phi"])
    return {"z": group_sequential.spending_bounds(i["t"], spent).tolist()}


def mh_rr(i: Inputs) -> Values:
    log_rr, se = pooling.mantel_haenszel(*(list(column) for column in zip(*i["strata"], strict=True)))
    return {"log_rr": log_rr, "se": se, "rr": float(np.exp(log_rr))}


def beta_better(i: Inputs) -> Values:
    chance, loss = bayesian.best_rate(
        [[i["xa"], i["xb"]]], [[i["na"], i["nb"]]], prior_a=i["prior_a"], prior_b=i["prior_b"]
    )
    return {
        "p_b_better": float(chance[0, 1]),
        "loss_choose_b_per_1000": float(loss[0, 1]) * 1000,
        "loss_choose_a_per_1000": float(loss[0, 0]) * 1000,
    }


def expected_loss(i: Inputs) -> Values:
    found = bayesian.two_variants(i["theta"], i["se"], i["tau"])
    base = i["baseline_per_1000"]
    return {
        "post_mean": _number(found.mean),
        "post_sd": _number(found.sd),
        "p_b_better": _number(found.chance_better),
        "loss_choose_b_per_1000": _number(found.loss_b * base),
        "loss_choose_a_per_1000": _number(found.loss_a * base),
    }


def holm(i: Inputs) -> Values:
    return {"p_adj": multiplicity.holm(i["p"]).tolist()}


def bh(i: Inputs) -> Values:
    return {"p_adj": multiplicity.benjamini_hochberg(i["p"]).tolist()}


def dunnett(i: Inputs) -> Values:
    return {"c": multiplicity.dunnett_quantile(i["v0"], i["v"], i["alpha"])}


def ebh(i: Inputs) -> Values:
    return {"rejected": multiplicity.e_bh(i["e"], i["alpha"])}


def closed_mean_e(i: Inputs) -> Values:
    return {"e_closed": np.exp(multiplicity.log_closed_e(np.log(i["e"]))).tolist()}


def meta(i: Inputs) -> Values:
    out: Values = {}
    for name, method in (
        ("dl", pooling.dersimonian_laird),
        ("pm", pooling.paule_mandel),
        ("reml", pooling.reml),
    ):
        found = method(i["y"], i["s2"])
        out |= {f"{name}_tau2": found.tau2, f"{name}_mu": found.mean, f"{name}_se": found.se}
    return out


def shrink(i: Inputs) -> Values:
    found = pooling.shrink(i["y"], i["s2"], i["tau2"])
    return {
        "mu": found.centre,
        "mu_se": found.centre_se,
        "estimate": found.estimate.tolist(),
        "se": found.se.tolist(),
    }


def wording(i: Inputs) -> Values:
    found = evidence.log_rate_effects(i["test"], i["conversions"], i["exposures"], i["features"], sigma2=i["sigma2"])
    return {
        "sigma2": found.sigma2,
        "coef": found.coefficient.tolist(),
        "se_model": found.se_model.tolist(),
        "se_cluster": found.se_cluster.tolist(),
        "lift_percent": (100 * found.lift).tolist(),
    }


def conversions_needed(i: Inputs) -> Values:
    control, variant = planning.conversions_needed(
        i["mde"], alpha=i["alpha"], power=i["power"], ratio=i["ratio_b_to_a"]
    )
    return {"conversions_control": _number(control), "conversions_variant": _number(variant)}


def winsor_hist(i: Inputs) -> Values:
    found = means.cap_histogram(i["amounts"], i["counts"], i["cap"])
    return {
        "sum": found.s1,
        "sum_squares": found.s2,
        "n_eff": found.effective,
        "share_clipped": found.share_clipped,
        "value_kept": found.value_kept,
        "top_gift_share": found.top_share,
    }


def arms_posterior(i: Inputs) -> Values:
    found = bayesian.several_variants(i["log_mean"], i["variance"], i["tau"])
    return {
        "centre": _number(found.centre),
        "mean": found.mean[0].tolist(),
        "sd": found.sd[0].tolist(),
        "cov_01": float(found.shared[0, 0] * found.shared[0, 1]),
    }


KINDS: dict[str, Callable[[Inputs], Values]] = {
    function.__name__: function
    for function in (
        prop_diff_newcombe,
        prop_diff_score,
        prop_ratio_score,
        prop_ratio_log,
        cond_binom,
        welch,
        mean_log_ratio,
        value_ratio_kish,
        fieller,
        ratio_metric,
        cuped,
        cs_robbins,
        cs_normal_mix,
        conv_anytime,
        conv_epochs,
        srm_e,
        srm_chi2,
        ld_obf,
        ld_power,
        mh_rr,
        beta_better,
        expected_loss,
        holm,
        bh,
        dunnett,
        ebh,
        closed_mean_e,
        meta,
        shrink,
        wording,
        conversions_needed,
        winsor_hist,
        arms_posterior,
    )
} | comparators.KINDS
