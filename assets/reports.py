"""The published edition: the analysts' database and the report site."""

import dagster as dg

from analysis.database import table_sizes
from analysis.delivery import complaints
from analysis.edition import draft, publish, results
from assets.metadata import OWNERS
from assets.resources import Workspace, failing_plainly
from dashboards.edition import last_brief, publish_brief, publish_site
from dashboards.preview import as_text, markdown_table, site_preview


@dg.asset(
    deps=["decisions", "wording_evidence"],
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
            "tables": dg.MetadataValue.md(markdown_table(("table", "rows"), table_sizes(path))),
            "try": dg.MetadataValue.md(
                '`askwell query "FROM decisions"`, or any DuckDB client, read-only: docs/analysts.md'
            ),
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
            edition = draft(warehouse, experiments, workspace.clock())
            summary = publish_site(warehouse, experiments, edition)
    workspace.reporter("Publishing", "", 2, 2)
    settings = warehouse.settings
    index = settings.folders.site / "index.html"
    told = results(warehouse, experiments, edition)
    return dg.MaterializeResult(
        metadata={
            "edition": edition.number,
            "as_of": edition.as_of.isoformat(),
            "experiments": len(told),
            "preview": dg.MetadataValue.md(site_preview(told, settings.brief.site_url)),
            "path": dg.MetadataValue.path(index),
            **({"site": dg.MetadataValue.url(settings.brief.site_url)} if settings.brief.site_url else {}),
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
            "preview": dg.MetadataValue.md(
                "\n\n".join(as_text(line) for line in letter.text.splitlines() if line.strip())
            ),
            "sent": sum(receipt.outcome == "sent" for receipt in receipts),
            "path": dg.MetadataValue.path(settings.delivery.folder / f"{letter.key}.html"),
        }
    )
