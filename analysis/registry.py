"""The registry: one TOML file an experiment, read and validated.

What is registered before the start (primary metric, window, cap, smallest effect, shares, end) is what the inference
may use; everything else is exploratory. This module knows no statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, model_validator

from analysis.configuration import Section, read_toml
from analysis.declarations import BUILT_IN, BY_SURFACE, Declaration, MetricName
from analysis.errors import Mistake, RegistryError
from analysis.metrics import COUNTED, METRICS, Metric, facts
from analysis.reader_rules import OwnReaderRules
from analysis.wording.lexicon import OwnTrait, TraitName, people_may_code

Slug = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"),
]
Surface = Literal["donation", "paywall", "membership", "registration"]
Exposure = Literal["eligible", "inserted", "viewed"]
Covariate = Literal["visits_before", "device", "reader_type"]
SURFACES: tuple[str, ...] = ("donation", "paywall", "membership", "registration")

#: Variants are kept in four bits of the packed first exposure (`sql/daily_exposures.sql`).
MAX_VARIANTS = 16


#: Metrics that may decide, and metrics that may guard, beside a team's own.
PRIMARY_METRICS = ("value", "conversion", "subscription_starts", "subscription_value", "conversion_recurring")
GUARDRAIL_METRICS = (
    *(name for name, metric in COUNTED.items() if metric.is_guardrail),
    *(name for name, metric in METRICS.items() if name in BUILT_IN and metric.is_guardrail),
    "cancelled_30_days",
)


class Appeal(Section):
    """The words of an appeal in its parts, exactly as readers saw them. Untrusted text: never rendered unescaped."""

    headline: str = ""
    body: str = ""
    highlight: str = ""
    button: str = ""
    amounts: tuple[Decimal, ...] = ()
    image: str = ""

    @property
    def words(self) -> str:
        """All words in reading order, a part a line."""
        return "\n".join(part for part in (self.headline, self.body, self.highlight, self.button) if part)

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if not any((self.headline, self.body, self.highlight, self.button, self.amounts, self.image)):
            raise ValueError("give at least one of headline, body, highlight, button, amounts, image")
        return self


@dataclass(frozen=True)
class Shared:
    """What the settings declare for every experiment, by name: metrics, and traits of wording."""

    metrics: Mapping[str, Declaration] = field(default_factory=dict)
    traits: Mapping[str, OwnTrait] = field(default_factory=dict)


NOTHING_SHARED = Shared()


def _yes_no_or_count(value: object) -> object:
    if isinstance(value, bool | int) and 0 <= value <= 1000:
        return value
    raise ValueError("must be true, false, or a count of up to 1000")


class Variant(Section):
    """One wording of the appeal.

    Attributes:
        share: Its planned weight among the readers of the experiment.
        traits: What people say of the wording, by trait: true or false, or a count; overrules the rules that code texts.
    """

    id: Slug
    name: str = ""
    share: Annotated[float, Field(gt=0)] = 1.0
    appeal: Appeal
    traits: dict[TraitName, Annotated[bool | int, BeforeValidator(_yes_no_or_count)]] = Field(default_factory=dict)

    def __hash__(self) -> int:  # a table of traits has none of its own
        return hash((self.id, self.share, self.appeal))

    @property
    def label(self) -> str:
        """Name people read; the id where no name is registered."""
        return self.name or self.id


class Allocation(Section):
    """An allocation epoch: from `starts_at` on (publisher's time), readers were split by `shares`."""

    starts_at: datetime
    shares: dict[str, Annotated[float, Field(gt=0)]]


class Guardrail(Section):
    """A metric that must not get worse by more than `margin` (0.02 = two percent)."""

    metric: str
    margin: Annotated[float, Field(gt=0, lt=1)]


class Experiment(Section):
    """One registered test of wordings.

    Attributes:
        starts, planned_end: First and last publisher's day of the test, both included.
        window_hours: Outcome window, counted from a reader's first exposure. None takes the settings' default.
        cap: Winsorising cap of a reader's value, in major units of the reporting currency; "none" for no cap; None
            takes the settings' default.
        smallest_effect: Smallest lift that matters (0.10 = ten percent); None skips the rule `no_difference`.
        guarantee: `anytime` (right however often one looks, no end needed) or `planned` (daily looks up to a registered end,
            after which nothing more is said).
        planned_information: With `planned`, the information 1/se^2 of the log ratio at the end; None takes what sees the
            smallest effect with a power of 80 %.
        covariates: What was known of readers before they were asked, by which the comparison is told once more with less noise:
            `visits_before` (for pageviews), `device`, `reader_type`.
        loss_threshold: Largest expected loss, as a share of the control's value, at which a wording is used.
        secondary_metrics: Metrics to compute besides those that decide, guard, or belong to the surface.
        metrics: The team's own metrics by name: those of this file, and those of the settings once the registry has
            been read with them.
        readers: Which readers count, where that differs from the settings.
    """

    id: Slug
    name: str
    hypothesis: str
    surface: Surface
    owner: str
    starts: date
    planned_end: date
    control: str
    variants: Annotated[tuple[Variant, ...], Field(min_length=2, max_length=MAX_VARIANTS)]
    placement: str = ""
    language: str = "en"
    exposure: Exposure = "inserted"
    primary_metric: str = "value"
    secondary_metrics: tuple[str, ...] = ()
    metrics: dict[MetricName, Declaration] = Field(default_factory=dict)
    smallest_effect: Annotated[float, Field(gt=0, lt=10)] | None = None
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    guarantee: Literal["anytime", "planned"] = "anytime"
    planned_information: Annotated[float, Field(gt=0, lt=1e12)] | None = None
    covariates: tuple[Covariate, ...] = ()
    loss_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.002
    minimum_days: Annotated[int, Field(ge=1)] = 7
    minimum_contributors: Annotated[int, Field(ge=1)] = 100
    window_hours: Annotated[int, Field(ge=1, le=24 * 366)] | None = None
    cap: Annotated[Decimal, Field(gt=0)] | Literal["none"] | None = None
    guardrails: tuple[Guardrail, ...] = ()
    allocation: tuple[Allocation, ...] = ()
    readers: OwnReaderRules = OwnReaderRules()

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Self:
        ids = [variant.id for variant in self.variants]
        if len(set(ids)) != len(ids):
            raise ValueError(f"variants need different ids, found {', '.join(ids)}")
        if self.control not in ids:
            raise ValueError(f"control = {self.control!r} must be one of the variants: {', '.join(ids)}")
        if self.planned_end < self.starts:
            raise ValueError(f"planned_end = {self.planned_end} lies before starts = {self.starts}")
        if self.guarantee == "planned" and self.smallest_effect is None and self.planned_information is None:
            raise ValueError(
                'guarantee = "planned" needs smallest_effect, or planned_information (1/se^2 of the log ratio at the end)'
            )
        if self.guarantee == "anytime" and self.planned_information is not None:
            raise ValueError('planned_information belongs to guarantee = "planned"')
        if len(set(self.covariates)) < len(self.covariates):
            raise ValueError("covariates: each may stand once")
        shared: Shared = info.context or NOTHING_SHARED
        self._metrics_known(shared.metrics)
        self._traits_known(shared.traits)
        starts = [epoch.starts_at for epoch in self.allocation]
        if len({start.tzinfo is None for start in starts}) > 1:
            raise ValueError("allocation.starts_at must have an offset in every epoch or in none (publisher's time)")
        if starts != sorted(set(starts)):
            raise ValueError("allocation epochs must have different starts_at, earliest first")
        for epoch in self.allocation:
            if set(epoch.shares) != set(ids):
                raise ValueError(f"allocation.shares must name every variant once: {', '.join(ids)}")
        metrics = [guardrail.metric for guardrail in self.guardrails]
        if len(set(metrics)) != len(metrics):
            raise ValueError("each guardrail metric may stand once")
        return self

    def _traits_known(self, own: Mapping[str, OwnTrait]) -> None:
        known = people_may_code(own)
        for variant in self.variants:
            for name, value in variant.traits.items():
                key = f"variants.traits.{name} of {variant.id}"
                if name not in known:
                    raise ValueError(
                        f"{key} is no trait; allowed: {', '.join(known)}, or one declared as [traits.{name}] in askwell.toml"
                    )
                if not known[name].counted and not isinstance(value, bool):
                    raise ValueError(f"{key} = {value!r} must be true or false")
        for name in {name for variant in self.variants for name in variant.traits}:
            silent = [variant.id for variant in self.variants if name not in variant.traits]
            if silent and known[name].pattern is None and name in own:
                raise ValueError(
                    f"variants.traits.{name} is not said of {', '.join(silent)}; no rule codes it, so say it of every variant"
                )

    def _metrics_known(self, shared: Mapping[str, Declaration]) -> None:
        taken = [name for name in self.metrics if name in METRICS or name in shared]
        if taken:
            raise ValueError(f"metrics.{taken[0]} is the name of a metric that exists already; choose another")
        own = (*shared, *self.metrics)
        decides = {**BUILT_IN, **shared, **self.metrics}.get(self.primary_metric)
        if decides is not None and decides.direction == "less_is_better":
            raise ValueError(
                f"primary_metric = {self.primary_metric!r} is better when there is less of it; a metric that decides must "
                "be better when there is more (count what should happen, or register it as a guardrail)"
            )
        for key, name, allowed in (
            ("primary_metric", self.primary_metric, (*PRIMARY_METRICS, *own)),
            *(("guardrails.metric", guardrail.metric, (*GUARDRAIL_METRICS, *own)) for guardrail in self.guardrails),
            *(("secondary_metrics", name, (*BUILT_IN, *own)) for name in self.secondary_metrics),
        ):
            if name not in allowed:
                raise ValueError(f"{key} = {name!r} is not known here; allowed: {', '.join(allowed)}")

    @property
    def measured(self) -> dict[str, Declaration]:
        """The declared metrics that this experiment computes, by name: what decides, guards, is asked for, is its own."""
        known = {**BUILT_IN, **self.metrics}
        wanted = (
            self.primary_metric,
            *(guardrail.metric for guardrail in self.guardrails),
            *self.secondary_metrics,
            *self.metrics,
            *BY_SURFACE[self.surface],
        )
        return {name: known[name] for name in dict.fromkeys(wanted) if name in known}

    def with_shared(self, shared: Mapping[str, Declaration]) -> Self:
        """The same experiment, knowing the metrics that the settings declare; only those it names are computed."""
        used = {self.primary_metric, *self.secondary_metrics, *(guardrail.metric for guardrail in self.guardrails)}
        return self.model_copy(
            update={"metrics": {**self.metrics, **{name: one for name, one in shared.items() if name in used}}}
        )

    @property
    def ordered_variants(self) -> tuple[Variant, ...]:
        """The control first, then the others as they stand in the file: the order of letters and colours."""
        return tuple(sorted(self.variants, key=lambda variant: variant.id != self.control))

    @property
    def maximum_days(self) -> int:
        """Planned length in days; a forecast beyond it ends the test as `cannot_tell`."""
        return (self.planned_end - self.starts).days + 1

    def epochs(self, zone: ZoneInfo) -> tuple[tuple[datetime, dict[str, float]], ...]:
        """Start in UTC and planned shares (summing to 1) of each allocation epoch, the first open to the past."""
        epochs = self.allocation or (
            Allocation(
                starts_at=datetime.combine(self.starts, datetime.min.time()),
                shares={variant.id: variant.share for variant in self.variants},
            ),
        )
        return tuple(
            (
                (epoch.starts_at if epoch.starts_at.tzinfo else epoch.starts_at.replace(tzinfo=zone)).astimezone(UTC),
                {key: weight / sum(epoch.shares.values()) for key, weight in epoch.shares.items()},
            )
            for epoch in epochs
        )


def read_experiment(path: Path, shared: Shared = NOTHING_SHARED) -> Experiment:
    """Return one registry file; `shared` is what the settings declare for all of them.

    Raises:
        RegistryError: naming file, key, value and what is allowed, for every mistake in the file.
    """
    return read_toml(path, Experiment, RegistryError, context=shared).with_shared(shared.metrics)


def read_registry(folder: Path, shared: Shared = NOTHING_SHARED) -> tuple[Experiment, ...]:
    """Return every experiment under `folder`, ordered by id. A missing folder is a registry of none.

    Args:
        shared: What the settings declare for all of them.

    Raises:
        RegistryError: for the first file that cannot be used (`askwell check` collects them all).
    """
    files = sorted(folder.glob("*.toml"))
    found: dict[str, Path] = {}
    experiments: list[Experiment] = []
    declared: dict[str, Declaration] = {}
    for file in files:
        experiment = read_experiment(file, shared)
        if experiment.id in found:
            raise RegistryError(
                file, [Mistake("id", repr(experiment.id), f"is already taken by {found[experiment.id].name}")]
            )
        for name, declaration in experiment.metrics.items():
            if declared.setdefault(name, declaration) != declaration:
                raise RegistryError(
                    file,
                    [Mistake(f"metrics.{name}", "", "another experiment declares it differently; choose another name")],
                )
        found[experiment.id] = file
        experiments.append(experiment)
    return tuple(sorted(experiments, key=lambda experiment: experiment.id))


def catalogue(experiments: Iterable[Experiment]) -> dict[str, Metric]:
    """Every metric that the experiments may have, built in or declared, by name."""
    return {
        **METRICS,
        **{
            name: facts(name, declaration)
            for experiment in experiments
            for name, declaration in experiment.metrics.items()
        },
    }


PLAN_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "primary_metric": pl.String,
    "alpha": pl.Float64,
    "smallest_effect": pl.Float64,
    "guarantee": pl.String,
    "planned_information": pl.Float64,
    "loss_threshold": pl.Float64,
    "minimum_days": pl.Int64,
    "minimum_contributors": pl.Int64,
    "maximum_days": pl.Int64,
    "starts": pl.Date,
    "planned_end": pl.Date,
}
SHARE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "epoch": pl.Int64,
    "variant_id": pl.String,
    "position": pl.Int64,
    "is_control": pl.Boolean,
    "share": pl.Float64,
    "is_registered": pl.Boolean,
}
GUARDRAIL_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "metric": pl.String,
    "margin": pl.Float64,
}


