"""The experiments of the simulated publisher: the words that readers saw, and the law by which they acted on them.

The texts are our own, in the manner of reader-support appeals. A `Plan` becomes a registry file by `registry_text`;
what the registry does not say (the true effects) stays here and in `truth.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from analysis.simulation.gifts import DONATION, MEMBERSHIP, Tariff
from analysis.simulation.sizes import SimulationSize

PUBLISHER = "The Morning Heron"

#: Readers are split once: no reader meets both a paywall and a plea. The tests of pleas run side by side on the same
#: pages, so that each sees the gifts that the others bring; a true ratio is smaller than the factor of the wording.
GROUPS = {"open": (0.0, 0.75), "paywall": (0.75, 1.0)}

Effect = Literal["null", "conversion", "amount", "reading", "split", "clicks", "trial"]


@dataclass(frozen=True)
class Wording:
    """One variant: its words, and by which factor readers who meet it act differently from the control's.

    Attributes:
        gift_factor, click_factor, dismiss_factor: Multiply the chance per exposure.
        tilt: See `Tariff.tilt`.
        trial_renewal: See `Tariff.trial_renewal`.
        stay_share: Later visiting days that a reader keeps after the first exposure.
        lost_share: Readers whose exposures never reach us.
    """

    id: str
    name: str
    headline: str
    body: str
    highlight: str = ""
    button: str = "Support us"
    amounts: tuple[int, ...] = ()
    share: float = 1.0
    gift_factor: float = 1.0
    click_factor: float = 1.0
    dismiss_factor: float = 1.0
    tilt: float = 0.0
    trial_renewal: float | None = None
    stay_share: float = 1.0
    lost_share: float = 0.0


@dataclass(frozen=True)
class Plan:
    """One experiment: the control first among its wordings.

    Attributes:
        starts, ends: Positions in a full period (`SimulationSize.day`); ends may lie beyond it.
        group: Key of `GROUPS`.
        audience: Share of the group's readers who can meet the appeal.
        first_chance, again_chance: Chance per visit to be asked, before and after the first exposure.
        gift_chance: Chance per exposure that a reader of average generosity gives, under the control.
        effect: What is true of it: nothing, more contributors, larger gifts, fewer visits, a broken split, more clicks
            alone, or more trials that earn less.
        page: Which page of a visit carries the appeal.
        ramp: Later allocation epochs: position and shares in the order of the wordings.
        contaminated_share: Readers who are shown another wording on later visits.
    """

    id: str
    name: str
    hypothesis: str
    surface: str
    owner: str
    placement: str
    starts: int
    ends: int
    wordings: tuple[Wording, ...]
    group: str
    audience: float
    first_chance: float
    again_chance: float
    gift_chance: float
    effect: Effect = "null"
    tariff: Tariff = DONATION
    page: Literal["first", "last", "any"] = "any"
    exposure: str = "inserted"
    logs_eligible: bool = False
    click_chance: float = 0.02
    dismiss_chance: float = 0.05
    primary_metric: str = "value"
    smallest_effect: float | None = 0.10
    loss_threshold: float | None = None
    cap: int | None = None
    window_hours: int = 168
    guardrails: tuple[tuple[str, float], ...] = (("pageviews", 0.03),)
    ramp: tuple[tuple[int, tuple[float, ...]], ...] = ()
    contaminated_share: float = 0.0

    def tariff_of(self, variant: int) -> Tariff:
        """The law of the gifts under a wording."""
        wording = self.wordings[variant]
        renewal = self.tariff.trial_renewal if wording.trial_renewal is None else wording.trial_renewal
        return replace(self.tariff, tilt=wording.tilt, trial_renewal=renewal)

    def shares(self) -> tuple[tuple[int, tuple[float, ...]], ...]:
        """Position at which each allocation epoch starts, and its shares, which sum to 1."""
        first = (self.starts, tuple(wording.share for wording in self.wordings))
        return tuple(
            (start, tuple(weight / sum(weights) for weight in weights)) for start, weights in (self.ramp or (first,))
        )


PLANS: tuple[Plan, ...] = (
    Plan(
        id="open-to-everyone",
        name="Open to everyone",
        hypothesis="Readers give more readily to keep the news open for others than to make good a loss of advertising.",
        surface="donation",
        owner="Ines Falk, reader revenue",
        placement="Below the article",
        starts=0,
        ends=55,
        group="open",
        audience=1.0,
        first_chance=0.92,
        again_chance=0.22,
        gift_chance=0.0021,
        effect="conversion",
        page="last",
        primary_metric="conversion",
        smallest_effect=0.10,
        wordings=(
            Wording(
                "shortfall",
                "Advertising shortfall",
                "Advertising no longer pays for reporting",
                "Ten years ago, advertisers paid for most of the work behind this page. Today they pay for less than a "
                "third of it, and the rest has to come from somewhere. If our reporting is of use to you, please help "
                "to fund it.",
                "From £3, in about a minute.",
                "Support the Heron",
                (5, 10, 25),
            ),
            Wording(
                "open",
                "Open to everyone",
                "This article is free to read. It was not free to make",
                "We keep every story open, so that nobody has to pass a till to learn what is happening where they "
                "live. That works only because some readers choose to pay for all. If you can be one of them today, "
                "someone who cannot will read this too.",
                "Your gift keeps it open for everyone.",
                "Keep it open",
                (5, 10, 25),
                gift_factor=1.385,
                click_factor=1.15,
            ),
        ),
    ),
    Plan(
        id="suggested-amounts",
        name="Higher suggested amounts",
        hypothesis="The form's suggestions move the amount and leave the number of givers as it is.",
        surface="donation",
        owner="Ines Falk, reader revenue",
        placement="Banner above the fold",
        starts=2,
        ends=60,
        group="open",
        audience=1.0,
        first_chance=0.92,
        again_chance=0.2,
        gift_chance=0.0021,
        effect="amount",
        page="first",
        smallest_effect=0.10,
        logs_eligible=False,
        wordings=(
            Wording(
                "five-ten-twenty",
                "£5, £10, £20",
                "Five minutes of your time, five pounds for ours",
                "A morning at the magistrates' court, a week with one set of council accounts: this is slow work, and "
                "it is worth doing. Choose what suits you. Every amount is spent on reporting.",
                "Most readers give once, and that helps.",
                "Give now",
                (5, 10, 20),
            ),
            Wording(
                "ten-twentyfive-fifty",
                "£10, £25, £50",
                "Five minutes of your time, five pounds for ours",
                "A morning at the magistrates' court, a week with one set of council accounts: this is slow work, and "
                "it is worth doing. Choose what suits you. Every amount is spent on reporting.",
                "Most readers give once, and that helps.",
                "Give now",
                (10, 25, 50),
                tilt=0.34,
            ),
        ),
    ),
    Plan(
        id="countdown",
        name="Countdown to the deadline",
        hypothesis="A clock that runs out moves readers who mean to give and keep putting it off.",
        surface="donation",
        owner="Tomasz Wren, audience",
        placement="Overlay on opening an article",
        starts=17,
        ends=60,
        group="open",
        audience=0.26,
        first_chance=0.85,
        again_chance=0.30,
        gift_chance=0.0003,
        effect="reading",
        page="first",
        click_chance=0.015,
        dismiss_chance=0.20,
        primary_metric="conversion",
        guardrails=(("pageviews", 0.03), ("dismissed", 0.50)),
        logs_eligible=True,
        wordings=(
            Wording(
                "no-hurry",
                "No hurry",
                "When you have a minute",
                "Our autumn appeal is under way. There is no hurry and no clock: if you value what you read here, "
                "choose a moment that suits you and help to pay for the next story.",
                "The appeal runs all autumn.",
                "Support the Heron",
                (5, 10, 25),
            ),
            Wording(
                "countdown",
                "Countdown",
                "Time is running out: the appeal ends in 2 days, 4 hours",
                "We are still short of our goal and the clock is ticking. Do not leave it until tomorrow. Give now, "
                "before it is too late, and help us over the line tonight.",
                "Only hours left to help.",
                "Give before the deadline",
                (5, 10, 25),
                dismiss_factor=1.25,
                stay_share=0.40,
            ),
        ),
    ),
    Plan(
        id="you-have-read",
        name="You have read so many",
        hypothesis="Readers who see how much they have read here feel that it is their turn.",
        surface="donation",
        owner="Tomasz Wren, audience",
        placement="Beside the article",
        starts=0,
        ends=41,
        group="open",
        audience=0.58,
        first_chance=0.75,
        again_chance=0.25,
        gift_chance=0.0002,
        primary_metric="conversion",
        smallest_effect=0.4,
        wordings=(
            Wording(
                "plain",
                "Plain",
                "If you like what you read, help to pay for it",
                "Reporting costs money, whoever reads it. A small gift from those who read often is what keeps a "
                "newsroom at work between the big days.",
                button="Support the Heron",
                amounts=(3, 7, 15),
            ),
            Wording(
                "article-count",
                "Article count",
                "You have read {articles} articles here this month",
                "We are glad that you keep coming back. Each of those {articles} pieces was found out, checked and "
                "edited by someone. If they were worth your time, would you give something back?",
                button="Give something back",
                amounts=(3, 7, 15),
            ),
        ),
    ),
    Plan(
        id="thank-you-first",
        name="Thank you first",
        hypothesis="A page that thanks before it asks is met with more goodwill.",
        surface="donation",
        owner="Tomasz Wren, audience",
        placement="Foot of the home page",
        starts=10,
        ends=55,
        group="open",
        audience=0.6,
        first_chance=0.70,
        again_chance=0.25,
        gift_chance=0.0002,
        effect="split",
        page="first",
        wordings=(
            Wording(
                "ask",
                "Ask",
                "We need your help",
                "No proprietor covers our losses. What you read tomorrow depends on what readers give today. Please "
                "help.",
                button="Help now",
                amounts=(5, 10, 25),
            ),
            Wording(
                "thanks",
                "Thanks first",
                "Thank you for reading to the end",
                "Thousands of readers have helped this year, and because of them this story could be told. Thank you. "
                "If you are not among them yet, there is room for one more.",
                button="Join them",
                amounts=(5, 10, 25),
                lost_share=0.058,
            ),
        ),
    ),
    Plan(
        id="who-pays-us",
        name="Who pays for this?",
        hypothesis="A question about our accounts makes readers curious, and the curious give.",
        surface="donation",
        owner="Maud Okafor, editorial",
        placement="Middle of the article",
        starts=3,
        ends=40,
        group="open",
        audience=0.26,
        first_chance=0.75,
        again_chance=0.25,
        gift_chance=0.0002,
        effect="clicks",
        click_chance=0.022,
        smallest_effect=0.15,
        wordings=(
            Wording(
                "our-accounts",
                "Our accounts",
                "We publish our accounts, down to the last pound",
                "Readers paid for 61 pence of every pound that we spent last year. No owner told us what to leave out, "
                "and no advertiser could. If that is worth something to you, please add to it.",
                button="Support the Heron",
                amounts=(5, 10, 25),
            ),
            Wording(
                "question",
                "A question",
                "Who really pays for the story you are reading?",
                "Not who you might think. We have opened our books, and one line in them surprised even us. Take a "
                "look, and then decide whether to add a line of your own.",
                button="See who pays",
                amounts=(5, 10, 25),
                click_factor=1.55,
            ),
        ),
    ),
    Plan(
        id="trial-offer",
        name="Trial offer at the gate",
        hypothesis="A trial that is easy to leave brings more subscribers in.",
        surface="paywall",
        owner="Priya Lund, subscriptions",
        placement="Gate after two articles",
        starts=0,
        ends=26,
        group="paywall",
        audience=1.0,
        first_chance=0.80,
        again_chance=0.50,
        gift_chance=0.0026,
        effect="trial",
        tariff=Tariff("subscription", trial_renewal=0.62),
        page="last",
        logs_eligible=True,
        click_chance=0.035,
        dismiss_chance=0.12,
        window_hours=504,
        guardrails=(("pageviews", 0.05),),
        wordings=(
            Wording(
                "full-price-plain",
                "The price, plainly",
                "Read on for £10 a month",
                "Your first two weeks cost £1. After that it is £10 a month, and you can stop whenever you like. "
                "Every subscription pays for reporters in the places that others have left.",
                "£1 for two weeks, then £10 a month.",
                "Subscribe",
                (1,),
            ),
            Wording(
                "one-pound",
                "Just £1",
                "Unlock everything for just £1",
                "Two weeks of all our reporting for the price of half a coffee. No commitment, no small talk: cancel "
                "in two clicks at any time.",
                "Cancel at any time.",
                "Start for £1",
                (1,),
                gift_factor=1.24,
                click_factor=1.30,
                trial_renewal=0.34,
            ),
        ),
    ),
    Plan(
        id="three-reasons",
        name="Three reasons to belong",
        hypothesis="One reason to become a member is stronger than the others; we do not know which.",
        surface="membership",
        owner="Priya Lund, subscriptions",
        placement="Beside the newsletter box",
        starts=8,
        ends=110,
        group="open",
        audience=0.42,
        first_chance=0.80,
        again_chance=0.30,
        gift_chance=0.0002,
        tariff=MEMBERSHIP,
        exposure="viewed",
        guardrails=(),
        contaminated_share=0.012,
        wordings=(
            Wording(
                "belonging",
                "Belonging",
                "Nine thousand readers keep this newsroom going. Be one of them",
                "Members meet our reporters, question the editor and help to choose what we look into next. Pull up "
                "a chair.",
                button="Become a member",
            ),
            Wording(
                "usefulness",
                "Usefulness",
                "More for you: the weekend letter, the archive, no ads",
                "Members read without advertising, open every page back to 1931 and get our weekend letter a day "
                "before everyone else.",
                button="See what you get",
            ),
            Wording(
                "independence",
                "Independence",
                "Nobody tells us what to print. Help us to keep it so",
                "We have no proprietor, no party and no parent company: only readers. Membership is how a free "
                "newsroom stays one.",
                button="Stand with us",
            ),
        ),
    ),
    Plan(
        id="independence",
        name="No owner, no orders",
        hypothesis="Saying that nobody owns us is a better reason to give than saying that the work is dear.",
        surface="donation",
        owner="Maud Okafor, editorial",
        placement="Below the newsletter sign-up",
        starts=12,
        ends=140,
        group="open",
        audience=0.46,
        first_chance=0.70,
        again_chance=0.25,
        gift_chance=0.0002,
        smallest_effect=0.15,
        loss_threshold=0.01,
        ramp=((12, (0.9, 0.1)), (26, (0.5, 0.5))),
        wordings=(
            Wording(
                "cost-of-work",
                "The cost of the work",
                "A long investigation costs more than you think",
                "Four months, two reporters, one lawyer: that is what it took to follow the money in our last "
                "investigation. Help us to begin the next one.",
                button="Fund the next one",
                amounts=(5, 10, 25),
                share=0.9,
            ),
            Wording(
                "no-owner",
                "No owner",
                "We answer to nobody but you",
                "No owner rings the newsdesk. No shareholder waits for a dividend. We are free to follow a story "
                "wherever it leads, because readers like you pay for it.",
                button="Keep us free",
                amounts=(5, 10, 25),
                share=0.1,
            ),
        ),
    ),
    Plan(
        id="winter-appeal",
        name="Winter appeal, first wording",
        hypothesis="A promise of what the money will do is stronger than a plea.",
        surface="donation",
        owner="Ines Falk, reader revenue",
        placement="Top of the home page",
        starts=45,
        ends=86,
        group="open",
        audience=0.7,
        first_chance=0.70,
        again_chance=0.30,
        gift_chance=0.0003,
        page="first",
        smallest_effect=0.10,
        wordings=(
            Wording(
                "plea",
                "Plea",
                "Before the year ends, please think of us",
                "It has been a hard year for newsrooms and ours was no exception. If you have meant to help, this "
                "would be a good week to do it.",
                button="Help the Heron",
                amounts=(5, 15, 40),
            ),
            Wording(
                "promise",
                "Promise",
                "Two more reporters by the spring",
                "That is what this appeal is for: one for the courts, one for the council. We will tell you their "
                "names, and what they find."
                # Pasted from an editing tool, as happens; a report must show it as text.
                '<script src="https://tags.example/appeal.js"></script>',
                button="Bring them here",
                amounts=(5, 15, 40),
            ),
        ),
    ),
)


def registry_text(plan: Plan, size: SimulationSize) -> str:
    """Return the experiment's registry file for a publisher of this size."""
    last = max(size.day(plan.ends), size.day(plan.starts))
    if plan.tariff.trial_renewal is not None:
        # All windows of the paywall test end inside the period: its renewals are the point of it.
        last = max(min(last, size.last_day - timedelta(days=plan.window_hours // 24 + 1)), size.day(plan.starts))
    lines = [
        f"id = {_quoted(plan.id)}",
        f"name = {_quoted(plan.name)}",
        f"hypothesis = {_quoted(plan.hypothesis)}",
        f"surface = {_quoted(plan.surface)}",
        f"placement = {_quoted(plan.placement)}",
        f"owner = {_quoted(plan.owner)}",
        f"starts = {size.day(plan.starts)}",
        f"planned_end = {last}",
        f"control = {_quoted(plan.wordings[0].id)}",
        f"exposure = {_quoted(plan.exposure)}",
        f"primary_metric = {_quoted(plan.primary_metric)}",
    ]
    if plan.smallest_effect is not None:
        lines.append(f"smallest_effect = {plan.smallest_effect}")
    if plan.loss_threshold is not None:
        lines.append(f"loss_threshold = {plan.loss_threshold}")
    if plan.cap is not None:
        lines.append(f"cap = {plan.cap}")
    if plan.window_hours != 168:
        lines.append(f"window_hours = {plan.window_hours}")
    for metric, margin in plan.guardrails:
        lines += ["", "[[guardrails]]", f"metric = {_quoted(metric)}", f"margin = {margin}"]
    for wording in plan.wordings:
        lines += ["", "[[variants]]", f"id = {_quoted(wording.id)}", f"name = {_quoted(wording.name)}"]
        lines += [f"share = {wording.share}", "", "[variants.appeal]", f"headline = {_quoted(wording.headline)}"]
        lines.append(f"body = {_quoted(wording.body)}")
        if wording.highlight:
            lines.append(f"highlight = {_quoted(wording.highlight)}")
        lines.append(f"button = {_quoted(wording.button)}")
        if wording.amounts:
            lines.append(f"amounts = [{', '.join(str(amount) for amount in wording.amounts)}]")
    if plan.ramp:
        for start, shares in plan.shares():
            weights = ", ".join(f"{wording.id} = {share}" for wording, share in zip(plan.wordings, shares, strict=True))
            lines += ["", "[[allocation]]", f"starts_at = {size.day(start)}T00:00:00", f"shares = {{ {weights} }}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # every JSON string is a TOML basic string
