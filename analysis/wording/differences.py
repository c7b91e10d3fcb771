"""Word by word: what one wording of an appeal says that the current wording does not.

A description of texts, for people to read side by side. What differences are worth is not asked here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from analysis.registry import Appeal

PieceKind = Literal["same", "new", "replaced"]
TextPart = Literal["headline", "body", "highlight", "button"]

#: The parts of an appeal that are words, in the order in which a reader meets them.
TEXT_PARTS: tuple[TextPart, ...] = ("headline", "body", "highlight", "button")

#: Below this share of common words a text is called rewritten, and marks would only be noise.
COMMON_SHARE = 0.30

#: Longer texts are compared by sentence: comparing words takes time in the product of both lengths.
MOST_WORDS = 1_500

# Scripts written without spaces are compared character by character.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]\s*|[^\s{_UNSPACED}]+\s*|\s+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*\s*|[.!?\n]+\s*")


@dataclass(frozen=True)
class Piece:
    """A run of text: `same` in both wordings, `new` in this one, or `replaced` (stands only in the current one)."""

    text: str
    kind: PieceKind


@dataclass(frozen=True)
class PartDifference:
    """One part of an appeal against the same part of the current wording.

    Attributes:
        pieces: In reading order. `same` and `new` together are the part exactly as readers saw it.
        is_rewritten: Less than `COMMON_SHARE` of the words are common; the pieces then carry no marks.
    """

    part: str
    pieces: tuple[Piece, ...]
    is_rewritten: bool = False

    @property
    def is_changed(self) -> bool:
        """True where the part is not the current wording's."""
        return self.is_rewritten or any(piece.kind != "same" for piece in self.pieces)


def appeal_differences(current: Appeal, other: Appeal) -> tuple[PartDifference, ...]:
    """Return the text parts of `other` against `current`; parts that neither of them has are left out."""
    return tuple(
        part_difference(part, getattr(current, part), getattr(other, part))
        for part in TEXT_PARTS
        if getattr(current, part) or getattr(other, part)
    )


def part_difference(part: str, current: str, other: str) -> PartDifference:
    """Return `other` in pieces against `current`, compared by words; case and closing punctuation do not count.

    A single word that happens to stand between two changes belongs to the change: marks around it would cut a phrase
    into shreds.
    """
    if not current or not other:
        kind: PieceKind = "new" if other else "replaced"
        return PartDifference(part, (Piece(other or current, kind),))
    long = max(len(_WORD.findall(current)), len(_WORD.findall(other))) > MOST_WORDS
    pattern = _SENTENCE if long else _WORD
    before, after = pattern.findall(current), pattern.findall(other)
    keys_before, keys_after = [_key(word) for word in before], [_key(word) for word in after]
    steps = _joined(SequenceMatcher(None, keys_before, keys_after, autojunk=False).get_opcodes())
    common = sum(i2 - i1 for tag, i1, i2, _, _ in steps if tag == "equal")
    if common < COMMON_SHARE * max(len(before), len(after)):
        return PartDifference(part, (Piece(other, "same"),), is_rewritten=True)
    return PartDifference(part, tuple(_pieces(steps, before, after)))


Step = tuple[str, int, int, int, int]


def _joined(steps: Sequence[Step]) -> list[Step]:
    joined: list[Step] = []
    for index, step in enumerate(steps):
        tag, i1, i2, j1, j2 = step
        is_inside = 0 < index < len(steps) - 1
        is_bridge = tag == "equal" and i2 - i1 == 1 and is_inside
        if tag != "equal" or is_bridge:
            if joined and joined[-1][0] != "equal":
                _, a1, _, b1, _ = joined.pop()
                joined.append(("replace", a1, i2, b1, j2))
            else:
                joined.append(("replace", i1, i2, j1, j2))
        else:
            joined.append(step)
    return joined


def _pieces(steps: Sequence[Step], before: Sequence[str], after: Sequence[str]) -> Iterator[Piece]:
    for tag, i1, i2, j1, j2 in steps:
        if tag == "equal":
            yield Piece("".join(after[j1:j2]), "same")
            continue
        if i2 > i1:
            yield Piece("".join(before[i1:i2]).rstrip(), "replaced")
        if j2 > j1:
            text = "".join(after[j1:j2])
            words = text.rstrip()
            if words:
                yield Piece(words, "new")
            if words != text:
                yield Piece(text[len(words) :], "same")


def _key(word: str) -> str:
    folded = unicodedata.normalize("NFKC", word).strip().casefold()
    return folded.rstrip(".,;:!?…\"'”’)»“") or folded
