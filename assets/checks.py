"""Asset checks: one call into `analysis` or `dashboards`, then an answer for Dagster.

A blocking one stops everything below it: those after which a wrong number would be published or mailed. One that asks about
an experiment does not: its page withholds the verdict by itself, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import dagster as dg

from analysis.checking import (
    amounts_that_jump,
    days_counted_twice,
    experiments_to_fix,
    failing_trust_checks,
    files_out_of_balance,
    rows_against_the_contract,
    unmet_gifts,
)
from analysis.edition import draft
from analysis.freshness import Feed, feeds
from assets.resources import Workspace, failing_plainly
from dashboards.edition import sections_unlike_the_database, verdicts_missing_from_site
from dashboards.preview import markdown_table


def _answer(
    wrong: Sequence[str], fine: str, found: str, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
) -> dg.AssetCheckResult:
    """Passed where nothing is wrong; else what is, the first five by name and all of them in the metadata."""
    if not wrong:
        return dg.AssetCheckResult(passed=True, description=fine, severity=severity, metadata={"found": 0})
    more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return dg.AssetCheckResult(
        passed=False,
        severity=severity,
        description=f"{found}: {'; '.join(wrong[:5])}{more}.",
        metadata={"found": len(wrong), "all": dg.MetadataValue.json(list(wrong))},
    )


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
    return _answer(wrong["path"].to_list(), "Every file adds up.", "Files do not add up")


@dg.asset_check(
    asset="validated_events",
    blocking=True,
    description="In the warehouse itself, for every day with new rows: no required column is empty, every row stands under "
    "its day, no key stands there twice.",
)
def rows_meet_the_contract(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Blocking: what stands there against the contract has passed validation by a fault of ours."""
    with failing_plainly():
        wrong = rows_against_the_contract(workspace.warehouse())
    return _answer(wrong, "Every stored row meets the contract.", "Stored rows break the contract")


