"""The power curve of a plan as a file of its own, for slides and mail: SVG with its styles inside, or PNG."""

from __future__ import annotations

from analysis.sizing import Curve, Guarantee, TestPlan
from dashboards import svg
from dashboards.charts import Axis, PowerCurves, PowerLine, axis_of
from dashboards.pictures import png, standalone

#: Kinds of picture, by the suffix of the file.
SUFFIXES = (".svg", ".png")
_TOKENS = {"conversion": "arm-b", "value": "arm-c"}
_NAMES = {"conversion": "who gives", "value": "money"}
_LOOKS = {
    Guarantee.FIXED: "one look",
    Guarantee.PLANNED: "registered end",
    Guarantee.ANYTIME: "daily looks",
}
_TENTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def power_chart(plan: TestPlan) -> PowerCurves:
    """Return the chart: one line a metric, unbroken for one look on the last day, dashed for daily looks."""
    effects = [effect for curve in plan.curves for effect in curve.effects]
    title = f"Chance to see a lift in {plan.design.days:.0f} days"
    said = "; ".join(f"{name_of(a.metric, a.guarantee)} {a.power:.0%}" for a in plan.answers)
    return PowerCurves(
        label=f"{title}. At +{plan.design.effect:.0%}: {said}.",
        title=title,
        across=axis_of(effects, lambda lift: f"+{lift:.0%}" if lift else "0%", pad=0.0),
        across_name="true lift over the current wording",
        up=Axis(0.0, 1.0, _TENTHS, tuple(f"{tenth:.0%}" for tenth in _TENTHS)),
        mark=plan.design.effect,
        lines=tuple(_line(curve) for curve in plan.curves),
    )


def name_of(metric: str, guarantee: Guarantee) -> str:
    """What a comparison is called."""
    return f"{_NAMES[metric]}, {_LOOKS[guarantee]}"


def _line(curve: Curve) -> PowerLine:
    return PowerLine(
        name_of(curve.metric, curve.guarantee),
        _TOKENS[curve.metric],
        curve.guarantee is Guarantee.ANYTIME,
        tuple(zip(curve.effects, curve.power, strict=True)),
    )


def picture(plan: TestPlan, suffix: str) -> bytes:
    """Return the picture as a file of one of `SUFFIXES`.

    Raises:
        ValueError: another suffix.
    """
    if suffix not in SUFFIXES:
        raise ValueError(f"suffix = {suffix!r} must be one of {SUFFIXES}")
    drawn = svg.power_curves(power_chart(plan))
    return standalone(drawn).encode() if suffix == ".svg" else png(drawn)
