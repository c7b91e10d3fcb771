"""Trust checks: was the experiment run and counted as planned? Run before anything is decided.

A check that blocks withholds the verdict, never the figures. Every check says `not_applicable`, with the reason, where it
cannot be computed; none of them passes for want of data. Codes, thresholds and what to do: docs/methods/trust-checks.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from scipy import special

from analysis import srm
from analysis.inference import sequential
from analysis.metrics import METRICS, Metric
from analysis.result_tables import CHECKS, SPECIAL_READERS, TIED_GIFTS
from analysis.sufficient import DAILY_ARRIVAL_SCHEMA, EXPOSURE_COUNT_SCHEMA

_WARN_LOG_E, _BLOCK_LOG_E = math.log(100), srm.BLOCK_LOG_E
#: e-value on either basis from which a disagreement in sign counts.
_BASIS_LOG_E = math.log(20)
_CONTAMINATED = (0.001, 0.01)
#: Those left out are few: the prior of their split looks for shares that are off by about a tenth.
_LEFT_OUT_CONCENTRATION = 100.0
_LARGEST_GIFT = 0.10
_POOLED = 0.5
_NOVELTY_P = 0.01
_NOVELTY_Z = float(-special.ndtri(_NOVELTY_P / 2))
#: Readers with a view needed in each variant before view rates are compared.
_FEWEST_VIEWERS = 25
_FEWEST_DAYS = 5
_FEWEST_CONVERSIONS_A_DAY = 10

_DAY = ["experiment_id", "as_of"]
#: Order of the checks in the table.
CHECK_NAMES = (
    "sample_ratio",
    "contamination",
    "contamination_by_variant",
    "left_out_by_variant",
    "late_assignment",
    "before_the_test",
    "untied_gifts",
    "denominator",
    "basis_agreement",
    "cap_agreement",
    "one_donor",
    "pooled_agreement",
    "novelty",
    "maturity",
)


def run_checks(
    exposure_counts: pl.DataFrame,
    statistics: pl.DataFrame,
    estimates: pl.DataFrame,
    plans: pl.DataFrame,
    shares: pl.DataFrame,
    *,
    arrivals: pl.DataFrame | None = None,
    special: pl.DataFrame | None = None,
    tied: pl.DataFrame | None = None,
    metrics: Mapping[str, Metric] = METRICS,
) -> pl.DataFrame:
    """Return the outcome of every trust check.

    Args:
        exposure_counts: One row per experiment, as_of, epoch and variant: readers `n`, and where known `n_viewed` (with a
            view), `n_contaminated` (seen in a second variant) and `n_immature` (outcome window still open). Schema
            `sufficient.EXPOSURE_COUNT_SCHEMA`. Its days are the days that are checked.
        statistics: Schema `SUFFICIENT_STATISTICS`; earlier days serve the check for novelty.
        estimates: Schema `ESTIMATES`, made from these statistics.
        plans, shares: `registry.PLAN_SCHEMA`, `registry.SHARE_SCHEMA`.
        arrivals: Readers by the day on which they were first asked: schema `sufficient.DAILY_ARRIVAL_SCHEMA`; None where nobody
            looked.
        special: Readers whom a rule marks, counted or not: schema `SPECIAL_READERS`; None where nobody looked.
        tied: Gifts by the route that ties them to a variant: schema `TIED_GIFTS`; None where nobody looked.
        metrics: The metrics by name, a team's own among them (`registry.catalogue`).

    Returns:
        Schema `CHECKS`; one row per experiment, as_of and check (and variant, where each has its own).

    Source: Lindon & Malek 2022 (sample ratio); Fabijan et al. 2019 (why); the rest is docs/methods/trust-checks.md.
    """
    days = exposure_counts.select(_DAY).unique(maintain_order=True)
    if days.is_empty():
        return CHECKS.frame()
    planned = _planned(exposure_counts, shares)
    primary = plans.select("experiment_id", metric="primary_metric")
    overall = estimates.filter(pl.col("segment_kind") == "all")
    today = overall.join(days, on=_DAY, nulls_equal=True, how="semi")
    sums = statistics.filter((pl.col("segment_kind") == "all") & (pl.col("basis") == "exposed"))
    rows = [
        _sample_ratio(planned, exposure_counts, statistics),
        *_contamination(planned),
        _left_out(planned, special),
        _late_assignment(arrivals, days, shares),
        *_before_the_test(planned),
        _untied(planned, tied),
        _denominator(planned),
        _basis_agreement(today, primary),
        _cap_agreement(today),
        _one_donor(sums.join(days, on=_DAY, nulls_equal=True, how="semi"), today, shares, primary),
        _pooled_agreement(sums.join(days, on=_DAY, nulls_equal=True, how="semi"), today, primary, metrics),
        _novelty(sums, days, shares),
        _maturity(planned),
    ]
    order = {name: place for place, name in enumerate(CHECK_NAMES)}
    position = days.with_row_index("day")
    return (
        pl.concat(rows)
        .with_columns(place=pl.col("check_name").replace_strict(order, return_dtype=pl.Int64))
        .join(position, on=_DAY, nulls_equal=True)
        .sort("day", "place", maintain_order=True)
        .select(list(CHECKS.columns))
    )


def _outcomes(
    frame: pl.DataFrame,
    check: str,
    *,
    statistic: pl.Expr,
    detail: Mapping[str, pl.Expr],
    warn_at: float | None = None,
    block_at: float | pl.Expr | None = None,
    status: pl.Expr | None = None,
) -> pl.DataFrame:
    """Rows of the table from a frame with the day, `reason`, and where the check has them `variant_id` and `metric`.

    A row with a reason has no figures. The status follows from the thresholds where none is given.
    """
    asked = pl.col("reason").is_null()
    limits = {"warn_at": warn_at, "block_at": block_at}
    found = frame.with_columns(
        statistic=pl.when(asked).then(statistic.cast(pl.Float64)),
        detail=pl.when(asked).then(_object(frame, detail)).otherwise(pl.lit("{}")),
        **{
            name: pl.when(asked).then(limit if isinstance(limit, pl.Expr) else pl.lit(limit, dtype=pl.Float64))
            for name, limit in limits.items()
        },
    )
    # Polars takes not-a-number for the largest of all numbers; here it reaches no threshold.
    measured = pl.col("statistic").fill_nan(None)
    by_threshold = (
        pl.when(measured >= pl.col("block_at"))
        .then(pl.lit("block"))
        .when(measured >= pl.col("warn_at"))
        .then(pl.lit("warn"))
        .otherwise(pl.lit("pass"))
    )
    absent = [
        pl.lit(None, dtype=pl.String).alias(name) for name in ("variant_id", "metric") if name not in frame.columns
    ]
    return found.with_columns(
        *absent,
        check_name=pl.lit(check),
        status=pl.when(asked).then(by_threshold if status is None else status).otherwise(pl.lit("not_applicable")),
    ).select(pl.col(name).cast(dtype) for name, dtype in CHECKS.schema.items())


def _object(frame: pl.DataFrame, fields: Mapping[str, pl.Expr]) -> pl.Series:
    """JSON object of each row that has no `reason`; a field that is null is left out, text is taken for JSON."""
    asked = pl.col("reason").is_null()
    values = frame.select(pl.when(asked).then(value).alias(name) for name, value in fields.items())
    texts = pl.DataFrame([_json(values[name]) for name in fields])
    parts = [pl.lit(f"{json.dumps(name)}: ") + pl.col(name) for name in fields]
    return texts.select(pl.lit("{") + pl.concat_str(parts, separator=", ", ignore_nulls=True) + pl.lit("}")).to_series()


def _json(values: pl.Series) -> pl.Series:
    """A column as JSON, value by value; null stays null, and text is JSON already."""
    if values.dtype.is_float() and not values.is_finite().all():
        raise ValueError(f"{values.name} holds a number that is not finite, for which JSON has no word")
    # Polars writes the shortest text that reads back as the same number.
    return values.cast(pl.String)


def _keys(names: pl.Series) -> pl.Series:
    """Variant ids as keys of a JSON object; they are text of others, and escaped as such."""
    known = names.unique().to_list()
    return names.replace_strict(known, [f"{json.dumps(name, ensure_ascii=False)}: " for name in known])


def _by_key(name: str) -> pl.Expr:
    """Inside a group: the JSON object of a column that holds JSON, by the column `key`."""
    return (pl.lit("{") + (pl.col("key") + pl.col(name)).str.join(", ") + pl.lit("}")).alias(name)


def _planned(counts: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Counts with planned shares: every registered variant of every epoch that has readers, those without any at 0."""
    epochs = counts.select(*_DAY, "epoch").unique(maintain_order=True).with_row_index("stratum")
    registered = shares.select("experiment_id", "variant_id", "position", "is_control").unique()
    numbers = [name for name, dtype in EXPOSURE_COUNT_SCHEMA.items() if dtype == pl.Int64 and name != "epoch"]
    return (
        epochs.join(registered, on="experiment_id")
        .join(
            shares.select("experiment_id", "epoch", "variant_id", "share", "is_registered"),
            on=["experiment_id", "epoch", "variant_id"],
            how="left",
        )
        .join(
            counts.select(*_DAY, "epoch", "variant_id", *numbers, found=pl.lit(value=True)),
            on=[*_DAY, "epoch", "variant_id"],
            nulls_equal=True,
            how="left",
        )
        .with_columns(
            pl.when(pl.col("found").is_null()).then(0).otherwise(pl.col(name)).alias(name) for name in numbers
        )
        .sort("stratum", "position")
    )


