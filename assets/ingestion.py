"""Landed files become accepted, duplicate and quarantined rows."""

import dagster as dg
import polars as pl

from analysis.contract import CONTRACT, KINDS
from analysis.ingestion import ingest
from analysis.store import Warehouse
from assets.metadata import OWNERS, add_partition_metadata, column_schema
from assets.resources import Workspace, failing_plainly
from dashboards.preview import markdown_table

#: Files of a run that Dagster's page lists.
FILES_SHOWN = 20


def ingestion_assets(daily: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The asset that reads the landing folder, over the partitions given."""

    @dg.asset(
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL),
        group_name="ingest",
        kinds={"polars", "duckdb", "parquet"},
        owners=OWNERS,
        description="Every new or changed file of the landing folder, validated row by row. A row belongs to the "
        "publisher's day of its event, whatever folder brought it; rows that break the contract are set aside with a "
        "reason.",
        metadata={
            f"columns/{kind}": column_schema((column.name, column.type, column.meaning) for column in CONTRACT[kind])
            for kind in KINDS
        },
    )
    def validated_events(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
        with failing_plainly():
            warehouse = workspace.warehouse()
            with warehouse.writing(holder=f"Dagster run {context.run.run_id}"):
                done = ingest(
                    warehouse,
                    workspace.experiments(),
                    now=workspace.clock(),
                    run_id=context.run.run_id,
                    progress=workspace.progress("Reading landed files"),
                )
        for name in done.strange:
            context.log.warning("The landing folder holds a file that no rule covers: %r", name)
        rows = warehouse.rows_per_day().partition_by("day", as_dict=True)
        touched = {day for days in done.days.values() for day in days}
        add_partition_metadata(
            context,
            touched,
            lambda day: {
                "dagster/row_count": sum(rows[(day,)]["rows"]) if (day,) in rows else 0,
                **(
                    {str(kind): count for kind, count in rows[(day,)].select("kind", "rows").iter_rows()}
                    if (day,) in rows
                    else {}
                ),
            },
        )
        context.add_asset_metadata(
            {
                "of this run: files": done.files,
                "of this run: rows set aside": done.quarantined,
                "of this run: landed files": dg.MetadataValue.md(_files_of(warehouse, context.run.run_id)),
            }
        )
        context.log.info(
            "%d files: %d rows received, %d accepted, %d duplicate, %d set aside; %d files could not be read",
            done.files,
            done.received,
            done.accepted,
            done.duplicate,
            done.quarantined,
            done.unreadable,
        )

    return [validated_events]


def _files_of(warehouse: Warehouse, run_id: str) -> str:
    """The files that a run took in, those with most rows set aside first, as a table."""
    columns = ("path", "kind", "status", "received", "accepted", "duplicate", "quarantined")
    read = warehouse.ledger().filter(pl.col("run_id") == run_id).sort("quarantined", descending=True)
    return markdown_table(columns, read.head(FILES_SHOWN).select(columns).rows())
