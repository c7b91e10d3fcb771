"""Asset checks: one call into `analysis`, then a verdict for Dagster. A blocking one stops everything below it."""

from datetime import timedelta

import dagster as dg

from analysis.checking import (
    days_counted_twice,
    experiments_to_fix,
    files_out_of_balance,
)
from analysis.edition import draft
from analysis.outcomes import last_event_day
from assets.resources import Workspace, failing_plainly
from dashboards.edition import verdicts_missing_from_site


@dg.asset_check(
    asset="validated_events",
    blocking=True,
    description="For every landed file: rows received = accepted + duplicate + quarantined, and the accepted rows are in "
    "the warehouse.",
)
def nothing_is_lost(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Blocking: a number computed from rows that do not add up is not published."""
    with failing_plainly():
        wrong = files_out_of_balance(workspace.warehouse())
    return dg.AssetCheckResult(
        passed=wrong.is_empty(),
        description="Every file adds up."
        if wrong.is_empty()
        else f"{wrong.height} files do not add up: {wrong['path'].to_list()[:5]}",
        metadata={"files": wrong.height},
    )


@dg.asset_check(
    asset="validated_events",
    description="The newest day with events is yesterday or later, in the publisher's time zone.",
)
def newest_day_is_yesterday(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Not blocking: yesterday's edition is better than none, and the page says which day it shows."""
    with failing_plainly():
        warehouse, now = workspace.warehouse(), workspace.clock()
        newest = last_event_day(warehouse, now)
    yesterday = now.astimezone(warehouse.settings.zone).date() - timedelta(days=1)
    return dg.AssetCheckResult(
        passed=newest == yesterday,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"The newest day is {newest or 'not there yet'}; {yesterday} was expected.",
    )


@dg.asset_check(
    asset="daily_exposures",
    blocking=True,
    additional_deps=["daily_visits"],
    description="Each day has one partial in force; two would count its readers twice.",
)
def days_count_once(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Blocking: sums over readers would be wrong."""
    with failing_plainly():
        twice = days_counted_twice(workspace.warehouse())
    return dg.AssetCheckResult(
        passed=not twice,
        description="Each day counts once." if not twice else f"Counted twice: {', '.join(twice[:5])}.",
    )


@dg.asset_check(
    asset="decisions",
    description="No running experiment is held back by a trust check.",
)
def no_experiment_to_fix(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Not blocking: the page of that experiment withholds its verdict, the others go on."""
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        held = experiments_to_fix(warehouse, draft(warehouse, experiments, workspace.clock()))
    return dg.AssetCheckResult(
        passed=not held,
        severity=dg.AssetCheckSeverity.WARN,
        description="None is held back." if not held else f"Fix first: {', '.join(held)}.",
    )


@dg.asset_check(
    asset="report_site",
    description="Every verdict of the published database stands on its page, in the same words.",
)
def site_tells_the_verdicts(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Not blocking, because nothing stands below it; a failure means that people read something else than was computed."""
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        missing = verdicts_missing_from_site(warehouse, experiments, draft(warehouse, experiments, workspace.clock()))
    return dg.AssetCheckResult(
        passed=not missing,
        description="Every page tells its verdict." if not missing else f"Pages that do not: {', '.join(missing)}.",
    )


CHECKS = [
    nothing_is_lost,
    newest_day_is_yesterday,
    days_count_once,
    no_experiment_to_fix,
    site_tells_the_verdicts,
]
