"""The published edition: the analysts' database and the report site."""

import dagster as dg

from analysis.delivery import complaints
from analysis.edition import draft, publish
from assets.metadata import OWNERS
from assets.resources import Workspace, failing_plainly
from dashboards.edition import last_brief, publish_brief, publish_site


@dg.asset(
    deps=["decisions"],
    group_name="publish",
    kinds={"duckdb"},
    owners=OWNERS,
    description="askwell.duckdb: result tables, ledger and views over the events, swapped into place as a whole.",
)
def analyst_database(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """The database of the edition; its publishing takes the edition's number."""
    workspace.reporter("Publishing", "database", 0, 2)
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        with warehouse.writing():
            edition = publish(warehouse, experiments, draft(warehouse, experiments, workspace.clock()))
    path = warehouse.settings.folders.database
    return dg.MaterializeResult(
        metadata={
            "edition": edition.number,
            "as_of": str(edition.as_of),
            "path": dg.MetadataValue.path(path),
            "bytes": path.stat().st_size,
        }
    )


@dg.asset(
    deps=["analyst_database"],
    group_name="publish",
    kinds={"plotly"},
    owners=OWNERS,
    description="The static report site: what needs a person first, then a page an experiment.",
)
def report_site(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """The pages of the edition; only those that changed are written."""
    workspace.reporter("Publishing", "site", 1, 2)
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        with warehouse.writing():
            summary = publish_site(warehouse, experiments, draft(warehouse, experiments, workspace.clock()))
    workspace.reporter("Publishing", "", 2, 2)
    index = warehouse.settings.folders.site / "index.html"
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(index),
            "pages_written": summary.written,
            "pages_unchanged": summary.kept,
            "bytes": summary.bytes,
        }
    )


@dg.asset(
    deps=["report_site"],
    group_name="publish",
    kinds={"html"},
    owners=OWNERS,
    description="The brief: mail, page and text of the edition, sent on the days that askwell.toml names.",
)
def brief(workspace: dg.ResourceParam[Workspace]) -> dg.MaterializeResult:
    """The brief of the edition where one is due; a message that did not arrive fails the step, not the site."""
    from dashboards.brief import is_due

    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        settings = warehouse.settings
        today = workspace.clock().astimezone(settings.zone).date()
        if not is_due(settings.brief, today, last_brief(settings.delivery).on):
            return dg.MaterializeResult(metadata={"due": False})
        letter, receipts = publish_brief(warehouse, experiments, workspace.clock(), send=True)
    said = complaints(receipts)
    if said:
        raise dg.Failure(description="The brief did not reach everybody: " + " ".join(said), allow_retries=False)
    return dg.MaterializeResult(
        metadata={
            "due": True,
            "subject": letter.subject,
            "sent": sum(receipt.outcome == "sent" for receipt in receipts),
            "path": dg.MetadataValue.path(settings.delivery.folder / f"{letter.key}.html"),
        }
    )
