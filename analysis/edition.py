"""An edition: everything known after one as_of day, computed step by step and kept for ever.

Each step reads what the step before it left in the store under the edition's number, so that a step may be killed and
run again. A number is taken by publishing; until then a new attempt replaces what the last one left. Where nothing has
changed since the edition before, there is no new edition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl

from analysis.cohorts import last_counted_day
from analysis.database import publish_database
from analysis.errors import NothingToReport
from analysis.experiment_result import Audience, Edition, ExperimentResult
from analysis.frozen import with_frozen
from analysis.money import to_minor
from analysis.outcomes import DEFINITIONS, last_event_day
from analysis.published_tables import KEPT_FOR_EVER
from analysis.registry import Experiment, catalogue, guardrails, plans, shares
from analysis.result_tables import (
    ADJUSTED_ESTIMATES,
    ARRIVALS,
    CHECKS,
    COHORTS,
    DECISIONS,
    ESTIMATES,
    FUNNEL,
    OTHER_READINGS,
    RESULT_TABLES,
    SPECIAL_READERS,
    STRANGERS,
    SUFFICIENT_STATISTICS,
    TIED_GIFTS,
    VARIANT_RESULTS,
)
from analysis.settings import Settings
from analysis.store import EditionEntry, Warehouse, fingerprint
from analysis.sufficient import CLASS_SCHEMA, DAILY_ARRIVAL_SCHEMA, EXPOSURE_COUNT_SCHEMA, cohort_statistics
from analysis.wording.catalogue import APPEAL_PARTS, appeal_parts
from analysis.wording.tables import PAST_ARMS, WORDING_EFFECTS, WORDING_TABLES

if TYPE_CHECKING:
    from analysis.wording.past import Past
    from analysis.wording.result import WordingResult

#: Tables that a step leaves for the steps after it.
_STATISTICS = "sufficient_statistics"
_EXPOSURE_COUNTS = "exposure_counts"
_DAILY_ARRIVALS = "daily_arrivals"
_CLASSES = "reader_classes"
_DAILY_READERS = "daily_readers"
_MARKS = "definition_marks"
_FIRST_PLANS = "first_plans"

_DAILY_READERS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "experiment_id": pl.String,
    "daily_readers": pl.Float64,
}


@dataclass(frozen=True)
class Draft:
    """The edition that is being made, or the last one where nothing has changed since.

    Attributes:
        made_at: When it was published, or the present moment where it is new.
    """

    number: int
    as_of: date
    inputs: str
    is_new: bool
    made_at: datetime


def draft(warehouse: Warehouse, experiments: Sequence[Experiment], now: datetime | None = None) -> Draft:
    """Return the edition that the store's present state makes.

    Raises:
        NothingToReport: no day with events has ended yet.
    """
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    as_of = last_event_day(warehouse, now)
    if as_of is None:
        raise NothingToReport(
            f"No event has been accepted yet. Put files under {warehouse.settings.folders.landing}, "
            "then run `askwell check` to see what would be read."
        )
    inputs = fingerprint(
        DEFINITIONS,
        list(COHORTS.schema),
        [list(table.schema) for table in RESULT_TABLES],
        as_of,
        warehouse.settings.publisher,
        warehouse.settings.outcomes,
        warehouse.settings.readers.model_dump(exclude={"employees_file"}),
        [experiment.model_dump_json() for experiment in experiments],
        [(part.scope, part.inputs) for part in warehouse.parts("cohort_cells")],
        warehouse.ledger().height,
        # After an erasure there is a new edition, though no count has changed: the tables of the last one have holes.
        warehouse.rows_with_reason("erased_reader"),
        [(part.scope, part.inputs) for part in warehouse.parts(PAST_ARMS)],
        {name: trait.model_dump_json() for name, trait in warehouse.settings.traits.items()},
        [(table.name, list(table.schema)) for table in WORDING_TABLES],
    )
    editions = warehouse.editions()
    if editions and editions[-1].inputs == inputs:
        return Draft(editions[-1].number, as_of, inputs, is_new=False, made_at=editions[-1].published_at)
    return Draft(editions[-1].number + 1 if editions else 1, as_of, inputs, is_new=True, made_at=now)


def write_statistics(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> pl.DataFrame:
    """Keep the sufficient statistics of the edition; return them (schema `SUFFICIENT_STATISTICS`)."""
    cohorts = cohort_statistics(warehouse, experiments, edition.as_of)
    tables = with_frozen(
        warehouse,
        experiments,
        {
            _STATISTICS: cohorts.statistics,
            _EXPOSURE_COUNTS: cohorts.exposure_counts,
            _CLASSES: cohorts.classes,
            _DAILY_ARRIVALS: cohorts.daily_arrivals,
            _DAILY_READERS: cohorts.daily_readers,
            ARRIVALS.name: cohorts.arrivals,
            COHORTS.name: cohorts.cohorts,
            _MARKS: _definition_marks(warehouse.settings, experiments),
            FUNNEL.name: cohorts.funnel,
            SPECIAL_READERS.name: cohorts.special_readers,
            TIED_GIFTS.name: cohorts.tied_gifts,
            STRANGERS.name: cohorts.strangers,
        },
    )
    _keep(warehouse, edition, tables)
    return tables[_STATISTICS]


def write_estimates(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> pl.DataFrame:
    """Keep estimates, variant results and trust checks of the edition; return the estimates (schema `ESTIMATES`)."""
    from analysis.inference.adjusted import adjusted_estimates
    from analysis.inference.estimates import describe_variants, estimate
    from analysis.inference.other_readings import other_readings
    from analysis.inference.prior_scale import learned_scales
    from analysis.trust import run_checks

    statistics = edition_table(warehouse, edition, _STATISTICS, SUFFICIENT_STATISTICS.schema)
    counts = edition_table(warehouse, edition, _EXPOSURE_COUNTS, EXPOSURE_COUNT_SCHEMA)
    classes = edition_table(warehouse, edition, _CLASSES, CLASS_SCHEMA)
    arrivals = edition_table(warehouse, edition, _DAILY_ARRIVALS, DAILY_ARRIVAL_SCHEMA)
    special = edition_table(warehouse, edition, SPECIAL_READERS.name, SPECIAL_READERS.schema)
    tied = edition_table(warehouse, edition, TIED_GIFTS.name, TIED_GIFTS.schema)
    plan, share = _held_plans(warehouse, experiments, edition), shares(experiments, warehouse.settings.zone)
    metrics = catalogue(experiments)
    surfaces = {experiment.id: experiment.surface for experiment in experiments}
    scales = learned_scales(statistics, plan, share, surfaces, metrics=metrics)
    estimates = estimate(statistics, plan, share, scales=scales, metrics=metrics)
    _keep(
        warehouse,
        edition,
        {
            ESTIMATES.name: estimates,
            OTHER_READINGS.name: other_readings(statistics, estimates, plan, share, metrics=metrics),
            ADJUSTED_ESTIMATES.name: adjusted_estimates(classes, plan, share, metrics=metrics),
            VARIANT_RESULTS.name: describe_variants(statistics, plan, share, scales=scales, metrics=metrics),
            CHECKS.name: run_checks(
                counts,
                statistics,
                estimates,
                plan,
                share,
                arrivals=arrivals,
                special=special,
                tied=tied,
                metrics=metrics,
            ),
        },
    )
    return estimates


def _held_plans(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> pl.DataFrame:
    """The plans, with each registered end as it was when its experiment was first counted; kept for editions to come."""
    from analysis.inference.planned_end import hold_to_first

    plan = plans(experiments)
    before = [entry.number for entry in warehouse.editions() if entry.number < edition.number]
    kept = warehouse.parts(_FIRST_PLANS, [str(before[-1])]) if before else []
    known = pl.concat([plan.clear(), *(pl.read_parquet(part.path) for part in kept)], how="diagonal")
    begun = plan.filter(pl.col("starts") <= edition.as_of).join(known, on="experiment_id", how="anti")
    first = pl.concat([known, begun], how="diagonal")
    _keep(warehouse, edition, {_FIRST_PLANS: first})
    return hold_to_first(plan, first)


def write_decisions(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> pl.DataFrame:
    """Keep the verdicts of the edition; return them (schema `DECISIONS`)."""
    from analysis.decisions import decide

    decisions = decide(
        edition_table(warehouse, edition, ESTIMATES.name, ESTIMATES.schema),
        edition_table(warehouse, edition, VARIANT_RESULTS.name, VARIANT_RESULTS.schema),
        edition_table(warehouse, edition, CHECKS.name, CHECKS.schema),
        plans(experiments),
        guardrails(experiments),
        metrics=catalogue(experiments),
    )
    _keep(warehouse, edition, {DECISIONS.name: decisions})
    return decisions


def write_wording(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> WordingResult:
    """Keep the texts of the edition and what all tests say about wording; return the latter."""
    from analysis.wording.findings import find_all
    from analysis.wording.result import wording_result

    past = past_of(warehouse, experiments, edition)
    found = wording_result(find_all(past, warehouse.settings.traits), past)
    _keep(warehouse, edition, {APPEAL_PARTS.name: appeal_parts(experiments), **found.frames})
    return found


def wording_of(warehouse: Warehouse, edition: Draft) -> WordingResult:
    """What the edition says about wording.

    Raises:
        NothingToReport: the step has not run yet for the edition's inputs.
    """
    from analysis.wording.result import WordingResult

    return WordingResult.of(
        {table.name: edition_table(warehouse, edition, table.name, table.schema) for table in WORDING_TABLES}
    )


def last_edition(warehouse: Warehouse) -> Draft:
    """Return the edition that was published last.

    Raises:
        NothingToReport: none has been.
    """
    editions = warehouse.editions()
    if not editions or editions[-1].as_of is None:
        raise NothingToReport("No edition has been published yet: run `askwell run` first.")
    last = editions[-1]
    return Draft(last.number, editions[-1].as_of, last.inputs, is_new=False, made_at=last.published_at)


def results(
    warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft, *, since: int | None = None
) -> list[ExperimentResult]:
    """Everything known of each experiment that has started, in order of id.

    `since` is the edition that `previous_decision` is taken from: the one before where it is None.
    """
    settings = warehouse.settings
    tables = {
        table.name: edition_table(warehouse, edition, table.name, table.schema)
        for table in RESULT_TABLES
        if table is not SUFFICIENT_STATISTICS
    }
    daily = dict(edition_table(warehouse, edition, _DAILY_READERS, _DAILY_READERS_SCHEMA).iter_rows())
    earlier = [entry for entry in warehouse.editions() if entry.number < edition.number]
    before = [entry.number for entry in earlier if since is None or entry.number <= since]
    previous = _decisions_of(warehouse, before[-1]) if before else {}
    counted = _counts_of(warehouse, before[-1]) if before else {}
    arrivals = edition_table(warehouse, edition, ARRIVALS.name, ARRIVALS.schema)
    marks, told_marks = _marks_of(warehouse, edition.number), _marks_of(warehouse, before[-1]) if before else {}
    current = {str(row["experiment_id"]): row for row in tables[DECISIONS.name].iter_rows(named=True)}
    audience, stamp = audience_of(settings, experiments), stamp_of(edition)
    by_experiment = {
        name: {str(key[0]): part for key, part in frame.partition_by("experiment_id", as_dict=True).items()}
        for name, frame in tables.items()
    }
    made = []
    for experiment in experiments:
        if experiment.id not in current:
            continue
        cut = {name: frames.get(experiment.id, tables[name].clear()) for name, frames in by_experiment.items()}
        cap = settings.cap(experiment)
        made.append(
            ExperimentResult(
                experiment=experiment,
                edition=stamp,
                audience=audience,
                estimates=cut[ESTIMATES.name],
                adjusted_estimates=cut[ADJUSTED_ESTIMATES.name],
                other_readings=cut[OTHER_READINGS.name],
                variant_results=cut[VARIANT_RESULTS.name],
                checks=cut[CHECKS.name],
                funnel=cut[FUNNEL.name],
                special_readers=cut[SPECIAL_READERS.name],
                tied_gifts=cut[TIED_GIFTS.name],
                strangers=cut[STRANGERS.name],
                decision=current[experiment.id],
                previous_decision=previous.get(experiment.id),
                previous_counts=counted.get(experiment.id),
                arrivals=arrivals.filter(pl.col("experiment_id") == experiment.id),
                is_redefined=None
                if experiment.id not in told_marks
                else told_marks[experiment.id] != marks.get(experiment.id),
                daily_readers=daily.get(experiment.id),
                cap_minor=None if cap is None else to_minor(cap, settings.publisher.reporting_currency),
                window_hours=settings.window_hours(experiment),
                counted_to=last_counted_day(experiment, settings, edition.as_of),
            )
        )
    return made


def past_of(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> Past:
    """The arms of past tests as the edition knows them, with their texts."""
    from analysis.wording.past import imported_past, own_past

    imports = {part.scope: pl.read_parquet(part.path) for part in warehouse.parts(PAST_ARMS)}
    return imported_past(imports) + own_past(
        experiments,
        edition_table(warehouse, edition, _STATISTICS, SUFFICIENT_STATISTICS.schema),
        edition_table(warehouse, edition, CHECKS.name, CHECKS.schema),
        edition.as_of,
    )


def previous_effects(warehouse: Warehouse, edition: Draft) -> pl.DataFrame | None:
    """What the edition before said of every trait of wording; None where none did."""
    before = [entry.number for entry in warehouse.editions() if entry.number < edition.number]
    parts = warehouse.parts(WORDING_EFFECTS.name, [str(before[-1])]) if before else []
    # An edition made before a column existed has none of it.
    return pl.concat([WORDING_EFFECTS.frame(), pl.read_parquet(parts[0].path)], how="diagonal") if parts else None


def audience_of(settings: Settings, experiments: Sequence[Experiment] = ()) -> Audience:
    """For whom the publisher's pages are written."""
    return Audience(
        publisher=settings.publisher.name,
        locale=settings.publisher.locale,
        currency=settings.publisher.reporting_currency,
        zone=settings.zone,
        language=settings.publisher.language,
        metrics=catalogue(experiments),
        look=settings.look,
    )