def plans(experiments: Iterable[Experiment]) -> pl.DataFrame:
    """One row per experiment: what decides, and when. Schema `PLAN_SCHEMA`."""
    return pl.DataFrame(
        [
            {
                "experiment_id": experiment.id,
                "primary_metric": experiment.primary_metric,
                "alpha": experiment.alpha,
                "smallest_effect": experiment.smallest_effect,
                "guarantee": experiment.guarantee,
                "planned_information": experiment.planned_information,
                "loss_threshold": experiment.loss_threshold,
                "minimum_days": experiment.minimum_days,
                "minimum_contributors": experiment.minimum_contributors,
                "maximum_days": experiment.maximum_days,
                "starts": experiment.starts,
                "planned_end": experiment.planned_end,
            }
            for experiment in experiments
        ],
        schema=PLAN_SCHEMA,
    )


def shares(experiments: Iterable[Experiment], zone: ZoneInfo) -> pl.DataFrame:
    """One row per experiment, allocation epoch and variant, control at position 0. Schema `SHARE_SCHEMA`."""
    return pl.DataFrame(
        [
            {
                "experiment_id": experiment.id,
                "epoch": epoch,
                "variant_id": variant.id,
                "position": position,
                "is_control": variant.id == experiment.control,
                "share": planned[variant.id],
                "is_registered": True,
            }
            for experiment in experiments
            for epoch, (_, planned) in enumerate(experiment.epochs(zone))
            for position, variant in enumerate(experiment.ordered_variants)
        ],
        schema=SHARE_SCHEMA,
    )


def guardrails(experiments: Sequence[Experiment]) -> pl.DataFrame:
    """One row per experiment and guardrail metric. Schema `GUARDRAIL_SCHEMA`."""
    return pl.DataFrame(
        [
            {"experiment_id": experiment.id, "metric": guardrail.metric, "margin": guardrail.margin}
            for experiment in experiments
            for guardrail in experiment.guardrails
        ],
        schema=GUARDRAIL_SCHEMA,
    )
