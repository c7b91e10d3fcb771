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
from analysis.wording.lexicon import OwnTrait
from analysis.wording.neighbours import likeness
from analysis.wording.result import WordingResult
from analysis.wording.traits import code_texts

#: A draft longer than this is no appeal.
MOST_CHARACTERS = 50_000

#: Past texts that share less than this with the draft are not called near.
LEAST_LIKENESS = 0.10

#: A test that is expected to gain less than this on the log scale (a tenth of a percent) teaches nothing worth it.
LEAST_GAIN = 0.001

_PART = re.compile(r"(?im)^(headline|body|highlight|button|amounts|image)[ \t]*:[ \t]*")
_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(0.975)


class DraftError(AskwellError):
    """A draft cannot be read; the message says why."""


@dataclass(frozen=True)
class Neighbour:
    """A past text near the draft: how near (0 to 1), its arm of `PAST_SCHEMA`, and what it did beside the rest of its block.

    Attributes:
        lift: Conversion rate against all other arms of its block together, less 1; None without any.
        low, high: Its 95 % range by itself, as if nothing else were known.
    """

    likeness: float
    arm: Mapping[str, object]
    lift: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DraftTrait:
    """A trait that the draft has, or in which it differs from the text it is held against.

    Attributes:
        amount: Units of the trait in the draft, less those in the other text.
        effect: Row of `wording_effects` on conversion.
        expected, low, high: Lift to expect from it, drawn towards zero, and the 95 % range for one new pair of texts;
            None where the trait is unknown.
        gain: Expected gain in log rate of choosing between the two texts after a test of usual size in which they differ in
            this trait alone, over choosing now.
    """

    amount: float
    effect: Mapping[str, object]
    expected: float | None
    low: float | None
    high: float | None
    gain: float

    @property
    def name(self) -> str:
        """Name people read."""
        return str(self.effect["name"])


@dataclass(frozen=True)
class DraftAdvice:
    """What the past says to a draft.

    Attributes:
        teaches_most: The traits whose test is worth most. More than one where their gains are equal to a thousandth: then the
            one that fewest tests have varied stands first, and of those the first by name. None without any.
    """

    neighbours: tuple[Neighbour, ...]
    traits: tuple[DraftTrait, ...]
    teaches_most: tuple[DraftTrait, ...]


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


def advise(
    known: WordingResult,
    arms: pl.DataFrame,
    draft: Appeal,
    against: Appeal | None = None,
    *,
    language: str = "en",
    own: Mapping[str, OwnTrait] | None = None,
    most: int = 5,
) -> DraftAdvice:
    """Return what past tests say to a draft.

    Args:
        known: What an edition says on the surface of the draft.
        arms: Past texts, schema `PAST_SCHEMA`.
        draft: The new text.
        against: The text it would be tested against; without one, against a text that has none of its traits.
        language: Language of both; in another one than that of `known` no trait is told.
        own: Traits that the newsroom declares itself.
        most: Neighbours at most.

    Source: Raiffa & Schlaifer 1961, chapter 5 (expected value of sample information, normal prior, linear loss).
    """
    traits = _traits(known, draft, against, own or {}) if known.outcome()["language"] == language else ()
    worth = sorted(
        (trait for trait in traits if trait.gain >= LEAST_GAIN),
        key=lambda trait: (-trait.gain, trait.effect["tests_varying"], trait.name),
    )
    equal = [trait for trait in worth if trait.gain >= worth[0].gain * 0.999]
    first = sorted(equal, key=lambda trait: (trait.effect["tests_varying"], trait.name))
    return DraftAdvice(_neighbours(arms, draft, most), traits, tuple(first))


def _neighbours(arms: pl.DataFrame, draft: Appeal, most: int) -> tuple[Neighbour, ...]:
    texts = arms.unique("text", keep="first", maintain_order=True)
    near = (
        texts.with_columns(likeness(draft.words, texts["text"]).alias("likeness"))
        .filter(pl.col("likeness") >= LEAST_LIKENESS)
        .sort("likeness", descending=True, maintain_order=True)
        .head(most)
    )
    return tuple(
        Neighbour(float(row["likeness"]), row, *_beside_the_rest(arms, row)) for row in near.iter_rows(named=True)
    )