def stamp_of(edition: Draft) -> Edition:
    """The edition as pages name it."""
    return Edition(edition.number, edition.as_of, edition.made_at)


def publish(warehouse: Warehouse, experiments: Sequence[Experiment], edition: Draft) -> EditionEntry:
    """Publish the database of the edition and take its number. The caller holds the lock."""
    entry = EditionEntry(edition.number, edition.as_of, edition.inputs, edition.made_at)
    kept = warehouse.parts(WORDING_EFFECTS.name, [str(edition.number)])
    if not kept or kept[0].inputs != edition.inputs:  # the step has not run: an edition of an earlier version, say
        write_wording(warehouse, experiments, edition)
    # A further table of the edition joins here, with its declaration.
    tables = [
        (table, edition_table(warehouse, edition, table.name, table.schema)) for table in (*KEPT_FOR_EVER, COHORTS)
    ]
    publish_database(warehouse, experiments, entry, tables)
    warehouse.record_edition(entry.number, entry.as_of, entry.inputs, entry.published_at)
    earlier = [part.scope for part in warehouse.parts(COHORTS.name) if part.scope != str(entry.number)]
    warehouse.replace([], scopes=[(COHORTS.name, scope) for scope in earlier])
    return entry


def _decisions_of(warehouse: Warehouse, number: int) -> dict[str, dict[str, object]]:
    frames = [pl.read_parquet(part.path) for part in warehouse.parts(DECISIONS.name, [str(number)])]
    return {str(row["experiment_id"]): row for frame in frames for row in frame.iter_rows(named=True)}


