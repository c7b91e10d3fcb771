"""The words readers saw: cards side by side, with the differing words marked."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from analysis.wording.differences import appeal_differences
from dashboards.blocks import Card, Cards, Section
from dashboards.experiment.scales import shown_metric
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, plain
from dashboards.reading import Reading
from dashboards.theme import Arm
from dashboards.translations import marked


def texts_section(reading: Reading, spoken: Voice) -> Section | None:
    """Return the section of cards; None where the texts are not known."""
    if not reading.result.has_texts:
        return None
    metric, cards = shown_metric(reading), tuple(_card(reading, spoken, arm) for arm in reading.arms)
    has_replaced = any(piece.kind == "replaced" for card in cards for part in card.parts for piece in part.pieces)
    has_marks = any(piece.kind == "new" for card in cards for part in card.parts for piece in part.pieces)
    return Section(
        id="wordings",
        heading=spoken.say("What readers saw"),
        lead=spoken.say(
            "Words that the current wording does not have are marked. Under each name: {metric}.",
            metric=spoken.inside(metric_name(metric, spoken)),
        )
        if has_marks
        else "",
        blocks=(Cards(cards, has_replaced),),
    )


def _card(reading: Reading, spoken: Voice, arm: Arm) -> Card:
    control, appeal = reading.control.variant.appeal, arm.variant.appeal
    metric = shown_metric(reading)
    parts, mean = appeal_differences(control, appeal), reading.mean(metric, arm.id)
    rewritten = [part.part for part in parts if part.is_rewritten]
    changed = [part.part for part in parts if part.is_changed and not part.is_rewritten]
    changed += ["amounts"] if appeal.amounts != control.amounts else []
    changed += ["picture"] if appeal.image != control.image else []
    return Card(
        letter=arm.letter,
        token=arm.token,
        name=plain(arm.variant.label, 60),
        value="" if mean is None else f"{spoken.level(metric, mean)} {spoken.unit_of(metric)}",
        summary=_card_summary(arm, changed, rewritten, spoken),
        parts=parts,
        amounts=tuple((_asked(amount, spoken), amount not in control.amounts) for amount in appeal.amounts),
        image=plain(appeal.image, 120),
        language=reading.result.experiment.language,
    )


def _asked(amount: Decimal, spoken: Voice) -> str:
    """An amount as the appeal named it; in which currency is not registered, so none is printed."""
    return spoken.decimal(float(amount), 0 if amount == amount.to_integral_value() else 2)


def _card_summary(arm: Arm, changed: Sequence[str], rewritten: Sequence[str], spoken: Voice) -> str:
    if arm.is_control:
        return spoken.say("The current wording")
    said = []
    if rewritten:
        parts = spoken.listed([_part_name(part, spoken) for part in rewritten])
        said.append(capital(spoken.say("{parts} rewritten", parts=parts)))
    if changed:
        parts = spoken.listed([_part_name(part, spoken) for part in changed])
        said.append(spoken.say("{parts} changed", parts=parts))
    return capital("; ".join(said)) if said else spoken.say("The same words as the current wording")


_PARTS = {
    "headline": marked("headline"),
    "body": marked("body"),
    "highlight": marked("highlight"),
    "button": marked("button"),
    "secondary": marked("second button"),
    "ticker": marked("ticker"),
    "amounts": marked("amounts"),
    "picture": marked("picture"),
}


def _part_name(part: str, spoken: Voice) -> str:
    return spoken.say(_PARTS[part]) if part in _PARTS else plain(part.replace("_", " "))
