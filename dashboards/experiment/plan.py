"""Plan and definitions: what was decided before the first reader was asked."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.inference.allocation import HOPELESS
from analysis.inference.prior_scale import FEWEST_PAST_TESTS
from dashboards.blocks import Definitions, Section, Sentences
from dashboards.experiment.queries import table_queries
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.verdicts import decision_steps
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import full_days, givers_words, plain, sentence, window_words
from dashboards.reading import Reading


def plan_section(reading: Reading, spoken: Voice) -> Section:
    """Return the section on the plan and on how the figures were made."""
    say = spoken.say
    method = say(
        "Wordings are compared by the logarithm of the ratio of their means per reader. The range stays right however often one looks (a confidence sequence), and “proven” means an e-value of 20 or more against no difference. What to show is decided by expected loss in money, a separate question with a separate answer."
    )
    return Section(
        id="plan",
        heading=say("How we worked this out"),
        blocks=(
            Definitions(tuple(_plan_items(reading, spoken))),
            Sentences(decision_steps(reading.result.decision, spoken), is_list=True),
            Sentences(
                tuple(
                    text for text in (method, _registered_end(reading, spoken), _next_shares(reading, spoken)) if text
                )
            ),
        ),
        queries=table_queries(
            reading,
            (say("Every comparison of this test"), "estimates", ""),
            (say("Every wording of this test"), "variant_results", ""),
            (say("How we worked this out"), "decisions", ""),
        ),
    )


def _registered_end(reading: Reading, spoken: Voice) -> str:
    """Say what a registered end changes, and how far it is; nothing without one."""
    arm, say = reading.challenger, spoken.say
    comparison = None if arm is None else reading.comparison(arm.id)
    if reading.result.experiment.guarantee != "planned" or comparison is None:
        return ""
    if not comparison.has_registered_end:
        return say(
            "A registered end was planned for this test, and what it rests on was changed after the first look: it no longer counts, and the range that stays right however often one looks is shown instead."
        )
    closed = comparison.row.get("planned_closed_at")
    share = spoken.percent(comparison.number("planned_share") or 0.0)
    if closed is not None:
        return say(
            "This test has a registered end (Lan & DeMets 1983): its ranges held at every look up to {day}, the last one. What was said then stands.",
            day=spoken.day(closed),
        )
    return say(
        "This test has a registered end (Lan & DeMets 1983): its ranges hold at every look until all the information planned is in, of which {share} is here, or the planned end has come. “Proven” means beyond the bound of the day.",
        share=share,
    )


def _next_shares(reading: Reading, spoken: Voice) -> str:
    """Advise shares for a next stage while the test is open; nothing once it has an answer, or where no chance is known."""
    decision, say = reading.result.decision, spoken.say
    rows = [(arm, reading.variant_rows.get((reading.primary, arm.id))) for arm in reading.arms]
    known = [(arm, row) for arm, row in rows if row is not None and row["advised_share"] is not None]
    if decision.get("verdict") != "keep_asking" or len(known) < len(rows):
        return ""

    def shares(name: str) -> str:
        return spoken.listed([f"{arm.letter} {spoken.percent(row[name])}" for arm, row in known])

    said = say(
        "Advice on shares, never applied by itself: {shares}; gentler: {gentle}. A change is a new phase under [[allocation]], once a week at most. It brings in a little more during the test and does not find the best wording sooner.",
        shares=shares("advised_share"),
        gentle=shares("advised_share_gentle"),
    )
    hopeless = [arm.letter for arm, row in known if not arm.is_control and row["chance_best"] < HOPELESS]
    if not hopeless or len(known) - len(hopeless) < 2:
        return said
    return f"{said} " + say("Hardly ever the best, and may be dropped: {wordings}.", wordings=spoken.listed(hopeless))


def _plan_items(reading: Reading, spoken: Voice) -> Iterator[tuple[str, str]]:
    experiment, result, say = reading.result.experiment, reading.result, spoken.say
    yield say("Hypothesis"), sentence(plain(experiment.hypothesis, 600))
    if reading.day is not None:
        runs = say(
            "{first} to {last} at the latest",
            first=spoken.day(experiment.starts),
            last=spoken.day(experiment.planned_end),
        )
        yield say("Runs"), runs
    metric = experiment.primary_metric
    yield say("Decides"), f"{metric_name(metric, spoken)} {spoken.unit_of(metric)}"
    shares = (
        experiment.allocation[-1].shares
        if experiment.allocation
        else {item.id: item.share for item in experiment.variants}
    )
    total = sum(shares.values())
    yield (
        say("Planned shares"),
        spoken.listed([f"{arm.letter} {spoken.percent(shares[arm.id] / total)}" for arm in reading.arms]),
    )
    yield (
        say("Rule"),
        say(
            "A wording is used when choosing it risks at most {share} of what the current wording brings in, every guardrail holds, and at least {days} and {givers} in each wording are in.",
            share=spoken.percent(experiment.loss_threshold),
            days=full_days(experiment.minimum_days, spoken),
            givers=givers_words(experiment.minimum_contributors, spoken),
        ),
    )
    smallest = experiment.smallest_effect
    yield say("Smallest effect that matters"), say("Not registered") if smallest is None else spoken.margin(smallest)
    expected = _expected_differences(reading, spoken)
    if expected is not None:
        yield say("How far wordings differ"), expected
    if reading.day is not None:
        yield (
            say("Who counts"),
            say(
                "Readers from their first “{event}” event on; that event fixes wording and day",
                event=experiment.exposure,
            ),
        )
    if result.window_hours is not None:
        window, first = window_words(result.window_hours, spoken), spoken.words.first_appeal
        yield say("Outcome window"), say("{window} from {first_appeal}", window=window, first_appeal=first)
    cap = result.cap_minor
    yield (
        say("Cap"),
        say("None registered") if cap is None else say("{money} a reader", money=spoken.money(cap, digits=0)),
    )
    if experiment.owner:
        yield say("Owner"), plain(experiment.owner, 80)


def _expected_differences(reading: Reading, spoken: Voice) -> str | None:
    """Return what choosing takes wordings to differ by, and from how many past tests; None where nothing is compared."""
    compared = reading.comparison(reading.challenger.id if reading.challenger else None)
    scale = None if compared is None else compared.number("tau")
    if compared is None or scale is None:
        return None
    tests, share = compared.number("tau_tests") or 0, spoken.percent(scale)
    if tests < FEWEST_PAST_TESTS:
        return spoken.say(
            "Taken to be about {share}, the value for publishers without a history; it is learned from {fewest} past tests on, and {tests} are at hand",
            share=share,
            fewest=FEWEST_PAST_TESTS,
            tests=spoken.prose_count(tests),
        )
    return spoken.say(
        "About {share}, learned from {tests} past tests that had ended before",
        share=share,
        tests=spoken.prose_count(tests),
    )
