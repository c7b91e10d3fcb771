"""Sufficient statistics become estimates, and estimates become decisions."""

import dagster as dg

from analysis.edition import draft, write_decisions, write_estimates, write_wording
from analysis.result_tables import DECISIONS, ESTIMATES
from analysis.wording.tables import WORDING_EFFECTS
from assets.metadata import OWNERS, table_schema
from assets.resources import Workspace, failing_plainly
from dashboards.preview import lifts_table, markdown_table


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
            edition = draft(warehouse, experiments, workspace.clock())
            frame = write_estimates(warehouse, experiments, edition)
    workspace.reporter("Weighing the evidence", "", 1, 2)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "absent": frame["reason"].count(),
            "as_of": edition.as_of.isoformat(),
            "days": frame["as_of"].n_unique(),
            "experiments": frame["experiment_id"].n_unique(),
            "lifts": dg.MetadataValue.md(lifts_table(frame, experiments)),
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
    verdicts = frame.select("experiment_id", "as_of", "verdict", "variant_id", "basis", "forecast_even").rows()
    heads = ("experiment", "counted to", "verdict", "variant", "basis", "answer as likely as not by")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "as_of": str(frame["as_of"].max()),
            "experiments": frame["experiment_id"].n_unique(),
            "verdicts": dg.MetadataValue.md(markdown_table(heads, verdicts)),
        }
    )


@dg.asset(
    deps=["estimates"],
    group_name="inference",
    kinds={"scipy", "polars"},
    owners=OWNERS,
    description="What all tests, own and imported, say about traits of wording, and whether that predicts later tests.",
    metadata={"dagster/column_schema": table_schema(WORDING_EFFECTS)},
)
def wording_evidence(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """The texts and the evidence on wording of the edition that is being made."""
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        with warehouse.writing():
            found = write_wording(warehouse, experiments, draft(warehouse, experiments, workspace.clock()))
    heads = ("surface", "outcome", "tests", "pairs told right", "predicts", "why not judged")
    told = found.prediction.select("surface", "outcome", "tests", "accuracy", "is_predicting", "reason").rows()
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": found.effects.height,
            "surfaces": len(found.surfaces),
            "predictions": dg.MetadataValue.md(markdown_table(heads, told)),
        }
    )
