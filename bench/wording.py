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

import polars as pl

from analysis.wording.evidence import log_rate_effects
from analysis.wording.lexicon import lexicon
from analysis.wording.past_tests import PastTests, read_past_tests
from analysis.wording.prediction import Figure, NotJudged, OutOfSample, out_of_sample
from analysis.wording.trait_effects import TraitEvidence, trait_effects
from analysis.wording.traits import code_texts

PAGE = Path("docs/methods/wording-archive.md")
ARCHIVE_ARMS = 150_000

T = TypeVar("T")


def main(file: Path, page: Path = PAGE) -> None:
    if not file.exists():
        sys.exit(f"{file} does not exist: give the archive's Parquet or CSV, as in make wording ARCHIVE=FILE.")
    found = read_past_tests(file)
    arms, traits = coded(found.arms)
    sound = arms.filter(~pl.col("is_split_broken"))
    page.write_text(text(found, arms, sound, traits), encoding="utf-8")
    print(f"Written: {page}")


def coded(arms: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Arms of tests with two wordings and more, with their traits."""
    arms = arms.filter(pl.len().over("test_id") > 1)
    columns = code_texts(arms["headline"]).drop("amount_asked")
    return pl.concat([arms, columns], how="horizontal"), columns.columns


def section_nine(arms: pl.DataFrame) -> list[tuple[str, float, float]]:
    """Question mark, any digit, words / 10 on all tests, as the public check of the method has them."""
    lower = pl.col("headline").str.to_lowercase()
    features = arms.select(
        question=pl.col("headline").str.contains(r"\?").cast(pl.Float64),
        digit=pl.col("headline").str.contains(r"[0-9]").cast(pl.Float64),
        words=lower.str.count_matches(r"[a-z0-9']+") / 10,
    )
    found = log_rate_effects(arms["test_id"].rank("dense"), arms["conversions"], arms["readers"], features.to_numpy())
    return list(zip(features.columns, found.coefficient.tolist(), found.se_cluster.tolist(), strict=True))


def percent(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{100 * value:+.{digits}f} %".replace("-", "−")


def share(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} % (from {100 * figure.low:.1f} to {100 * figure.high:.1f} %)"


def trait_table(evidence: TraitEvidence) -> list[str]:
    lines = [
        "| trait | status | tests that vary it | better in / worse in | effect | range | shrunk | q | one new pair |",
        "| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | --- |",
    ]
    words = lexicon("en")
    for row in evidence.table.sort(pl.col("shrunk_lift").abs(), descending=True, nulls_last=True).iter_rows(named=True):
        trait = words.trait(row["trait"])
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


def judged(result: OutOfSample | NotJudged) -> list[str]:
    if isinstance(result, NotJudged):
        return [f"Not judged: {result.reason.replace('_', ' ')} ({result.tests} tests)."]
    said = (
        "Words predict here, a little."
        if result.predicts
        else "**Words do not predict here**: the range of the accuracy holds one half."
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


def cost(arms: pl.DataFrame, traits: list[str]) -> list[str]:
    """CPU at the size of the whole archive, made by repeating ours under new test names."""
    copies = -(-ARCHIVE_ARMS // arms.height)
    many = pl.concat([arms.with_columns(test_id=pl.col("test_id") + f"#{copy}") for copy in range(copies)])[
        :ARCHIVE_ARMS
    ]
    large = Path("bench/.cache") / "wording.parquet"
    large.parent.mkdir(parents=True, exist_ok=True)
    many.select("test_id", "headline", "readers", "conversions", "ended").write_parquet(large)
    read, reading = timed(lambda: pl.read_parquet(large))
    _, coding = timed(lambda: code_texts(read["headline"]))
    _, fitting = timed(lambda: trait_effects(many, traits))
    _, judging = timed(lambda: out_of_sample(many, traits))
    large.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        f"At {many.height:,} arms of {many['test_id'].n_unique():,} tests with {len(traits)} traits (ours repeated), CPU seconds:",
        "",
        "| reading the file | coding the traits | effects | out of sample | all of it / reading | peak memory |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {reading:.3f} | {coding:.2f} | {fitting:.2f} | {judging:.2f} "
        f"| {(coding + fitting + judging) / max(reading, 1e-9):,.0f} | {peak:,.0f} MB |",
    ]


def text(found: PastTests, arms: pl.DataFrame, sound: pl.DataFrame, traits: list[str]) -> str:
    months = found.broken.group_by("month").len().sort("month")
    checks = section_nine(arms)
    evidence = trait_effects(sound, traits)
    shuffled = sound.with_row_index("row").with_columns(draw=pl.col("row").hash(7)).sort("test_id", "draw")["row"]
    mixed = sound.sort("test_id").with_columns(sound.select(traits)[shuffled])
    lines = [
        "# Wording on a public archive",
        "",
        "Written by `make wording`; do not edit. Headline tests of a news site, 2013 to 2015: Upworthy Research Archive, Matias",
        "et al. 2021, Scientific Data 8:195, CC BY 4.0; half of its exploratory set. Clicks on headlines are not gifts after an",
        "appeal: the page shows that the method finds what others found, and how far words predict.",
        "",
        "## What was used",
        "",
        f"{found.received:,} rows; {found.merged:,} had the headline and picture of another row of their test and were added to it; "
        f"{sum(found.set_aside.values()):,} hardly ran. Left: {arms.height:,} headlines in {arms['test_id'].n_unique():,} blocks of "
        "test and picture with two headlines and more.",
        "",
        f"{found.broken.height:,} tests were not split evenly (e-value of 1,000 and more) and teach nothing. They cluster:",
        "the authors of the archive warn of June 2013 to January 2014.",
        "",
        "| month | tests with a broken split |",
        "| --- | ---: |",
        *(f"| {month:%b %Y} | {count} |" for month, count in months.iter_rows()),
        "",
        "## The check of the kernel",
        "",
        "All blocks, three features together; known from an independent computation: −0.1063 (0.0155), 0.0529 (0.0206),",
        "0.1166 (0.0200), with the cluster factor G/(G−1) where ours has G/(G−P).",
        "",
        "| feature | coefficient | clustered standard error |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {coefficient:.4f} | {se:.4f} |" for name, coefficient, se in checks),
        "",
        "## Traits",
        "",
        f"Lexicon `en` version {lexicon('en').version}, {evidence.tests:,} blocks with a sound split, {evidence.arms:,} headlines, "
        f"spread between headlines left unexplained {evidence.sigma2 or 0:.3f} (log variance). Published on the same archive: first person",
        "plural lowers, third person singular raises, longer raises (Gligoric et al. 2023); negative words raise and positive",
        "words lower (Robertson et al. 2023).",
        "",
        *trait_table(evidence),
        "",
        "## Out of sample",
        "",
        *judged(out_of_sample(sound, traits)),
        "",
        "The same with traits shuffled inside tests, which must predict nothing:",
        "",
        *judged(out_of_sample(mixed, traits))[:6],
        "",
        "## What it costs",
        "",
        *cost(sound, traits),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data/upworthy_half.parquet"))
