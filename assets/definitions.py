"""The code location: `build_defs` puts it together, `defs` is what Dagster loads. Nothing else stands here."""

from __future__ import annotations

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)  # BackfillPolicy is beta in 1.13, and what we want

from assets.alarms import alarm_sensor  # noqa: E402
from assets.checks import CHECKS  # noqa: E402
from assets.inference import decisions, estimates, wording_evidence  # noqa: E402
from assets.ingestion import ingestion_assets  # noqa: E402
from assets.outcomes import outcome_assets, sufficient_statistics  # noqa: E402
from assets.partitions import daily_partitions, publisher_or_default  # noqa: E402
from assets.reports import analyst_database, brief, report_site  # noqa: E402
from assets.resources import Workspace  # noqa: E402
from assets.retention import RETENTION, retention_job  # noqa: E402
from assets.schedules import daily_report, weekly_retention  # noqa: E402
from assets.sensors import landing_sensor  # noqa: E402

EVERYTHING = "everything"
INGEST = "ingest"
PUBLISH = "publish"


def build_defs(workspace: Workspace | None = None) -> dg.Definitions:
    """Return the definitions over a workspace; that of the environment where none is given.

    Loads without settings, landing folder or registry; assets then fail with one sentence.
    """
    workspace = workspace or Workspace.from_environment()
    daily = daily_partitions(workspace)
    publisher = publisher_or_default(workspace)
    everything = dg.define_asset_job(
        EVERYTHING,
        selection="*",
        description="From landed files to the database and the report site.",
    )
    ingest = dg.define_asset_job(
        INGEST,
        selection=dg.AssetSelection.assets("validated_events", "daily_exposures", "daily_visits"),
        description="From landed files to the daily partials.",
    )
    publish = dg.define_asset_job(
        PUBLISH,
        selection=dg.AssetSelection.assets("analyst_database", "report_site", "brief"),
        description="The database and the report site again, from the last results.",
    )
    return dg.Definitions(
        assets=[
            *ingestion_assets(daily),
            *outcome_assets(daily),
            sufficient_statistics,
            estimates,
            decisions,
            wording_evidence,
            analyst_database,
            report_site,
            brief,
        ],
        asset_checks=CHECKS,
        jobs=[everything, ingest, publish, retention_job],
        schedules=[daily_report(EVERYTHING, publisher), weekly_retention(RETENTION, publisher)],
        sensors=[landing_sensor(INGEST, publisher), alarm_sensor()],
        resources={"workspace": workspace},
        executor=dg.in_process_executor,
    )


defs = build_defs()
