"""What past tests say to somebody who writes: nearest past texts, what each trait did, what a next test should vary.

Never one score for a text: what is said of each trait has its width, and what is not known is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from statistics import NormalDist

import polars as pl

from analysis.errors import AskwellError
from analysis.registry import Appeal
from analysis.wording.findings import Findings
from analysis.wording.neighbours import likeness
from analysis.wording.traits import Trait, appeal_text, code_texts

#: A draft longer than this is no appeal.
MOST_CHARACTERS = 50_000

#: Past texts that share less than this with the draft are not called near.
LEAST_LIKENESS = 0.10

#: A test that is expected to gain less than this on the log scale (a tenth of a percent) teaches nothing worth it.
LEAST_GAIN = 0.001

_PART = re.compile(r"(?im)^(headline|body|highlight|button|amounts|image)[ \t]*:[ \t]*")
_NORMAL = NormalDist()


class DraftError(AskwellError):
    """A draft cannot be read; the message says why."""


@dataclass(frozen=True)
class Neighbour:
    """A past text near the draft: how near (0 to 1), and its arm of `Findings.arms`."""

    likeness: float
    arm: Mapping[str, object]


@dataclass(frozen=True)
class DraftTrait:
    """A trait that the draft has, or in which it differs from the text it is held against.

    Attributes:
        amount: Units of the trait in the draft, less those in the other text.
        effect: Row of `TRAIT_EFFECT_SCHEMA` on conversion.
        expected, low, high: Lift to expect from it, drawn towards zero, and the 95 % range for one new pair of texts;
            None where the trait is unknown.
        gain: Expected gain in log rate of choosing between the two texts after a test of usual size in which they differ in
            this trait alone, over choosing now.
    """

    trait: Trait
    amount: float
    effect: Mapping[str, object]
    expected: float | None
    low: float | None
    high: float | None
    gain: float


@dataclass(frozen=True)
class DraftAdvice:
    """What the past says to a draft; `teaches_most` is the trait whose test is worth most, None without any."""

    neighbours: tuple[Neighbour, ...]
    traits: tuple[DraftTrait, ...]
    teaches_most: DraftTrait | None


def read_draft(path: Path) -> Appeal:
    """Return the draft in a text file: parts after `headline:`, `body:`, `highlight:`, `button:`, `amounts:`, `image:` at
    the start of a line, or everything as body.

    Raises:
        DraftError: the file is missing, no UTF-8 text, too long or empty, or an amount is no number.
    """  # noqa: D205
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise DraftError(f"{path} cannot be read ({problem.strerror}).") from None
    except UnicodeDecodeError:
        raise DraftError(f"{path} is no UTF-8 text: save the draft as plain text in UTF-8.") from None
    if len(text) > MOST_CHARACTERS:
        raise DraftError(f"{path} has {len(text)} characters, more than the {MOST_CHARACTERS} that an appeal may have.")
    pieces = _PART.split(text)
    parts: dict[str, str] = {"body": pieces[0].strip()} if pieces[0].strip() else {}
    for name, content in zip(pieces[1::2], pieces[2::2], strict=True):
        key = name.lower()
        parts[key] = f"{parts[key]}\n{content.strip()}" if parts.get(key) else content.strip()
    amounts = []
    for word in parts.pop("amounts", "").replace(",", " ").split():
        try:
            amount = Decimal(word)
        except InvalidOperation:
            raise DraftError(
                f"{path}: amounts has {word!r}, which is no number; write them as in `amounts: 3 7 15`."
            ) from None
        if not amount.is_finite() or amount <= 0:
            raise DraftError(f"{path}: amounts has {word!r}; amounts are above 0.")
        amounts.append(amount)
    if not any(parts.values()):
        raise DraftError(f"{path} has no words: write the appeal into it.")
    return Appeal(amounts=tuple(amounts), **parts)


def advise(findings: Findings, draft: Appeal, against: Appeal | None = None, *, most: int = 5) -> DraftAdvice:
    """Return what past tests say to a draft.

    Args:
        findings: The past.
        draft: The new text.
        against: The text it would be tested against; without one, against a text that has none of its traits.
        most: Neighbours at most.

    Source: Raiffa & Schlaifer 1961, chapter 5 (expected value of sample information, normal prior, linear loss).
    """
    traits = _traits(findings, draft, against)
    worth = [trait for trait in traits if trait.gain >= LEAST_GAIN]
    return DraftAdvice(
        _neighbours(findings, draft, most), traits, max(worth, key=lambda trait: trait.gain, default=None)
    )


def _neighbours(findings: Findings, draft: Appeal, most: int) -> tuple[Neighbour, ...]:
    texts = findings.arms.unique("text", keep="first", maintain_order=True)
    near = (
        texts.with_columns(likeness(appeal_text(draft), texts["text"]).alias("likeness"))
        .filter(pl.col("likeness") >= LEAST_LIKENESS)
        .sort("likeness", descending=True, maintain_order=True)
        .head(most)
    )
    return tuple(Neighbour(float(row["likeness"]), row) for row in near.iter_rows(named=True))


def _traits(findings: Findings, draft: Appeal, against: Appeal | None) -> tuple[DraftTrait, ...]:
    texts = [draft] if against is None else [draft, against]
    coded = code_texts(
        [appeal_text(text) for text in texts],
        findings.language,
        lowest_amount=[float(min(text.amounts)) if text.amounts else None for text in texts],
    ).to_dicts()
    evidence = findings.outcomes["conversion"].effects
    effects = {str(row["trait"]): row for row in evidence.table.iter_rows(named=True)}
    prior, noise = _prior_spread(evidence.table), _usual_variance(findings.arms)
    own = math.sqrt(2 * (evidence.sigma2 or 0.0))  # what one pair has of its own, beside the trait
    found = []
    for trait in findings.traits:
        here = coded[0][trait.id]
        there = coded[1][trait.id] if against is not None else (0.0 if trait.unit == "present" else here)
        if here is None or there is None or here == there:
            continue
        amount, effect = here - there, effects[trait.id]
        coefficient, se = effect["shrunk_coefficient"], effect["shrunk_se"]
        if coefficient is None or se is None:
            gain = _gain(0.0, math.hypot(prior * amount, own), noise)
            found.append(DraftTrait(trait, amount, effect, None, None, None, gain))
            continue
        mean, spread = coefficient * amount, se * abs(amount)
        of_pair = math.hypot(spread, own)
        half = 1.959963984540054 * of_pair
        found.append(
            DraftTrait(
                trait,
                amount,
                effect,
                math.expm1(mean),
                math.expm1(mean - half),
                math.expm1(mean + half),
                _gain(mean, of_pair, noise),
            )
        )
    return tuple(found)


def _prior_spread(table: pl.DataFrame) -> float:
    """How far traits lie apart at all, on the log scale: what may be expected of one that nobody has tested."""
    known = table.drop_nulls(["coefficient", "se"])
    if known.is_empty():
        return 0.10  # the scale that the inference of a single test takes without history
    excess = float(((known["coefficient"] ** 2) - (known["se"] ** 2)).mean() or 0.0)  # type: ignore[arg-type]
    return math.sqrt(max(excess, 0.01**2))


def _usual_variance(arms: pl.DataFrame) -> float:
    """Sampling variance of a difference between two arms of usual size."""
    x = float(arms["conversions"].median() or 0.0)  # type: ignore[arg-type]
    return 2 / (x + 0.5)


def _gain(mean: float, spread: float, noise: float) -> float:
    before = spread**2 / math.sqrt(spread**2 + noise) if spread > 0 else 0.0
    if before == 0:
        return 0.0
    u = abs(mean) / before
    return before * (_NORMAL.pdf(u) - u * _NORMAL.cdf(-u))
