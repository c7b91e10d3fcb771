"""Looks for what needs a person: trust checks, verdicts, silent feeds, failed runs. What is told, and when: `analysis.alarms`."""

from __future__ import annotations

import re

import dagster as dg

from analysis.alarms import Cause, Kind, late_feed, tell
from analysis.delivery import Receipt, complaints
from analysis.edition import last_edition, results
from analysis.errors import AskwellError, NothingToReport
from analysis.freshness import silent_feeds
from assets.failures import first_failure
from assets.resources import Workspace
from dashboards.alarms import verdict_causes

#: Runs looked at, newest first, to find the last finished one of each job.
RUNS_LOOKED_AT = 50

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def raise_alarms(workspace: Workspace, instance: dg.DagsterInstance) -> tuple[Receipt, ...]:
    """Tell everything that has opened since the last look, once.

    Raises:
        AskwellError: settings or registry cannot be read.
    """
    settings = workspace.settings()
    experiments, warehouse = workspace.experiments(), workspace.warehouse()
    now = workspace.clock()
    looked_for: tuple[Kind, ...] = ("late", "failed")
    causes = [late_feed(feed) for feed in silent_feeds(warehouse.days_of_sources(), experiments, settings, now)]
    causes += failed_runs(instance)
    try:
        found = results(warehouse, experiments, last_edition(warehouse))
    except NothingToReport:  # no edition yet, or one that is being made at this moment: the next look has it
        found = None
    if found is not None:
        causes += verdict_causes(found, settings.brief.site_url)
        looked_for = ("late", "failed", "trust", "verdict")
    return tell(settings, causes, now, looked_for=looked_for)


def failed_runs(instance: dg.DagsterInstance) -> list[Cause]:
    """Return a cause for each job whose last finished run failed. Runs in the queue or at work decide nothing yet."""
    last: dict[str, dg.DagsterRun] = {}
    for record in instance.get_run_records(filters=dg.RunsFilter(statuses=_FINISHED), limit=RUNS_LOOKED_AT):
        last.setdefault(record.dagster_run.job_name, record.dagster_run)
    causes = []
    for job, run in sorted(last.items()):
        if run.status is not dg.DagsterRunStatus.FAILURE:
            continue
        why = first_failure(
            entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event is not None
        )
        sentence = re.sub(r"\d+", "#", why.splitlines()[0])  # process ids and times differ from run to run
        causes.append(
            Cause(
                "failed",
                f"failed/{job}/{sentence[:200]}",
                f"The run {job} failed",
                f"{why} (run {run.run_id[:8]})",
                "Nothing is lost, and what was published stays as it was. Mend what the sentence names; `askwell doctor` "
                "looks at the machine. The next run does what is left; `askwell run` starts one now.",
            )
        )
    return causes


def alarm_sensor() -> dg.SensorDefinition:
    """Look for what needs a person every five minutes; quiet hours end at such a look."""

    @dg.sensor(
        name="alarms",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=300,
        description="Trust checks, verdicts, silent feeds and failed runs, told once per cause to the people in [alarms].",
    )
    def alarms(context: dg.SensorEvaluationContext, workspace: dg.ResourceParam[Workspace]) -> dg.SkipReason:
        try:
            receipts = raise_alarms(workspace, context.instance)
        except AskwellError as problem:
            return dg.SkipReason(str(problem))
        said = complaints(receipts)
        if said:
            return dg.SkipReason("An alarm did not reach everybody: " + " ".join(said))
        return dg.SkipReason(f"{len(receipts)} messages sent." if receipts else "Nothing new needs a person.")

    return alarms