def _log_e(
    planned: pl.DataFrame, count: pl.Expr, weight: pl.Expr, *, concentration: float = srm.CONCENTRATION
) -> pl.DataFrame:
    """Log e-value of the counts against the weights, added over epochs: one row per experiment and as_of."""
    frame = planned.select(*_DAY, "stratum", n=count.cast(pl.Float64), w=weight).with_columns(
        s=pl.col("w") / pl.col("w").sum().over("stratum")
    )
    terms = srm.log_e_terms(frame["n"].to_numpy(), frame["s"].to_numpy(), concentration=concentration)
    by_epoch = (
        frame.with_columns(term=pl.Series(terms))
        .group_by("stratum", maintain_order=True)
        .agg(pl.first(*_DAY), pl.col("term").sum(), pl.col("n").sum())
    )
    total = srm.log_e_total(by_epoch["n"].to_numpy(), concentration=concentration)
    return (
        by_epoch.with_columns(log_e=pl.col("term") + pl.Series(total))
        .group_by(_DAY, maintain_order=True)
        .agg(pl.col("log_e").sum(), pl.col("n").sum())
    )


def _constants(counts: pl.DataFrame, statistics: pl.DataFrame) -> pl.DataFrame:
    """`constant` by which the counts of each experiment were scaled up; 1 where they were counted reader by reader.

    Only totals that somebody handed over can be scaled: a table without dates, whose money carries no sums of squares.
    """
    money = [name for name, metric in METRICS.items() if metric.kind == "money"]
    counted = statistics.filter(pl.col("metric").is_in(money) & pl.col("s2").is_not_null())["experiment_id"].unique()
    tests = counts.select("experiment_id").unique(maintain_order=True).with_row_index("test")
    placed = (
        counts.filter(pl.col("as_of").is_null().all().over("experiment_id"))
        .filter(~pl.col("experiment_id").is_in(counted.implode()))
        .join(tests, on="experiment_id")
        .with_columns(column=pl.int_range(pl.len()).over("test"))
    )
    if placed.is_empty():
        return tests.select("experiment_id", constant=pl.lit(1, dtype=pl.Int64))
    board = np.zeros((tests.height, int(placed["column"].to_numpy().max()) + 1))
    board[placed["test"].to_numpy(), placed["column"].to_numpy()] = placed["n"].fill_null(0).to_numpy()
    return tests.select("experiment_id", constant=pl.Series(srm.scaling_constant(board)))