def _beside_the_rest(arms: pl.DataFrame, arm: Mapping[str, object]) -> tuple[float, float, float] | tuple[()]:
    """Lift of an arm against the other arms of its block together, with its range on the log scale."""
    rest = arms.filter(pl.col("block_id") == arm["block_id"], pl.col("arm_id") != arm["arm_id"])
    if rest.is_empty() or arm["conversions"] is None:
        return ()
    counts = [(arm["conversions"], arm["readers"]), (rest["conversions"].sum(), rest["readers"].sum())]
    logs = [math.log((float(str(x)) + 0.5) / (float(str(n)) + 0.5)) for x, n in counts]
    variance = sum(1 / (float(str(x)) + 0.5) - 1 / (float(str(n)) + 0.5) for x, n in counts)
    mean, half = logs[0] - logs[1], _Z * math.sqrt(variance)
    return math.expm1(mean), math.expm1(mean - half), math.expm1(mean + half)


def _traits(
    known: WordingResult, draft: Appeal, against: Appeal | None, own: Mapping[str, OwnTrait]
) -> tuple[DraftTrait, ...]:
    texts = [draft] if against is None else [draft, against]
    coded = code_texts(
        [text.words for text in texts],
        str(known.outcome()["language"]),
        lowest_amount=[float(min(text.amounts)) if text.amounts else None for text in texts],
        own=[trait.as_trait(name) for name, trait in own.items()],
    ).to_dicts()
    effects = known.effects.filter(outcome="conversion")
    prior, noise = _prior_spread(effects), _usual_variance(known)
    pair = math.sqrt(2 * float(str(known.outcome()["sigma2"] or 0.0)))  # what one pair has of its own, beside the trait
    found = []
    for effect in effects.iter_rows(named=True):
        here = coded[0].get(effect["trait"])
        there = coded[1].get(effect["trait"]) if against is not None else (0.0 if effect["unit"] == "present" else here)
        if here is None or there is None or here == there:
            continue
        found.append(_draft_trait(effect, here - there, prior, pair, noise))
    return tuple(found)


def _draft_trait(effect: Mapping[str, object], amount: float, prior: float, pair: float, noise: float) -> DraftTrait:
    coefficient, se = effect["shrunk_coefficient"], effect["shrunk_se"]
    if not isinstance(coefficient, float) or not isinstance(se, float):
        return DraftTrait(amount, effect, None, None, None, _gain(0.0, math.hypot(prior * amount, pair), noise))
    mean, spread = coefficient * amount, math.hypot(se * amount, pair)
    half = _Z * spread
    return DraftTrait(
        amount,
        effect,
        math.expm1(mean),
        math.expm1(mean - half),
        math.expm1(mean + half),
        _gain(mean, spread, noise),
    )


def _prior_spread(table: pl.DataFrame) -> float:
    """How far traits lie apart at all, on the log scale: what may be expected of one that nobody has tested."""
    known = table.drop_nulls(["coefficient", "se"])
    if known.is_empty():
        return 0.10  # the scale that the inference of a single test takes without history
    excess = float(((known["coefficient"] ** 2) - (known["se"] ** 2)).mean() or 0.0)  # type: ignore[arg-type]
    return math.sqrt(max(excess, 0.01**2))


def _usual_variance(known: WordingResult) -> float:
    """Sampling variance of a difference between two arms of usual size."""
    return 2 / (float(str(known.outcome()["median_conversions"] or 0.0)) + 0.5)


def _gain(mean: float, spread: float, noise: float) -> float:
    before = spread**2 / math.sqrt(spread**2 + noise) if spread > 0 else 0.0
    if before == 0:
        return 0.0
    u = abs(mean) / before
    return before * (_NORMAL.pdf(u) - u * _NORMAL.cdf(-u))
