"""Past texts that are most like a new one, by the words they share: TF-IDF weights and the cosine between them.

Words that stand in every text say nothing, rare ones say most. No meaning is understood: a text that says the same in
other words is not found.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

#: A word, or one character of a script written without spaces.
_WORD = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[\p{L}\p{N}'’]+"


def likeness(text: str, past: Sequence[str] | pl.Series) -> pl.Series:
    """Return how like a text each past one is, from 0 (no word in common) to 1 (the same words).

    A word that occurs t times in a text and in d of the n past texts weighs (1 + log t) x (1 + log((1 + n) / (1 + d))).

    Args:
        text: The new text.
        past: Shape (n_past,).

    Returns:
        Float64, shape (n_past,).

    Source: Salton & Buckley 1988 (weights); smoothed so that no weight is 0.
    """
    texts = pl.Series("text", past, dtype=pl.String)
    n = len(texts)
    words = (
        pl.DataFrame({"row": pl.int_range(n + 1, eager=True), "text": pl.concat([texts, pl.Series("text", [text])])})
        .with_columns(pl.col("text").fill_null("").str.to_lowercase().str.extract_all(_WORD).alias("word"))
        .explode("word")
        .drop_nulls("word")
        .group_by("row", "word")
        .agg(pl.len().alias("times"))
    )
    found_in = words.filter(pl.col("row") < n).group_by("word").agg(pl.len().alias("texts"))
    weighed = words.join(found_in, on="word", how="left").select(
        "row",
        "word",
        ((1 + pl.col("times").log()) * (1 + ((1 + n) / (1 + pl.col("texts").fill_null(0))).log())).alias("weight"),
    )
    sizes = weighed.group_by("row").agg(pl.col("weight").pow(2).sum().sqrt().alias("size"))
    asked = weighed.filter(pl.col("row") == n).select("word", pl.col("weight").alias("asked"))
    own_size = sizes.filter(pl.col("row") == n)["size"]
    if own_size.is_empty():
        return pl.Series("likeness", [0.0] * n, dtype=pl.Float64)
    products = (
        weighed.filter(pl.col("row") < n)
        .join(asked, on="word")
        .group_by("row")
        .agg((pl.col("weight") * pl.col("asked")).sum().alias("product"))
        .join(sizes, on="row")
        .with_columns((pl.col("product") / (pl.col("size") * own_size[0])).alias("likeness"))
    )
    rows = pl.DataFrame({"row": pl.int_range(n, eager=True)})
    return rows.join(products, on="row", how="left", maintain_order="left")["likeness"].fill_null(0.0).clip(0.0, 1.0)
