"""The catalogue of appeals: every part of every wording, what differs from the current wording, and since when.

One table, `appeal_parts`, kept with each edition: a text that somebody changes in the registry while a test runs is
there as it was and as it is. The view `appeal_history` says from which edition to which each text stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from analysis.registry import Appeal, Experiment
from analysis.result_tables import ResultTable
from analysis.wording.differences import TEXT_PARTS, part_difference

#: Every part of an appeal, in the order in which a reader meets them; the last two are no words.
PARTS: tuple[str, ...] = (*TEXT_PARTS, "amounts", "image")

#: Stands between two stretches of words in one cell.
_BETWEEN = " … "

APPEAL_PARTS = ResultTable(
    "appeal_parts",
    "experiment, variant, part of the appeal (parts that neither it nor the control has are left out)",
    {
        "experiment_id": (pl.String, "Experiment."),
        "variant_id": (pl.String, "Variant."),
        "is_control": (pl.Boolean, "True for the control, the current wording."),
        "part": (pl.String, f"Part: {', '.join(f'`{part}`' for part in PARTS)}."),
        "surface": (pl.String, "Where the appeal stands: donation, paywall, ..."),
        "placement": (pl.String, "Place on the page, in the publisher's words; empty where none is registered."),
        "language": (pl.String, "Language of the words."),
        "text": (
            pl.String,
            "The part exactly as registered; amounts joined by commas. Empty where the variant has none.",
        ),
        "control_text": (pl.String, "The same part of the control."),
        "is_changed": (pl.Boolean, "True where the part is not the control's, by words: case and closing marks aside."),
        "is_rewritten": (pl.Boolean, "True where less than 30 % of the words are common; no words are listed then."),
        "new_words": (pl.String, "Words that only this variant has, stretches parted by an ellipsis."),
        "replaced_words": (pl.String, "Words of the control that they took the place of."),
    },
)


def appeal_parts(experiments: Iterable[Experiment]) -> pl.DataFrame:
    """Return the parts of every registered wording against the control of its experiment. Schema `APPEAL_PARTS`."""
    return APPEAL_PARTS.frame([row for experiment in experiments for row in _rows(experiment)])


def part_text(appeal: Appeal, part: str) -> str:
    """Return one part of an appeal as text; amounts in the order in which they are proposed, in major units."""
    if part == "amounts":
        return ", ".join(str(amount) for amount in appeal.amounts)
    return str(getattr(appeal, part))


def parts_that_differ(current: Appeal, other: Appeal) -> tuple[str, ...]:
    """Return the names of the parts in which two appeals differ, in reading order."""
    found = []
    for part in PARTS:
        before, after = part_text(current, part), part_text(other, part)
        if before != after and (part not in TEXT_PARTS or part_difference(part, before, after).is_changed):
            found.append(part)
    return tuple(found)


def _rows(experiment: Experiment) -> Iterator[dict[str, object]]:
    current = next(variant.appeal for variant in experiment.variants if variant.id == experiment.control)
    for variant in experiment.ordered_variants:
        for part in PARTS:
            before, after = part_text(current, part), part_text(variant.appeal, part)
            if not before and not after:
                continue
            row: dict[str, object] = {
                "experiment_id": experiment.id,
                "variant_id": variant.id,
                "is_control": variant.id == experiment.control,
                "part": part,
                "surface": experiment.surface,
                "placement": experiment.placement,
                "language": experiment.language,
                "text": after,
                "control_text": before,
            }
            if part in TEXT_PARTS:
                difference = part_difference(part, before, after)
                row["is_changed"], row["is_rewritten"] = difference.is_changed, difference.is_rewritten
                for column, kind in (("new_words", "new"), ("replaced_words", "replaced")):
                    row[column] = _BETWEEN.join(piece.text for piece in difference.pieces if piece.kind == kind)
            else:
                changed = before != after
                row |= {
                    "is_changed": changed,
                    "is_rewritten": False,
                    "new_words": after if changed else "",
                    "replaced_words": before if changed else "",
                }
            yield row
