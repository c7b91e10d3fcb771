"""The job that takes rows out which have been kept long enough; `analysis/retention.py` says which."""

import dagster as dg

from analysis.retention import expire
from assets.resources import Workspace, failing_plainly

RETENTION = "retention"


@dg.op
def expire_rows(context: dg.OpExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
    """Take out what `[retention]` no longer keeps."""
    with failing_plainly():
        warehouse = workspace.warehouse()
        with warehouse.writing(holder=f"Dagster run {context.run.run_id}"):
            gone = expire(warehouse, workspace.experiments(), workspace.clock())
    context.log.info("Rows taken out, by table: %s", gone)


@dg.job(name=RETENTION, description="Rows that [retention] no longer keeps leave the warehouse; results stay.")
def retention_job() -> None:
    """One step."""
    expire_rows()
