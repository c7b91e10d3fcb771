"""Accepted events become daily partials, and those the sufficient statistics of every experiment."""

import dagster as dg

from analysis.edition import draft, write_statistics
from analysis.outcomes import (
    refresh_cohorts,
    refresh_daily_exposures,
    refresh_daily_measures,
    refresh_daily_visits,
)
from analysis.result_tables import SUFFICIENT_STATISTICS
from assets.metadata import OWNERS, add_partition_metadata, column_schema, table_schema
from assets.resources import Workspace, failing_plainly
from dashboards.preview import counts_table


def outcome_assets(daily: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The daily partials, over the partitions given."""

    @dg.asset(
        deps=["validated_events"],
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="outcomes",
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        description="What each day adds to what is known of each reader of each experiment: first exposure, exposures, "
        "first time of every step. Rebuilt from all rows of the day; days whose rows did not change are left alone.",
        metadata={
            "dagster/column_schema": column_schema(
                [
                    ("experiment_id", "text", "Experiment."),
                    ("reader_key", "integer", "Keyed hash of the reader."),
                    ("first_exposure", "integer", "Moment, variant and segments of the first exposure, packed."),
                    ("exposures", "integer", "Exposures of the day."),
                ]
            )
        },
    )
    def daily_exposures(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
        with failing_plainly():
            warehouse = workspace.warehouse()
            with warehouse.writing(holder=f"Dagster run {context.run.run_id}"):
                rebuilt = refresh_daily_exposures(
                    warehouse, workspace.experiments(), progress=workspace.progress("Adding up each day's exposures")
                )
        add_partition_metadata(context, rebuilt, lambda day: {"dagster/row_count": rebuilt[day]})

    @dg.asset(
        deps=["validated_events"],
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="outcomes",
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        description="Pageviews of each reader on each day, and what else of a day the declared metrics ask for.",
        metadata={
            "dagster/column_schema": column_schema(
                [
                    ("reader_key", "integer", "Keyed hash of the reader."),
                    ("day", "date", "Publisher's day."),
                    ("pageviews", "integer", "Pageviews of the day."),
                ]
            )
        },
    )
    def daily_visits(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
        with failing_plainly():
            warehouse = workspace.warehouse()
            with warehouse.writing(holder=f"Dagster run {context.run.run_id}"):
                report = workspace.progress("Adding up each day's visits")
                rebuilt = refresh_daily_visits(warehouse, progress=report)
                refresh_daily_measures(warehouse, workspace.experiments(), progress=report)
        add_partition_metadata(context, rebuilt, lambda day: {"dagster/row_count": rebuilt[day]})

    return [daily_exposures, daily_visits]


@dg.asset(
    deps=["daily_exposures", "daily_visits"],
    group_name="outcomes",
    kinds={"duckdb", "polars"},
    owners=OWNERS,
    description="Readers, contributors, sums and sums of squares of every metric by experiment, variant and day. Only "
    "experiments whose own days changed are computed again.",
    metadata={"dagster/column_schema": table_schema(SUFFICIENT_STATISTICS)},
)
def sufficient_statistics(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> dg.MaterializeResult:
    """Exact integer statistics of the edition that is being made."""
    del context
    with failing_plainly():
        warehouse, experiments, now = workspace.warehouse(), workspace.experiments(), workspace.clock()
        with warehouse.writing():
            as_of = draft(warehouse, experiments, now).as_of
            computed = refresh_cohorts(
                warehouse, experiments, as_of, progress=workspace.progress("Following readers to their outcomes")
            )
            edition = draft(warehouse, experiments, now)
            statistics = write_statistics(warehouse, experiments, edition)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": statistics.height,
            "as_of": edition.as_of.isoformat(),
            "edition": edition.number,
            "days": statistics["as_of"].n_unique(),
            "experiments_computed": len(computed),
            "experiments_unchanged": statistics["experiment_id"].n_unique() - len(computed),
            "readers and gifts": dg.MetadataValue.md(counts_table(statistics)),
        }
    )