def _definition_marks(settings: Settings, experiments: Sequence[Experiment]) -> pl.DataFrame:
    """What each experiment is counted by, as a mark: its registration but the words about it, and the rules of all."""
    rules = (
        DEFINITIONS,
        settings.publisher.model_dump(exclude={"name", "language", "locale"}),
        settings.outcomes,
        settings.readers.model_dump(exclude={"employees_file"}),
    )
    words = {"name": True, "hypothesis": True, "owner": True, "placement": True, "variants": {"__all__": {"traits"}}}
    rows = [(one.id, fingerprint(*rules, one.model_dump_json(exclude=words))) for one in experiments]
    return pl.DataFrame(rows, schema={"experiment_id": pl.String, "mark": pl.String}, orient="row")


def _marks_of(warehouse: Warehouse, number: int) -> dict[str, str]:
    frames = [pl.read_parquet(part.path) for part in warehouse.parts(_MARKS, [str(number)])]
    return dict(row for frame in frames for row in frame.iter_rows())


def _counts_of(warehouse: Warehouse, number: int) -> dict[str, tuple[int, int]]:
    """Readers and outcomes that an edition told of each experiment on its last day."""
    frames = [pl.read_parquet(part.path) for part in warehouse.parts(VARIANT_RESULTS.name, [str(number)])]
    if not frames:
        return {}
    told = (
        pl.concat(frames)
        .filter((pl.col("basis") == "exposed") & (pl.col("segment_kind") == "all") & (pl.col("metric") == "conversion"))
        .filter(pl.col("as_of") == pl.col("as_of").max().over("experiment_id"))
        .group_by("experiment_id")
        .agg(pl.col("n").sum(), pl.col("x").sum())
    )
    return {str(name): (int(readers), int(outcomes)) for name, readers, outcomes in told.iter_rows()}


def _keep(warehouse: Warehouse, edition: Draft, frames: dict[str, pl.DataFrame]) -> None:
    warehouse.replace(
        [
            warehouse.write_frame(frame, table, str(edition.number), inputs=edition.inputs)
            for table, frame in frames.items()
        ]
    )


def edition_table(
    warehouse: Warehouse, edition: Draft, table: str, schema: dict[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """Return a table that a step has kept for this very edition.

    Raises:
        NothingToReport: the step has not run yet for the edition's inputs.
    """
    parts = warehouse.parts(table, [str(edition.number)])
    if not parts or parts[0].inputs != edition.inputs:
        raise NothingToReport(
            f"Something is new since the last edition (events, an import, the registry or settings), and {table} of edition "
            f"{edition.number} has not been computed: run `askwell run` without --publish-only; in Dagster, materialize "
            "everything."
        )
    # An edition made before a column existed has none of it.
    return pl.concat([pl.DataFrame(schema=schema), pl.read_parquet(parts[0].path)], how="diagonal").select(list(schema))
