"""`make wording`: the model of wording on a public archive of headline tests, into docs/methods/wording-archive.md.

Upworthy Research Archive (Matias et al. 2021, Scientific Data 8:195, CC BY 4.0). Clicks on headlines are not gifts: the
archive proves the method, and says little about appeals.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from analysis.wording.evidence import log_rate_effects
from analysis.wording.examples import examples
from analysis.wording.findings import Findings, find
from analysis.wording.lexicon import lexicon
from analysis.wording.past import Past, imported_past
from analysis.wording.past_tests import PastTests, read_past_tests
from analysis.wording.prediction import Figure, NotJudged, OutOfSample, out_of_sample
from analysis.wording.trait_effects import trait_effects
from analysis.wording.traits import code_texts

PAGE = Path("docs/methods/wording-archive.md")
ARCHIVE_ARMS = 150_000

#: Traits with the sign that was published of the same archive, and by whom; 1 for more clicks, -1 for fewer.
PUBLISHED = {
    "length": (1, "Gligoric et al. 2023: longer"),
    "third_singular": (1, "Gligoric et al. 2023: third person singular"),
    "first_plural": (-1, "Gligoric et al. 2023: first person plural"),
    "positive_words": (-1, "Robertson et al. 2023: positive words"),
    "negative_words": (1, "Robertson et al. 2023: negative words, +2.3 % each by another list"),
}

T = TypeVar("T")


def main(file: Path, page: Path = PAGE) -> None:
    if not file.exists():
        sys.exit(f"{file} does not exist: give the archive's Parquet or CSV, as in make wording ARCHIVE=FILE.")
    found = read_past_tests(file)
    past = imported_past({"archive": found.arms})
    page.write_text(text(found, find(past), past), encoding="utf-8")
    print(f"Written: {page}")


def section_nine(arms: pl.DataFrame) -> list[tuple[str, float, float]]:
    """Question mark, any digit, words / 10 on all tests, clustered by block, as the public check of the method has them."""
    arms = arms.filter(pl.len().over("block_id") > 1)
    lower = pl.col("headline").str.to_lowercase()
    features = arms.select(
        question=pl.col("headline").str.contains(r"\?").cast(pl.Float64),
        digit=pl.col("headline").str.contains(r"[0-9]").cast(pl.Float64),
        words=lower.str.count_matches(r"[a-z0-9']+") / 10,
    )
    found = log_rate_effects(arms["block_id"].rank("dense"), arms["conversions"], arms["readers"], features.to_numpy())
    return list(zip(features.columns, found.coefficient.tolist(), found.se_cluster.tolist(), strict=True))


def percent(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{100 * value:+.{digits}f} %".replace("-", "−")


def share(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} % (from {100 * figure.low:.1f} to {100 * figure.high:.1f} %)"


def trait_table(found: Findings) -> list[str]:
    lines = [
        "| trait | status | tests that vary it | better in / worse in | effect | range | shrunk | q | one new pair |",
        "| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | --- |",
    ]
    traits = {trait.id: trait for trait in found.traits}
    table = found.outcomes["conversion"].effects.table
    for row in table.sort(pl.col("shrunk_lift").abs(), descending=True, nulls_last=True).iter_rows(named=True):
        trait = traits[row["trait"]]
        name = trait.name if trait.unit == "present" else f"{trait.name} (one {trait.unit} more)"
        if row["reason"]:
            lines.append(
                f"| {name} | not known: {row['reason'].replace('_', ' ')} | {row['tests_varying']} | | | | | | |"
            )
            continue
        lines.append(
            f"| {name} | {row['status']} | {row['tests_varying']} | {row['tests_better']} / {row['tests_worse']} "
            f"| {percent(row['lift'])} | {percent(row['low'])} to {percent(row['high'])} | {percent(row['shrunk_lift'])} "
            f"| {row['q']:.3f} | {percent(row['pair_low'], 0)} to {percent(row['pair_high'], 0)} |"
        )
    return lines


def signs_table(found: Findings) -> list[str]:
    rows = {row["trait"]: row for row in found.outcomes["conversion"].effects.table.iter_rows(named=True)}
    lines = ["| published | sign | ours | range | |", "| --- | --- | ---: | --- | --- |"]
    for trait, (sign, published) in PUBLISHED.items():
        row = rows[trait]
        low, high = sorted((sign * row["low"], sign * row["high"]))
        said = "the same" if low > 0 else "the opposite" if high < 0 else "not clear"
        lines.append(
            f"| {published} | {'+' if sign > 0 else '−'} | {percent(row['lift'])} | {percent(row['low'])} to {percent(row['high'])} | {said} |"
        )
    return lines


def broken_table(found: PastTests) -> list[str]:
    """Tests with a broken split by month, beside all tests of the month."""
    tests = found.arms.group_by("test_id").agg(
        month=pl.col("ended").max().dt.truncate("1mo"), is_broken=pl.col("is_split_broken").any()
    )
    months = tests.group_by("month").agg(pl.len().alias("all"), broken=pl.col("is_broken").sum()).sort("month")
    rows = [
        f"| {month:%b %Y} | {broken} | {every} | {100 * broken / every:.0f} % |"
        for month, every, broken in months.filter(pl.col("broken") > 0).iter_rows()
    ]
    return ["| month | tests with a broken split | all tests | share |", "| --- | ---: | ---: | ---: |", *rows]


def judged(result: OutOfSample | NotJudged) -> list[str]:
    if isinstance(result, NotJudged):
        return [f"Not judged: {result.reason.replace('_', ' ')} ({result.tests} tests)."]
    said = (
        "Words predict here, a little."
        if result.predicts
        else "**Words do not predict here**: the range of the accuracy does not lie above one half."
    )
    return [
        f"Learned on the {result.train_tests:,} earlier tests, judged on the {result.judged_tests:,} later ones. {said}",
        "",
        "| figure | value | without knowledge | best possible |",
        "| --- | --- | --- | --- |",
        f"| pairs whose better headline was named ({result.pairs:,}) | {share(result.accuracy)} | 50 % | {100 * result.ceiling:.0f} % |",
        f"| of those that clearly differ ({result.clear_pairs:,}) | {share(result.clear_accuracy) if result.clear_accuracy else ''} | 50 % | |",
        f"| log loss | {result.log_loss.value:.4f} (from {result.log_loss.low:.4f} to {result.log_loss.high:.4f}) | 0.6931 | |",
        f"| calibration slope | {result.slope.value:.2f} (from {result.slope.low:.2f} to {result.slope.high:.2f}) | 0 | 1 |",
        "",
        "| predicted difference (log) | observed | pairs |",
        "| ---: | ---: | ---: |",
        *(f"| {p:.3f} | {o:.3f} | {n:,} |" for p, o, n in result.bins.iter_rows()),
    ]


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


def cost(past: Past, traits: list[str]) -> list[str]:
    """CPU at the size of the whole archive, made by repeating ours under new test names."""
    arms = past.arms.filter(pl.len().over("block_id") > 1)
    copies = -(-ARCHIVE_ARMS // arms.height)
    many = pl.concat([arms.with_columns(pl.col("test_id", "block_id") + f"#{copy}") for copy in range(copies)])[
        :ARCHIVE_ARMS
    ]
    cache = Path("bench/.cache")
    cache.mkdir(parents=True, exist_ok=True)
    large, plain = cache / "wording.parquet", cache / "wording.csv"
    many.write_parquet(large)
    many.write_csv(plain)
    read, from_parquet = timed(lambda: pl.read_parquet(large))
    _, from_csv = timed(lambda: pl.read_csv(plain))
    words, coding = timed(lambda: code_texts(read["text"]))
    coded = many.hstack(words.select(traits))
    _, fitting = timed(lambda: trait_effects(coded, traits))
    _, judging = timed(lambda: out_of_sample(coded, traits))
    _, picking = timed(lambda: examples(coded, traits))
    large.unlink()
    plain.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whole = coding + fitting + judging + picking
    return [
        f"At {many.height:,} arms of {many['test_id'].n_unique():,} tests ({many['block_id'].n_unique():,} blocks) with "
        f"{len(traits)} traits (ours repeated), CPU seconds:",
        "",
        "| coding the traits | effects | out of sample | examples | all of it | peak memory |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {coding:.2f} | {fitting:.2f} | {judging:.2f} | {picking:.2f} | {whole:.2f} | {peak:,.0f} MB |",
        "",
        f"Reading the same arms takes {from_csv:.2f} from CSV and {from_parquet:.2f} from Parquet: all of it is "
        f"{whole / max(from_csv, 0.01):,.0f} and {whole / max(from_parquet, 0.01):,.0f} times that.",
    ]


def goal() -> list[str]:
    """CPU of the model at the size that it is asked to bear: 30,000 tests of three wordings with 30 traits."""
    rng, tests = np.random.default_rng(1), 30_000
    test = np.repeat(np.arange(tests), 3)
    traits = {f"trait_{place}": rng.integers(0, 2, test.size).astype(np.float64) for place in range(30)}
    rate = 0.001 * np.exp(np.repeat(rng.normal(0, 0.5, tests), 3) + 0.05 * traits["trait_0"])
    arms = pl.DataFrame(
        {"test_id": test, "readers": np.full(test.size, 60_000), "conversions": rng.poisson(60_000 * rate), **traits}
    ).with_columns(ended=pl.date(2000, 1, 1) + pl.duration(days=pl.col("test_id") // 10))
    _, fitting = timed(lambda: trait_effects(arms, list(traits)))
    _, judging = timed(lambda: out_of_sample(arms, list(traits)))
    return [
        f"30,000 tests of three wordings with 30 traits: effects {fitting:.1f}, out of sample {judging:.1f} CPU seconds."
    ]


def shuffles(arms: pl.DataFrame, traits: list[str], count: int = 20) -> list[str]:
    found = [out_of_sample(shuffled_inside(arms, traits, seed), traits) for seed in range(count)]
    figures = [one.accuracy for one in found if isinstance(one, OutOfSample)]
    holding = sum(one.low <= 0.5 <= one.high for one in figures)
    return [
        f"Dealt anew {count} times: {holding} of {len(figures)} ranges of the accuracy hold one half (95 % should), mean accuracy "
        f"{100 * sum(one.value for one in figures) / len(figures):.1f} %."
    ]


def shuffled_inside(arms: pl.DataFrame, traits: list[str], seed: int) -> pl.DataFrame:
    """The arms with their traits dealt anew inside each block."""
    ordered = arms.sort("block_id", maintain_order=True)
    order = ordered.with_row_index("row").with_columns(draw=pl.col("row").hash(seed)).sort("block_id", "draw")["row"]
    return ordered.with_columns(ordered.select(traits)[order])


def text(found: PastTests, known: Findings, past: Past) -> str:
    traits = [trait.id for trait in known.traits if trait.id != "amount_asked"]
    effects = known.outcomes["conversion"].effects
    compared = found.arms.filter(pl.len().over("block_id") > 1)
    lines = [
        "# Wording on a public archive",
        "",
        "Written by `make wording`; do not edit. Headline tests of a news site, 2013 to 2015: Upworthy Research Archive, Matias",
        "et al. 2021, Scientific Data 8:195, CC BY 4.0; half of its exploratory set. Clicks on headlines are not gifts after an",
        "appeal: the page shows that the method finds what others found, and how far words predict.",
        "",
        "## What was used",
        "",
        f"{found.received:,} rows of {found.tests:,} tests; {found.merged:,} had the headline and picture of another row of their test and",
        f"were added to it; {sum(found.set_aside.values()):,} hardly ran. Left: {compared.height:,} headlines in {compared['block_id'].n_unique():,} blocks of "
        f"test and picture with two headlines and more, of {compared['test_id'].n_unique():,} tests.",
        "",
        f"{found.broken.height:,} tests were not split evenly (e-value of 1,000 and more) and teach nothing. They cluster:",
        "the authors of the archive warn of June 2013 to January 2014.",
        "",
        *broken_table(found),
        "",
        "## The check of the kernel",
        "",
        "All blocks, three features together; known from an independent computation: −0.1063 (0.0155), 0.0529 (0.0206),",
        "0.1166 (0.0200), with the cluster factor G/(G−1) where ours has G/(G−P); clustered by block, as that was.",
        "",
        "| feature | coefficient | clustered standard error |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {coefficient:.4f} | {se:.4f} |" for name, coefficient, se in section_nine(found.arms)),
        "",
        "## Published signs",
        "",
        *signs_table(known),
        "",
        "## Traits",
        "",
        f"Lexicon `en` version {lexicon('en').version}, {effects.tests:,} tests with a sound split, {effects.arms:,} headlines, "
        f"spread between headlines left unexplained {effects.sigma2 or 0:.3f} (log variance). Clustered by test.",
        "",
        *trait_table(known),
        "",
        "## Out of sample",
        "",
        *judged(known.outcomes["conversion"].judged),
        "",
        "The same with traits shuffled inside tests, which must predict nothing:",
        "",
        *shuffles(known.arms, traits),
        "",
        "## What it costs",
        "",
        *cost(past, traits),
        "",
        *goal(),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/upworthy_half.parquet"))
