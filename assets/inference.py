"""Sufficient statistics become estimates, and estimates become decisions."""

import dagster as dg

from analysis.edition import draft, write_decisions, write_estimates
from analysis.result_tables import DECISIONS, ESTIMATES
from assets.metadata import OWNERS, table_schema
from assets.resources import Workspace, failing_plainly


@dg.asset(
    deps=["sufficient_statistics"],
    group_name="inference",
    kinds={"scipy", "polars"},
    owners=OWNERS,
    description="Lift, intervals and evidence of every variant against its control, for every day so far; trust checks.",
    metadata={"dagster/column_schema": table_schema(ESTIMATES)},
)
def estimates(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """Estimates, variant results and trust checks of the edition that is being made."""
    workspace.reporter("Weighing the evidence", "", 0, 2)
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        with warehouse.writing():
            frame = write_estimates(warehouse, experiments, draft(warehouse, experiments, workspace.clock()))
    workspace.reporter("Weighing the evidence", "", 1, 2)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "absent": frame["reason"].count(),
            "experiments": frame["experiment_id"].n_unique(),
        }
    )


@dg.asset(
    deps=["estimates"],
    group_name="inference",
    kinds={"polars"},
    owners=OWNERS,
    description="One verdict an experiment, by the registered rule, with its reasons.",
    metadata={"dagster/column_schema": table_schema(DECISIONS)},
)
def decisions(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """Verdicts of the edition that is being made."""
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        with warehouse.writing():
            frame = write_decisions(warehouse, experiments, draft(warehouse, experiments, workspace.clock()))
    workspace.reporter("Weighing the evidence", "", 2, 2)
    rows = "\n".join(
        f"| {experiment} | {verdict} | {variant or ''} | {basis or ''} |"
        for experiment, verdict, variant, basis in frame.select(
            "experiment_id", "verdict", "variant_id", "basis"
        ).iter_rows()
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "verdicts": dg.MetadataValue.md(f"| experiment | verdict | variant | basis |\n|---|---|---|---|\n{rows}"),
        }
    )