def _sample_ratio(planned: pl.DataFrame, counts: pl.DataFrame, statistics: pl.DataFrame) -> pl.DataFrame:
    scaled = planned.join(
        _constants(counts, statistics), on="experiment_id", how="left", maintain_order="left"
    ).with_columns(total=pl.col("n").sum().over("stratum"))
    usable = scaled.filter(pl.col("share").is_not_null().all().over(_DAY) & (pl.col("n").sum().over(_DAY) > 0))
    days = scaled.group_by(_DAY, maintain_order=True).agg(
        pl.col("n").sum(),
        pl.col("constant").first(),
        is_registered=pl.col("is_registered").all(),
        epochs=pl.col("stratum").n_unique(),
    )
    if usable.is_empty():
        days = days.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in ("log_e", "raw"))
    else:
        found = _log_e(usable, pl.col("n") / pl.col("constant"), pl.col("share")).drop("n")
        raw = _log_e(usable, pl.col("n"), pl.col("share")).drop("n").rename({"log_e": "raw"})
        for evidence in (found, raw):
            days = days.join(evidence, on=_DAY, nulls_equal=True, how="left", maintain_order="left")
    days = days.with_columns(
        reason=pl.when(pl.col("log_e").is_null()).then(
            pl.when(pl.col("n") > 0).then(pl.lit("no_planned_share")).otherwise(pl.lit("no_exposure"))
        )
    )
    variants = (
        scaled.group_by([*_DAY, "variant_id"], maintain_order=True)
        .agg(pl.col("n").sum(), expected=(pl.col("share") * pl.col("total")).sum())
        .join(
            days.filter(pl.col("reason").is_null()).select(*_DAY, total="n"),
            on=_DAY,
            nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(planned=pl.col("expected") / pl.col("total"), observed=pl.col("n") / pl.col("total"))
    )
    split = ("planned", "observed", "n")
    texts = (
        variants.with_columns(_keys(variants["variant_id"]).alias("key"), *(_json(variants[name]) for name in split))
        .group_by(_DAY, maintain_order=True)
        .agg(_by_key(name).alias(f"{name}_text") for name in split)
    )
    is_scaled = pl.col("constant") > 1
    return _outcomes(
        days.join(texts, on=_DAY, nulls_equal=True, how="left", maintain_order="left"),
        "sample_ratio",
        statistic=pl.col("log_e"),
        warn_at=_WARN_LOG_E,
        block_at=_BLOCK_LOG_E,
        detail={
            **{name: pl.col(f"{name}_text") for name in split},
            "is_registered": pl.col("is_registered"),
            "epochs": pl.col("epochs"),
            "scaled_by": pl.when(is_scaled).then(pl.col("constant")),
            "log_e_unscaled": pl.when(is_scaled).then(pl.col("raw")),
        },
    )


def _contamination(planned: pl.DataFrame) -> list[pl.DataFrame]:
    counted = planned.filter(
        pl.col("n_contaminated").is_not_null().all().over(_DAY) & pl.col("share").is_not_null().all().over(_DAY)
    )
    days = planned.group_by(_DAY, maintain_order=True).agg(
        n=pl.col("n").sum().cast(pl.Float64),
        mixed=pl.col("n_contaminated").sum(),
        unknown=pl.col("n_contaminated").is_null().any(),
        is_even=pl.col("share").n_unique() == 1,
    )
    # A reader drawn twice, independently, starts in variant j and ends elsewhere with chance s_j (1 - s_j).
    found = (
        days.select(*_DAY, log_e=pl.lit(None, dtype=pl.Float64)).clear()
        if counted.is_empty()
        else _log_e(counted, pl.col("n_contaminated"), pl.col("share") * (1 - pl.col("share"))).drop("n")
    )
    variants = planned.group_by([*_DAY, "variant_id"], maintain_order=True).agg(mixed=pl.col("n_contaminated").sum())
    texts = (
        variants.with_columns(_keys(variants["variant_id"]).alias("key"), _json(variants["mixed"]))
        .group_by(_DAY, maintain_order=True)
        .agg(readers=_by_key("mixed"))
    )
    nothing = pl.when("unknown").then(pl.lit("not_counted")).when(pl.col("n") == 0).then(pl.lit("no_exposure"))
    for more in (found, texts):
        days = days.join(more, on=_DAY, nulls_equal=True, how="left", maintain_order="left")
    days = days.with_columns(share=pl.col("mixed") / pl.col("n"))
    return [
        _outcomes(
            days.with_columns(reason=nothing),
            "contamination",
            statistic=pl.col("share"),
            warn_at=_CONTAMINATED[0],
            block_at=_CONTAMINATED[1],
            detail={"share": pl.col("share"), "readers": pl.col("mixed"), "n": pl.col("n")},
        ),
        # With unequal shares the expected split holds only for two draws a reader: such an alarm warns, and no more.
        _outcomes(
            days.with_columns(reason=nothing.when(pl.col("log_e").is_null()).then(pl.lit("no_planned_share"))),
            "contamination_by_variant",
            statistic=pl.col("log_e"),
            warn_at=_WARN_LOG_E,
            block_at=pl.when("is_even").then(_BLOCK_LOG_E),
            detail={"readers": pl.col("readers")},
        ),
    ]


def _left_out(planned: pl.DataFrame, special: pl.DataFrame | None) -> pl.DataFrame:
    """Do the readers whom rules leave out split as planned? Those of several variants have a check of their own.

    A rule asks for what happened after the draw (a rate, a crawler's mark), so that a wording could move it. Epochs are
    taken together: the plan is that of all exposed readers.
    """
    days = planned.group_by(_DAY, maintain_order=True).agg(
        n=pl.col("n").sum(), unplanned=pl.col("share").is_null().any()
    )
    left = (SPECIAL_READERS.frame() if special is None else special).filter(
        ~pl.col("is_counted") & ~pl.col("mark").is_in(["several_variants", "linked_variants"])
    )
    shares = planned.with_columns(weight=pl.col("share") * pl.col("n").sum().over("stratum"))
    arms = shares.group_by([*_DAY, "variant_id"], maintain_order=True).agg(pl.col("weight").sum())
    counted = arms.join(left.select(*_DAY, "variant_id", "mark", "readers"), on=[*_DAY, "variant_id"])
    found = days.with_columns(log_e=pl.lit(None, dtype=pl.Float64), mark=pl.lit(None, dtype=pl.String)).clear()
    usable = counted.filter((pl.col("weight") > 0).all().over(*_DAY, "mark"))
    if not usable.is_empty():
        numbered = usable.with_columns(stratum=pl.struct(*_DAY, "mark").rank("dense"))
        by_mark = pl.concat(
            [
                _log_e(one, pl.col("readers"), pl.col("weight"), concentration=_LEFT_OUT_CONCENTRATION).with_columns(
                    mark=pl.lit(str(mark))
                )
                for (mark,), one in numbered.partition_by("mark", as_dict=True).items()
            ]
        )
        found = by_mark.sort("log_e", descending=True).group_by(_DAY, maintain_order=True).first()
    texts = (
        counted.with_columns(_keys(counted["variant_id"]).alias("key"), _json(counted["readers"]))
        .group_by(*_DAY, "mark", maintain_order=True)
        .agg(_by_key("readers"))
    )
    rows = days.join(
        found.select(*_DAY, "log_e", "mark"), on=_DAY, nulls_equal=True, how="left", maintain_order="left"
    ).join(texts, on=[*_DAY, "mark"], nulls_equal=True, how="left", maintain_order="left")
    return _outcomes(
        rows.with_columns(
            reason=pl.when(pl.lit(special is None))
            .then(pl.lit("not_counted"))
            .when(pl.col("unplanned"))
            .then(pl.lit("no_planned_share"))
            .when(pl.col("n") == 0)
            .then(pl.lit("no_exposure"))
        ),
        "left_out_by_variant",
        statistic=pl.col("log_e").fill_null(0.0),
        warn_at=_WARN_LOG_E,
        block_at=_BLOCK_LOG_E,
        detail={"mark": pl.lit('"') + pl.col("mark") + pl.lit('"'), "readers": pl.col("readers")},
    )


def _late_assignment(arrivals: pl.DataFrame | None, days: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Were readers split as planned on every single day? A split that is broken for days can even out over the test.

    Day d has the share 1 / (d (d + 1)) of one bet, and what is left over stays in hand: a martingale under the plan, so that
    it may be read every day.
    """
    known = pl.DataFrame(schema=DAILY_ARRIVAL_SCHEMA) if arrivals is None else arrivals
    # Every registered variant of a day and epoch that has readers, those without any at 0.
    strata = known.select("experiment_id", "epoch", "first_day").unique()
    planned = (
        strata.join(days, on="experiment_id")
        .join(shares.select("experiment_id", "epoch", "variant_id", "share"), on=["experiment_id", "epoch"])
        .join(known, on=["experiment_id", "epoch", "first_day", "variant_id"], how="left")
        .with_columns(
            pl.col("n").fill_null(0), stratum=pl.struct(*_DAY, "epoch", "first_day").rank("dense").cast(pl.Int64)
        )
        .sort("stratum")
    )
    rows = days.with_columns(
        log_e=pl.lit(None, pl.Float64), n_days=pl.lit(0), day=pl.lit(None, pl.Date), share=pl.lit(None, pl.Float64)
    )
    if not planned.is_empty():
        rows = days.join(_worst_day(planned), on=_DAY, nulls_equal=True, how="left", maintain_order="left")
    return _outcomes(
        rows.with_columns(
            reason=pl.when(pl.lit(arrivals is None) | pl.col("as_of").is_null())
            .then(pl.lit("no_dates"))
            .when(pl.col("log_e").is_null())
            .then(pl.lit("no_exposure"))
        ),
        "late_assignment",
        statistic=pl.col("log_e"),
        warn_at=_WARN_LOG_E,
        block_at=_BLOCK_LOG_E,
        detail={
            "days": pl.col("n_days"),
            "day": pl.lit('"') + pl.col("day").cast(pl.String) + pl.lit('"'),
            "off": pl.col("share"),
        },
    )


def _worst_day(planned: pl.DataFrame) -> pl.DataFrame:
    """By day of the report: log e-value over days of first exposure, and the day that speaks loudest."""
    share = pl.col("share") / pl.col("share").sum().over("stratum")
    frame = planned.with_columns(s=share, total=pl.col("n").sum().over("stratum"))
    terms = srm.log_e_terms(frame["n"].cast(pl.Float64).to_numpy(), frame["s"].to_numpy())
    by_day = (
        frame.with_columns(term=pl.Series(terms), off=(pl.col("n") / pl.col("total") - pl.col("s")).abs())
        .group_by("stratum", maintain_order=True)
        .agg(pl.first(*_DAY, "first_day"), pl.col("term", "n").sum(), pl.col("off").max())
    )
    loud = by_day.with_columns(
        log_e=pl.col("term") + pl.Series(srm.log_e_total(by_day["n"].cast(pl.Float64).to_numpy()))
    )
    number = pl.int_range(1, pl.len() + 1).over(_DAY)
    bets = loud.sort("first_day", "stratum").with_columns(
        bet=pl.col("log_e") - (number * (number + 1)).cast(pl.Float64).log()
    )
    return (
        bets.sort("bet", descending=True)
        .group_by(_DAY, maintain_order=True)
        .agg(
            log_e=pl.col("bet").max()
            + ((pl.col("bet") - pl.col("bet").max()).exp().sum() + (-pl.col("bet").max()).exp() / (pl.len() + 1)).log(),
            n_days=pl.col("first_day").n_unique(),
            day=pl.col("first_day").first(),
            share=pl.col("off").first(),
        )
    )


#: Level of the range of what readers did before the test, and readers with any of it needed on either side.
_BEFORE_ALPHA = 0.01


def _before_the_test(planned: pl.DataFrame) -> list[pl.DataFrame]:
    """Did the groups differ before anybody was asked, in earlier pageviews or in who gave? Then the split did not do its work."""
    control = planned.filter("is_control")
    gave = _side_by_side(planned, control, n="n_split", s1="n_gave_before", s2="n_gave_before")
    visits = _side_by_side(planned, control, n="n", s1="visits_before", s2="visits_before_squared")
    return [
        _before_outcomes(found.with_columns(pl.lit(name).alias("metric")), unknown)
        for found, name, unknown in ((gave, "gifts_before", "not_counted"), (visits, "visits_before", "not_registered"))
    ]


def _side_by_side(planned: pl.DataFrame, control: pl.DataFrame, *, n: str, s1: str, s2: str) -> pl.DataFrame:
    """Means of a variant and its control by day, compared inside strata: log ratio and its error, null where one is missing."""
    names = {n: "n", s1: "s1", s2: "s2"} if s1 != s2 else {n: "n", s1: "s1"}
    sides = [
        frame.select(
            "stratum", *_DAY, "variant_id", *(pl.col(old).cast(pl.Float64).alias(new) for old, new in names.items())
        )
        for frame in (planned.filter(~pl.col("is_control")), control)
    ]
    pairs = sides[0].join(sides[1].drop(*_DAY, "variant_id"), on="stratum", suffix="_a", maintain_order="left")
    if s1 == s2:
        pairs = pairs.with_columns(s2=pl.col("s1"), s2_a=pl.col("s1_a"))
    weight = pl.col("n") * pl.col("n_a") / (pl.col("n") + pl.col("n_a"))

    def spread(side: str) -> pl.Expr:
        count, total, squares = (pl.col(f"{name}{side}") for name in ("n", "s1", "s2"))
        return (squares - total**2 / count) / (count - 1) / count

    return (
        pairs.with_columns(weight=pl.when((pl.col("n") > 1) & (pl.col("n_a") > 1)).then(weight))
        .group_by(*_DAY, "variant_id", maintain_order=True)
        .agg(
            mean=(pl.col("weight") * pl.col("s1") / pl.col("n")).sum() / pl.col("weight").sum(),
            mean_a=(pl.col("weight") * pl.col("s1_a") / pl.col("n_a")).sum() / pl.col("weight").sum(),
            variance=(pl.col("weight") ** 2 * spread("")).sum() / pl.col("weight").sum() ** 2,
            variance_a=(pl.col("weight") ** 2 * spread("_a")).sum() / pl.col("weight").sum() ** 2,
            fewest=pl.min_horizontal(pl.col("s1").sum(), pl.col("s1_a").sum()),
            unknown=(pl.col("s1").is_null() | pl.col("s1_a").is_null()).any(),
        )
    )


def _before_outcomes(found: pl.DataFrame, unknown: str) -> pl.DataFrame:
    means = [found[name].fill_null(float("nan")).to_numpy() for name in ("mean", "mean_a", "variance", "variance_a")]
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = np.log(means[0] / means[1])
        se = np.sqrt(means[2] / means[0] ** 2 + means[3] / means[1] ** 2)
    priors = sequential.Priors.same(sequential.GUARDRAIL_PRIOR, found.height)
    log_e = pl.Series(sequential.normal_mixture(theta, se, priors, _BEFORE_ALPHA).log_e).fill_nan(None)
    return _outcomes(
        found.with_columns(
            log_e=log_e,
            lift=pl.Series(np.where(np.isfinite(theta), np.expm1(theta), np.nan)).fill_nan(None),
            reason=pl.when("unknown")
            .then(pl.lit(unknown))
            .when((pl.col("fewest") < _FEWEST_VIEWERS) | log_e.is_null())
            .then(pl.lit("few_before")),
        ),
        "before_the_test",
        statistic=pl.col("log_e"),
        block_at=-math.log(_BEFORE_ALPHA),
        detail={"before": pl.col("mean"), "before_control": pl.col("mean_a"), "lift": pl.col("lift")},
    )


def _untied(planned: pl.DataFrame, tied: pl.DataFrame | None) -> pl.DataFrame:
    """Does the share of gifts that nothing ties to a reader differ from the control's? Then value compares unlike parts.

    A gift whose form names the experiment and whose reader is not found is missing from its variant's outcomes.
    """
    arms = planned.group_by([*_DAY, "variant_id"], maintain_order=True).agg(pl.col("is_control").first())
    gifts = (
        (TIED_GIFTS.frame() if tied is None else tied)
        .group_by([*_DAY, "variant_id"])
        .agg(n=pl.col("gifts").sum(), v=pl.col("gifts").filter(~pl.col("is_tied")).sum())
    )
    known = arms.join(
        gifts, on=[*_DAY, "variant_id"], nulls_equal=True, how="left", maintain_order="left"
    ).with_columns(pl.col("n", "v").fill_null(0))
    control = known.filter("is_control").select(*_DAY, na="n", va="v")
    found = _compared_shares(
        known.filter(~pl.col("is_control")).join(control, on=_DAY, nulls_equal=True, maintain_order="left")
    )
    nobody = (pl.col("v") == 0) & (pl.col("va") == 0)
    return _share_outcomes(
        found.with_columns(
            reason=pl.when(pl.lit(tied is None))
            .then(pl.lit("not_counted"))
            .when(nobody)
            .then(pl.lit("no_untied_gifts"))
            .when((pl.min_horizontal("v", "va") < _FEWEST_VIEWERS) | pl.col("lift").is_null())
            .then(pl.lit("few_untied_gifts")),
        ),
        "untied_gifts",
    )


def _compared_shares(pairs: pl.DataFrame) -> pl.DataFrame:
    """Evidence that a share v / n differs from the control's va / na, by day and variant, compared inside strata.

    Returns:
        Sums of `n`, `v`, `na` and `va`, with `log_e` of the normal mixture on the Mantel-Haenszel log ratio and the `lift`, which
        is null where no stratum has both. Where every unit has the mark, nothing can differ, and `log_e` is 0.
    """
    na, va, nb, vb = (pairs[name].cast(pl.Float64).to_numpy() for name in ("na", "va", "n", "v"))
    both = (na > 0) & (nb > 0)
    total = np.where(both, na + nb, 1.0)
    strata = pairs.with_columns(
        above=pl.Series(np.where(both, vb * na / total, 0.0)),
        below=pl.Series(np.where(both, va * nb / total, 0.0)),
        variance=pl.Series(np.where(both, ((va + vb) * na * nb / total - va * vb) / total, 0.0)),
    )
    found = strata.group_by([*_DAY, "variant_id"], maintain_order=True).agg(
        pl.col("above", "below", "variance", "n", "na", "v", "va").sum(),
        unknown=(pl.col("v").is_null() | pl.col("va").is_null()).any(),
    )
    above, below, variance = (found[name].cast(pl.Float64).to_numpy() for name in ("above", "below", "variance"))
    with np.errstate(divide="ignore", invalid="ignore"):
        theta, se = np.log(above / below), np.sqrt(variance / (above * below))
    log_e = pl.Series(
        sequential.normal_mixture(theta, se, sequential.Priors.same(sequential.GUARDRAIL_PRIOR, found.height)).log_e
    )
    lift = pl.Series(np.where(np.isfinite(theta), np.expm1(theta), np.nan)).fill_nan(None)
    return found.with_columns(log_e=log_e.set(~log_e.is_finite(), 0.0), lift=lift)


def _share_outcomes(found: pl.DataFrame, check: str) -> pl.DataFrame:
    """Outcomes of a check on shares, from `_compared_shares` with a `reason`: alike for all checks that compare one."""
    return _outcomes(
        found,
        check,
        statistic=pl.col("log_e"),
        warn_at=_WARN_LOG_E,
        block_at=_BLOCK_LOG_E,
        detail={
            "share": pl.col("v") / pl.col("n"),
            "share_control": pl.col("va") / pl.col("na"),
            "lift": pl.col("lift"),
        },
    )


def _denominator(planned: pl.DataFrame) -> pl.DataFrame:
    """Insertion-to-view by variant: does the wording change who counts as having seen it?"""
    control = planned.filter("is_control").select("stratum", na="n", va="n_viewed")
    pairs = planned.filter(~pl.col("is_control")).rename({"n_viewed": "v"}).join(control, on="stratum")
    found = _compared_shares(pairs)
    return _share_outcomes(
        found.with_columns(
            reason=pl.when("unknown")
            .then(pl.lit("not_counted"))
            .when((pl.col("v") == 0) & (pl.col("va") == 0))
            .then(pl.lit("no_views"))
            # Without an epoch that both were asked in, there is nothing to compare.
            .when((pl.min_horizontal("v", "va") < _FEWEST_VIEWERS) | pl.col("lift").is_null())
            .then(pl.lit("too_few_readers")),
        ),
        "denominator",
    )


def _primary(frame: pl.DataFrame, primary: pl.DataFrame) -> pl.DataFrame:
    """The rows of the registered primary metric."""
    return frame.join(primary, on=["experiment_id", "metric"], how="semi", maintain_order="left")


def _basis_agreement(estimates: pl.DataFrame, primary: pl.DataFrame) -> pl.DataFrame:
    rows = _primary(estimates, primary).select(*_DAY, "basis", "variant_id", "metric", "lift", "log_e", "reason")
    exposed, viewed = rows.filter(pl.col("basis") == "exposed"), rows.filter(pl.col("basis") == "viewed")
    differ = pl.col("lift") * pl.col("lift_viewed") < 0
    return _outcomes(
        exposed.join(
            viewed, on=[*_DAY, "variant_id"], nulls_equal=True, how="left", suffix="_viewed", maintain_order="left"
        ).with_columns(
            reason=pl.when(pl.col("basis_viewed").is_null())
            .then(pl.lit("no_views"))
            .when(pl.col("lift").is_null() | pl.col("lift_viewed").is_null())
            .then(pl.coalesce("reason", "reason_viewed"))
        ),
        "basis_agreement",
        statistic=pl.when(differ).then(pl.max_horizontal("log_e", "log_e_viewed").fill_null(0.0)).otherwise(0.0),
        block_at=_BASIS_LOG_E,
        detail={"exposed": pl.col("lift"), "viewed": pl.col("lift_viewed"), "signs_differ": differ},
    )


def _cap_agreement(estimates: pl.DataFrame) -> pl.DataFrame:
    """Capped and uncapped lift of opposite sign: figures and evidence stand, but no rule may use the variant."""
    rows = estimates.filter(pl.col("basis") == "exposed").select(*_DAY, "variant_id", "metric", "lift", "reason")
    capped = rows.filter(pl.col("metric") == "value")
    uncapped = rows.filter(pl.col("metric") == "value_uncapped").drop("metric")
    differ = pl.col("lift") * pl.col("lift_uncapped") < 0
    return _outcomes(
        capped.join(
            uncapped, on=[*_DAY, "variant_id"], nulls_equal=True, how="left", suffix="_uncapped", maintain_order="left"
        ).with_columns(
            reason=pl.when(pl.col("lift").is_null() | pl.col("lift_uncapped").is_null()).then(
                pl.coalesce("reason", "reason_uncapped", pl.lit("not_counted"))
            )
        ),
        "cap_agreement",
        statistic=differ.cast(pl.Float64),
        warn_at=1.0,
        detail={"capped": pl.col("lift"), "uncapped": pl.col("lift_uncapped"), "signs_differ": differ},
    )


def _one_donor(
    sums: pl.DataFrame, estimates: pl.DataFrame, shares: pl.DataFrame, primary: pl.DataFrame
) -> pl.DataFrame:
    """Share of the largest value of one reader, and whether the lift turns without it.

    Blocks only where both hold: a lift near 0 turns without almost any gift, which says nothing against it.
    """
    money = sums.filter(pl.col("metric").is_in(["value", "value_uncapped"]))
    rows = (
        money.group_by([*_DAY, "metric", "variant_id"], maintain_order=True)
        .agg(
            pl.col("s1").sum(),
            top=pl.when(((pl.col("x") == 0) | pl.col("top").is_not_null()).all()).then(pl.col("top").max()),
        )
        .join(
            shares.select("experiment_id", "variant_id", "is_control", "position").unique(),
            on=["experiment_id", "variant_id"],
        )
        .sort("metric", "position")
        .with_row_index("row")
        .with_columns(
            share=pl.col("top") / pl.col("s1"),
            reason=pl.when(pl.col("s1").is_null() | (pl.col("s1") <= 0))
            .then(pl.lit("no_conversions_yet"))
            .when(pl.col("top").is_null())
            .then(pl.lit("not_counted")),
            # Taking a share q away from one side moves the log ratio by log(1 - q).
            move=pl.when(pl.col("top") < pl.col("s1"))
            .then((-pl.col("top") / pl.col("s1")).log1p())
            .otherwise(-math.inf),
        )
    )
    # A gift to the control concerns every lift, one to a variant its own.
    lifts = (
        rows.filter(pl.col("reason").is_null())
        .select(*_DAY, "metric", "row", "move", "is_control", of="variant_id")
        .join(
            estimates.filter((pl.col("basis") == "exposed") & pl.col("log_ratio").is_not_null()).select(
                *_DAY, "metric", "variant_id", "log_ratio"
            ),
            on=[*_DAY, "metric"],
            nulls_equal=True,
            maintain_order="left_right",
        )
        .filter(pl.col("is_control") | (pl.col("of") == pl.col("variant_id")))
        .with_columns(
            without=pl.col("log_ratio") + pl.when("is_control").then(-pl.col("move")).otherwise(pl.col("move"))
        )
    )
    lift, lift_without = (pl.Series(name, np.expm1(lifts[name].to_numpy())) for name in ("log_ratio", "without"))
    concerned = (
        lifts.select(
            "row",
            _keys(lifts["variant_id"]).alias("key"),
            _json(lift).alias("lift"),
            _json(lift_without.set(~lift_without.is_finite() | lifts["without"].is_infinite(), None)).alias(
                "lift_without"
            ),
            turns=pl.col("without") * pl.col("log_ratio") < 0,
        )
        .group_by("row", maintain_order=True)
        .agg(pl.col("turns").any(), _by_key("lift"), _by_key("lift_without"))
    )
    is_large = pl.col("share") >= _LARGEST_GIFT
    decides = pl.col("decides").fill_null(value=False)
    return _outcomes(
        rows.join(concerned, on="row", how="left", maintain_order="left")
        .join(
            primary.with_columns(decides=pl.lit(value=True)),
            on=["experiment_id", "metric"],
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("turns").fill_null(value=False), pl.col("lift", "lift_without").fill_null("{}")),
        "one_donor",
        statistic=pl.col("share"),
        warn_at=_LARGEST_GIFT,
        status=pl.when(is_large & pl.col("turns") & decides)
        .then(pl.lit("block"))
        .when(is_large)
        .then(pl.lit("warn"))
        .otherwise(pl.lit("pass")),
        detail={
            "share": pl.col("share"),
            "largest": pl.col("top"),
            "total": pl.col("s1"),
            "sign_turns": pl.col("turns"),
            "lift": pl.col("lift"),
            "lift_without": pl.col("lift_without"),
        },
    )


def _pooled_agreement(
    sums: pl.DataFrame, estimates: pl.DataFrame, primary: pl.DataFrame, metrics: Mapping[str, Metric]
) -> pl.DataFrame:
    """The table pooled over epochs against the estimate that compares inside them.

    Warns only: our estimate is the one inside epochs (docs/adr/0009).
    """
    value = pl.when(pl.col("metric").is_in([m for m, facts in metrics.items() if facts.kind == "binary"]))
    over = pl.when(pl.col("metric").is_in([m for m, facts in metrics.items() if facts.kind == "ratio"]))
    pooled = (
        _primary(sums, primary)
        .group_by([*_DAY, "metric", "variant_id"])
        .agg(
            value.then(pl.col("x").cast(pl.Float64)).otherwise(pl.col("s1")).sum().alias("sum"),
            over.then(pl.col("d1")).otherwise(pl.col("n").cast(pl.Float64)).sum().alias("n"),
            epochs=pl.col("epoch").n_unique(),
        )
        .with_columns(mean=pl.col("sum") / pl.col("n"))
    )
    rows = (
        _primary(estimates, primary)
        .filter(pl.col("basis") == "exposed")
        .select(*_DAY, "metric", "variant_id", "control_id", "log_ratio", "se", "reason")
        .join(pooled, on=[*_DAY, "metric", "variant_id"], nulls_equal=True, how="left")
        .join(
            pooled.rename({"variant_id": "control_id"}),
            on=[*_DAY, "metric", "control_id"],
            nulls_equal=True,
            how="left",
            suffix="_control",
            maintain_order="left",
        )
    )
    absent = [pl.col(name).is_null() | (pl.col(name) == 0) for name in ("mean", "mean_control")]
    rows = rows.with_columns(
        reason=pl.when(pl.max_horizontal("epochs", "epochs_control").fill_null(0) < 2)
        .then(pl.lit("one_epoch"))
        .when(pl.col("se").is_null() | absent[0] | absent[1])
        .then(pl.coalesce("reason", pl.lit("no_conversions_yet"))),
        crude=(pl.col("mean") / pl.col("mean_control")).log(),
    )
    return _outcomes(
        rows.with_columns(
            pl.Series(name, np.expm1(rows[of].to_numpy()))
            for name, of in (("pooled", "crude"), ("within", "log_ratio"))
        ),
        "pooled_agreement",
        statistic=(pl.col("crude") - pl.col("log_ratio")).abs() / pl.col("se"),
        warn_at=_POOLED,
        detail={"pooled": pl.col("pooled"), "within_epochs": pl.col("within")},
    )


def _novelty(sums: pl.DataFrame, days: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Does the effect on conversion rise or fall, or differ otherwise from day to day? Warns; the verdict stands.

    Conversions of one day are the growth of the cumulative counts; given their number, the share that falls into a
    variant follows from its effect on that day alone, as in `sequential.conversion`.
    """
    daily = (
        sums.filter((pl.col("metric") == "conversion") & pl.col("as_of").is_not_null())
        .sort("as_of")
        .with_columns(
            gained=pl.col("x") - pl.col("x").shift(1, fill_value=0).over("experiment_id", "epoch", "variant_id")
        )
        .join(
            shares.select("experiment_id", "epoch", "variant_id", "share", "is_control"),
            on=["experiment_id", "epoch", "variant_id"],
        )
        .select("experiment_id", "as_of", "epoch", "variant_id", "gained", "share", "is_control")
    )
    control = daily.filter("is_control").select("experiment_id", "as_of", "epoch", a="gained", share_a="share")
    pairs = (
        daily.filter(~pl.col("is_control"))
        .join(control, on=["experiment_id", "as_of", "epoch"])
        .filter(
            (pl.col("gained") + pl.col("a") >= _FEWEST_CONVERSIONS_A_DAY) & (pl.col("gained") >= 0) & (pl.col("a") >= 0)
        )
        .with_columns(
            y=((pl.col("gained") + 0.5) / (pl.col("a") + 0.5)).log() - (pl.col("share") / pl.col("share_a")).log(),
            w=1 / (1 / (pl.col("gained") + 0.5) + 1 / (pl.col("a") + 0.5)),
        )
    )
    variants = (
        days.join(
            shares.filter(~pl.col("is_control")).select("experiment_id", "variant_id", "position").unique(),
            on="experiment_id",
        )
        .sort("position", maintain_order=True)
        .with_row_index("row")
    )
    series = (
        variants.select("row", "experiment_id", "variant_id", until="as_of")
        .join(pairs, on=["experiment_id", "variant_id"])
        .filter(pl.col("as_of") <= pl.col("until"))
        .with_columns(t=(pl.col("as_of") - pl.col("as_of").min().over("row")).dt.total_days().cast(pl.Float64))
    )
    found = variants.with_columns(metric=pl.lit("conversion")).join(
        _trends(series), on="row", how="left", maintain_order="left"
    )
    return _outcomes(
        found.with_columns(
            reason=pl.when(pl.col("as_of").is_null())
            .then(pl.lit("no_dates"))
            .when(pl.col("days").fill_null(0) < _FEWEST_DAYS)
            .then(pl.lit("too_few_days")),
            change=pl.Series(np.expm1(found["slope"].to_numpy())),
        ),
        "novelty",
        statistic=pl.col("z").abs(),
        warn_at=_NOVELTY_Z,
        status=pl.when((pl.col("z").abs() >= _NOVELTY_Z) | (pl.col("q_p") < _NOVELTY_P))
        .then(pl.lit("warn"))
        .otherwise(pl.lit("pass")),
        detail={
            "change_per_day": pl.col("change"),
            "z": pl.col("z"),
            "q": pl.col("q"),
            "q_p": pl.col("q_p"),
            "days": pl.col("days"),
        },
    )


def _trends(series: pl.DataFrame) -> pl.DataFrame:
    """By `row`: weighted slope of y on t with its z, Cochran's Q with its p, and the days that there are."""
    w, total = pl.col("w"), pl.col("w").sum().over("row")
    found = (
        series.with_columns(
            off=pl.col("y") - (w * pl.col("y")).sum().over("row") / total,
            moved=pl.col("t") - (w * pl.col("t")).sum().over("row") / total,
        )
        .group_by("row", maintain_order=True)
        .agg(
            spread=(w * pl.col("moved") ** 2).sum(),
            q=(w * pl.col("off") ** 2).sum(),
            cross=(w * pl.col("moved") * pl.col("y")).sum(),
            freedom=(pl.len().cast(pl.Float64) - 1).clip(1),
            days=pl.col("as_of").n_unique(),
        )
        .with_columns(slope=pl.when(pl.col("spread") > 0).then(pl.col("cross") / pl.col("spread")).otherwise(0.0))
    )
    return found.select(
        "row",
        "slope",
        "q",
        "days",
        z=pl.col("slope") * pl.col("spread").sqrt(),
        q_p=pl.Series(special.chdtrc(found["freedom"].to_numpy(), found["q"].to_numpy())),
    )


def _maturity(planned: pl.DataFrame) -> pl.DataFrame:
    days = planned.group_by(_DAY, maintain_order=True).agg(
        n=pl.col("n").sum().cast(pl.Float64),
        share=pl.col("n_immature").sum() / pl.col("n").sum(),
        reason=pl.when(pl.col("n_immature").is_null().any())
        .then(pl.lit("not_counted"))
        .when(pl.col("n").sum() == 0)
        .then(pl.lit("no_exposure")),
    )
    detail = {"share": pl.col("share"), "n": pl.col("n")}
    return _outcomes(days, "maturity", statistic=pl.col("share"), status=pl.lit("pass"), detail=detail)


def blocked(checks: pl.DataFrame) -> Sequence[str]:
    """Return the names of the checks that block, in the order of the table, each once."""
    return checks.filter(pl.col("status") == "block")["check_name"].unique(maintain_order=True).to_list()