@dg.asset_check(
    asset="validated_events",
    blocking=True,
    description="The middle gift of each new file is of the same order of magnitude as the others' of its currency, product "
    "and recurrence (money.amount_jump).",
)
def amounts_do_not_jump(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Blocking: pounds for pence would be published as a hundred times the money."""
    with failing_plainly():
        jumps = amounts_that_jump(workspace.warehouse())
    wrong = [
        f"{jump.landed!r}: {jump.gifts} gifts ({jump.product}, {jump.recurrence}) with {jump.median_minor:,.0f} minor units of "
        f"{jump.currency} in the middle, where {jump.usual_minor:,.0f} is usual"
        for jump in jumps
    ]
    return _answer(
        wrong,
        "No amount jumps.",
        "Deliver the file again with amounts in minor units, or, if they are right, set money.amount_jump = 0 for one run",
    )


def _feed_check(
    name: str, description: str, wrong: Callable[[Feed], bool], fine: str, found: str
) -> dg.AssetChecksDefinition:
    """Not blocking: yesterday's edition is better than none, and the pages say which day they show."""

    @dg.asset_check(name=name, asset="validated_events", description=description)
    def check(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
        with failing_plainly():
            warehouse, settings = workspace.warehouse(), workspace.settings()
            known = feeds(warehouse.days_of_sources(), workspace.experiments(), settings, workspace.clock())
        missing = [f"{feed.name}, last of {feed.newest}" for feed in known if wrong(feed)]
        answer = _answer(missing, fine, found, dg.AssetCheckSeverity.WARN)
        table = markdown_table(
            ("source", "kind", "newest day", "days missing", "rows a day"),
            [(feed.source or "-", feed.kind, feed.newest, feed.days, f"{feed.pace:,.1f}") for feed in known],
        )
        return answer._replace(metadata={**answer.metadata, "feeds": dg.MetadataValue.md(table)})

    return check


feeds_are_fresh = _feed_check(
    "feeds_are_fresh",
    "Every feed that has rows every day has some of the last day that is due, in the publisher's time zone.",
    lambda feed: feed.is_stale,
    "Every feed reaches the last day that is due.",
    "Rows of the last day have not come",
)

no_feed_is_silent = _feed_check(
    "no_feed_is_silent",
    "No feed has been silent for longer than chance explains at its own pace. A pause between tests is no silence of appeal "
    "events, and two gifts a day may miss three days.",
    lambda feed: feed.is_silent,
    "No feed is silent.",
    "Feeds that went silent",
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
    return _answer(twice, "Each day counts once.", "Counted twice")


@dg.asset_check(
    asset="daily_exposures",
    additional_deps=["daily_visits"],
    description="Readers who gave in the newest week of gifts were seen on the site before; where nearly none was, the ids of "
    "gifts are not those of the appeals.",
)
def gifts_meet_readers(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Not blocking: gifts by post or by mail meet no reader either; the share is there to be seen."""
    with failing_plainly():
        found = unmet_gifts(workspace.warehouse())
    told = f"{found.unmet} of {found.gifts} gifts of the newest week come from readers seen nowhere"
    return dg.AssetCheckResult(
        passed=not found.are_strangers,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{told}: is reader_id of the gifts the id by which wordings were drawn? docs/sources.md says how to link "
        "two ids."
        if found.are_strangers
        else f"{told}.",
        metadata={"gifts": found.gifts, "unmet": found.unmet},
    )


def _trust_check(name: str, asks: Iterable[str], description: str) -> dg.AssetChecksDefinition:
    """Not blocking: the page of that experiment shows the figures and withholds the verdict."""
    names = tuple(asks)

    @dg.asset_check(name=name, asset="estimates", description=description)
    def check(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
        with failing_plainly():
            warehouse, experiments = workspace.warehouse(), workspace.experiments()
            failing = failing_trust_checks(warehouse, draft(warehouse, experiments, workspace.clock()), names)
        wrong = [
            f"{experiment} ({check}{f', {variant}' if variant else ''}: {status})"
            for experiment, check, variant, status in failing.select(
                "experiment_id", "check_name", "variant_id", "status"
            ).iter_rows()
        ]
        blocks = "block" in failing["status"]
        severity = dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN
        return _answer(wrong, "It holds for every experiment.", "It does not hold for", severity)

    return check


split_is_as_planned = _trust_check(
    "split_is_as_planned", ["sample_ratio"], "Readers were split between the wordings in the planned shares."
)
readers_see_one_wording = _trust_check(
    "readers_see_one_wording",
    ["contamination", "contamination_by_variant"],
    "Few readers were shown a second wording, and as many in each variant.",
)
wordings_are_seen_alike = _trust_check(
    "wordings_are_seen_alike",
    ["denominator", "basis_agreement"],
    "The share of insertions that are viewed does not shift with the wording, and both bases agree.",
)
gifts_are_tied_alike = _trust_check(
    "gifts_are_tied_alike",
    ["untied_gifts"],
    "The share of gifts that nothing ties to a reader is alike in every variant.",
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
    return _answer(held, "None is held back.", "Fix first", dg.AssetCheckSeverity.WARN)


@dg.asset_check(
    asset="report_site",
    blocking=True,
    description="Every verdict of the published database stands on its page, in the same words.",
)
def site_tells_the_verdicts(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Blocking: no brief is mailed that points to a page which says something else."""
    with failing_plainly():
        warehouse, experiments = workspace.warehouse(), workspace.experiments()
        missing = verdicts_missing_from_site(warehouse, experiments, draft(warehouse, experiments, workspace.clock()))
    return _answer(missing, "Every page tells its verdict.", "Pages that do not")


@dg.asset_check(
    asset="report_site",
    blocking=True,
    description="Every section of every experiment's page, made again from the tables of the published database, comes out "
    "as published: the numbers of the site equal those of `estimates` and its sisters.",
)
def site_tells_the_numbers(workspace: dg.ResourceParam[Workspace]) -> dg.AssetCheckResult:
    """Blocking: the brief would mail numbers that the database does not hold."""
    with failing_plainly():
        unlike = sections_unlike_the_database(workspace.warehouse(), workspace.experiments())
    return _answer(unlike, "Every number of the site is that of the database.", "Sections that say something else")


CHECKS = [
    nothing_is_lost,
    rows_meet_the_contract,
    amounts_do_not_jump,
    feeds_are_fresh,
    no_feed_is_silent,
    days_count_once,
    gifts_meet_readers,
    split_is_as_planned,
    readers_see_one_wording,
    wordings_are_seen_alike,
    gifts_are_tied_alike,
    no_experiment_to_fix,
    site_tells_the_verdicts,
    site_tells_the_numbers,
]
