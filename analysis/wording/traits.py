"""Traits of texts: what each does, coded by rules that were written down before any result was seen.

What people coded in the registry overrules the rules; how well the two agree stands in `agreement.py`. Results stand
elsewhere: coding is blind to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from analysis.wording.lexicon import Trait, lexicon

_LETTER_OR_DIGIT = r"[\p{L}\p{N}']"

#: What people coded: one row a text and trait.
CODED_BY_PEOPLE: dict[str, pl.DataType | type[pl.DataType]] = {
    "test_id": pl.String,
    "arm_id": pl.String,
    "trait": pl.String,
    "value": pl.Float64,
}


def code_texts(
    texts: Sequence[str | None] | pl.Series,
    language: str = "en",
    *,
    lowest_amount: Sequence[float | None] | pl.Series | None = None,
    own: Sequence[Trait] = (),
) -> pl.DataFrame:
    """Code texts by the rules.

    Args:
        texts: Shape (n_texts,); None where the words are not known.
        language: Language of all of them, such as `en` or `en-GB`.
        lowest_amount: Lowest amount proposed beside each text, in major units.
        own: Further traits; those without phrases are left to people.

    Returns:
        One row a text, one Float64 column a trait of the lexicon, of `own` with phrases, and of `MEASURES`. All null where the text is unknown;
        `amount_asked` null where no amount is known.
    """
    series = pl.Series("text", texts, dtype=pl.String)
    amounts = pl.Series(
        "amount", lowest_amount if lowest_amount is not None else [None] * len(series), dtype=pl.Float64
    )
    frame = pl.DataFrame([series, amounts])
    text = pl.col("text")
    columns: list[pl.Expr] = []
    for trait in (*lexicon(language).traits, *(one for one in own if one.pattern)):
        pattern = trait.pattern or ""
        found = text.str.count_matches(pattern) if trait.counted else text.str.contains(pattern)
        columns.append(found.cast(pl.Float64).alias(trait.id))
    words = text.str.count_matches(rf"{_LETTER_OR_DIGIT}+").cast(pl.Float64)
    sentences = pl.max_horizontal(text.str.count_matches(r"[.!?\u2026]+(?:\s|$)|\n+"), pl.lit(1)).cast(pl.Float64)
    long_words = text.str.count_matches(r"\p{L}{7,}").cast(pl.Float64)
    lix = pl.when(words > 0).then(words / sentences + 100 * long_words / words).otherwise(0.0)
    columns += [
        text.str.contains(r"\?").cast(pl.Float64).alias("question"),
        text.str.contains(r"\p{N}").cast(pl.Float64).alias("number"),
        text.str.contains("!", literal=True).cast(pl.Float64).alias("exclamation"),
        (words / 10).alias("length"),
        pl.when(text.is_not_null()).then(lix / 10).alias("readability"),
        pl.when(pl.col("amount") > 0).then(pl.col("amount").log()).alias("amount_asked"),
    ]
    return frame.select(columns)


def overruled(coded: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Coded texts with what people said in the place of the rules, and with the traits that only people coded.

    Args:
        coded: `test_id`, `arm_id`, and a Float64 column a trait.
        people: Schema `CODED_BY_PEOPLE`.

    Returns:
        The same rows in the same order; a trait that neither rules nor people coded in a text is null there.
    """
    key = ["test_id", "arm_id"]
    said = coded.select(key).unique().join(people, on=key)
    for trait in said["trait"].unique(maintain_order=True):
        column = pl.col(trait) if trait in coded.columns else pl.lit(None, dtype=pl.Float64)
        of_people = said.filter(trait=trait).select(*key, pl.col("value").alias("said by people"))
        coded = (
            coded.join(of_people, on=key, how="left", maintain_order="left")
            .with_columns(pl.coalesce("said by people", column).alias(trait))
            .drop("said by people")
        )
    return coded
