"""`askwell analyze` as a person or a script meets it: real experiments, what is printed, exit codes, the page."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from analysis.errors import TableError
from askwell.cli import app

ROOT = Path(__file__).resolve().parents[2]

RUNNER = CliRunner()


def analyze(file: Path, *options: str) -> str:
    """What the command prints."""
    result = RUNNER.invoke(app, ["analyze", str(file), *options], env={"COLUMNS": "100"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(file: Path, *options: str) -> dict[str, Any]:
    return json.loads(analyze(file, *options, "--json"))


def refusal(file: Path, *options: str) -> str:
    with pytest.raises(TableError) as caught:
        analyze(file, *options)
    said = str(caught.value)
    assert "\n" not in said
    return said


def comparison(found: dict[str, Any], metric: str, variant: str) -> dict[str, Any]:
    (row,) = [row for row in found["comparisons"] if (row["metric"], row["variant"]) == (metric, variant)]
    return row


def one(rows: Sequence[dict[str, Any]], **where: str) -> dict[str, Any]:
    (row,) = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return row


# -- Karlan & List 2007, American Economic Review 97(5): openICPSR 113224, CC BY 4.0 -------------------------------------------

LETTERS = ("--variant", "treatment", "--converted", "out_gavedum", "--value", "amount")
PLANNED = ("--control", "0", "--shares", "0=1,1=2")


@pytest.fixture
def letters(real_data: Path) -> Path:
    return real_data / "karlan_list_2007.csv"


def printed(number: float) -> str:
    """As the paper's Table 2A prints: three decimals."""
    return f"{number:.3f}"


def test_the_published_table_is_reproduced_to_the_printed_digit(letters: Path) -> None:
    found = answer(letters, *LETTERS, *PLANNED)
    rows = {row["variant"]: row for row in found["variants"]}
    assert [(row["n"], row["conversions"]) for row in rows.values()] == [(16687, 298), (33396, 736)]
    measured = {
        name: [
            (printed(row[mean]), printed(row[se]))
            for mean, se in (("rate", "rate_se"), ("mean", "se"), ("average_gift", "average_gift_se"))
        ]
        for name, row in rows.items()
    }
    assert measured == {
        "0": [("0.018", "0.001"), ("0.813", "0.063"), ("45.540", "2.397")],
        "1": [("0.022", "0.001"), ("0.967", "0.049"), ("43.872", "1.549")],
    }


def test_the_published_match_ratios_are_reproduced_to_the_printed_digit(letters: Path, tmp_path: Path) -> None:
    ratio = (
        pl.when(pl.col("treatment") == 0)
        .then(pl.lit("control"))
        .when(pl.col("treat_ratio2") == 1)
        .then(pl.lit("2:1"))
        .when(pl.col("treat_ratio3") == 1)
        .then(pl.lit("3:1"))
        .otherwise(pl.lit("1:1"))
    )
    file = tmp_path / "ratios.parquet"
    pl.read_csv(letters).with_columns(ratio=ratio).write_parquet(file)
    options = ("--variant", "ratio", "--converted", "out_gavedum", "--value", "amount")
    found = answer(file, *options, "--shares", "control=3,1:1=2,2:1=2,3:1=2")
    assert found["control"] == "control"
    measured = {
        row["variant"]: (
            row["n"],
            printed(row["rate"]),
            *(printed(row[name]) for name in ("mean", "se", "average_gift", "average_gift_se")),
        )
        for row in found["variants"]
    }
    assert measured == {
        "control": (16687, "0.018", "0.813", "0.063", "45.540", "2.397"),
        "1:1": (11133, "0.021", "0.937", "0.089", "45.143", "3.099"),
        "2:1": (11134, "0.023", "1.026", "0.089", "45.337", "2.725"),
        "3:1": (11129, "0.023", "0.938", "0.077", "41.252", "2.222"),
    }
    assert comparison(found, "value", "1:1")["anytime"]["variants_together"] == 3
    assert comparison(found, "conversion", "1:1")["anytime"]["variants_together"] == 1


def test_more_people_gave_and_the_money_is_not_settled(letters: Path) -> None:
    """The worked example: Miettinen & Nurminen 1985, log ratio with t, mixtures of sections 2.1 and 2.2, tau 0.10."""
    found = answer(letters, *LETTERS, *PLANNED)
    gave, money = comparison(found, "conversion", "1"), comparison(found, "value", "1")
    assert gave["lift"] == pytest.approx(0.234, abs=5e-4)
    assert (gave["fixed"]["low"], gave["fixed"]["high"]) == pytest.approx((0.080, 0.410), abs=5e-4)
    assert gave["fixed"]["p"] == pytest.approx(0.002, abs=5e-4)
    assert (gave["anytime"]["low"], gave["anytime"]["high"]) == pytest.approx((-0.006, 0.545), abs=5e-4)
    assert gave["e_value"] == pytest.approx(14.9, abs=0.05)
    assert gave["evidence"] == "substantial"
    assert money["lift"] == pytest.approx(0.189, abs=5e-4)
    assert (money["fixed"]["low"], money["fixed"]["high"]) == pytest.approx((-0.010, 0.427), abs=5e-4)
    assert (money["anytime"]["low"], money["anytime"]["high"]) == pytest.approx((-0.096, 0.563), abs=5e-4)
    assert money["e_value"] == pytest.approx(1.47, abs=5e-3)
    assert money["evidence"] == "no evidence yet"
    assert money["shrunk"]["log_ratio"] == pytest.approx(0.093, abs=5e-4)
    assert money["chance_better"] == pytest.approx(0.914, abs=5e-4)
    assert money["expected_loss_per_1000"] == pytest.approx({"variant": 2.1, "control": 83.3}, abs=0.05)
    assert one(found["variants"], variant="0")["mean"] * 1000 == pytest.approx(813.3, abs=0.05)


def test_the_loss_is_too_large_to_stop_asking(letters: Path) -> None:
    found = answer(letters, *LETTERS, *PLANNED)
    assert found["verdict"] == "keep_asking"
    assert found["decision"]["expected_loss_per_1000"] > found["decision"]["loss_threshold_per_1000"]
    assert found["decision"]["loss_threshold_per_1000"] == pytest.approx(0.002 * 813.3, abs=1e-3)
    assert "loss_above_threshold" in found["decision"]["reasons"]
    assert found["decision"]["forecast_reason"] == "no_dates"
    assert one(found["checks"], check="sample_ratio")["status"] == "pass"


def test_what_is_printed_says_the_verdict_the_figures_and_the_gaps(letters: Path) -> None:
    said = analyze(letters, *LETTERS, *PLANNED)
    assert said.splitlines()[0] == "karlan_list_2007.csv: 50,083 readers in 2 variants; planned shares 0 = 1, 1 = 2."
    flat = " ".join(said.split())
    for part in (
        "Still asking. Too close to call so far: “1” leads by 154, but it may be chance.",
        "Money: “1” against the current wording: +153.61 per 1,000 readers asked (range −78.00 to +458.16).",
        "+23.4%",
        "−0.6% to +54.5%",
        "+8.0% to +41.0%",
        "−9.6% to +56.3%",
        "Not asked, since a table like this does not say",
        "No cap was given: a large gift counts in full.",
        "The table has no dates",
    ):
        assert part in flat, part
    assert "¤" not in said
    assert max(len(line) for line in said.splitlines()) <= 100


def test_without_planned_shares_equal_ones_are_said_and_a_failing_split_says_so_too(letters: Path) -> None:
    said = analyze(letters, *LETTERS)
    assert said.splitlines()[0].endswith("planned shares not given, equal ones assumed.")
    found = answer(letters, *LETTERS)
    assert found["control"] == "0"
    assert found["verdict"] == "fix_first"
    split = one(found["checks_in_words"], check="Split as planned")
    assert (split["status"], "No planned shares were given" in split["sentence"]) == ("block", True)
    # Equal shares are refuted by the counts: a range that rests on them would be wrong, so there is none.
    gave = comparison(found, "conversion", "1")
    assert gave["anytime"]["low"] is None
    assert gave["e_value"] is None
    assert gave["absent"]["e_value"] == "no_planned_share"
    assert gave["fixed"]["low"] == pytest.approx(0.080, abs=5e-4)


def test_segments_add_up_and_missing_ones_are_their_own(letters: Path, tmp_path: Path) -> None:
    found = answer(letters, *LETTERS, *PLANNED, "--segment", "red0")
    sizes = {group["value"]: sum(row["n"] for row in group["variants"]) for group in found["segments"]}
    assert sizes == {"0": 29806, "1": 20242, "-999": 35}
    assert sum(row["conversions"] for group in found["segments"] for row in group["variants"]) == 298 + 736
    red = one(found["segments"], value="1")
    assert one(red["comparisons"], metric="value")["lift"] == pytest.approx(0.548, abs=1e-3)
    few = one(one(found["segments"], value="-999")["comparisons"], metric="value")
    assert few["lift"] is None
    assert few["absent"]["lift"] == "control_mean_zero"
    empty = tmp_path / "empty.csv"
    text = letters.read_text(encoding="utf-8").splitlines()
    place = text[0].split(",").index("red0")
    rows = [
        ",".join("" if i == place and cell == "-999" else cell for i, cell in enumerate(row.split(","))) for row in text
    ]
    empty.write_text("\n".join(rows), encoding="utf-8")
    known = answer(empty, *LETTERS, *PLANNED, "--segment", "red0")
    assert sum(row["n"] for row in one(known["segments"], value="unknown")["variants"]) == 35
    assert "By group: settled value" in analyze(letters, *LETTERS, *PLANNED, "--segment", "red0")


# -- Wikimedia banner tests: the organisers' public pages named in the file ----------------------------------------------------

BANNERS = ("--experiment", "test_id", "--variant", "arm", "--converted", "donations", "--value", "amount")


@pytest.fixture
def banners(real_data: Path) -> Path:
    return real_data / "wikimedia_fundraising_tests.csv"


def test_of_three_landing_pages_only_one_differs_from_the_default(banners: Path) -> None:
    found = answer(banners, *BANNERS, "--readers", "lp_views")
    test = one(found["tests"], test="WMDE-2012-T1")
    assert test["control"] == "default_layout"
    assert printed(comparison(test, "conversion", "globe_form_expandable")["fixed"]["p"]) == "0.122"
    assert printed(comparison(test, "conversion", "globe_big_form")["fixed"]["p"]) == "0.009"
    refused = {row["test"]: row["reason"] for row in found["refused"]}
    assert refused["WMF-2008-phase1"] == "column lp_views is empty, so there are no readers"
    assert set(refused) == {
        "WMF-2012-0824-facts5",
        "WMF-2012-0511-brandon",
        "WMF-2010-T15-landing",
        "WMF-2008-phase1",
    }


def test_money_whose_sign_the_cap_turns_is_never_used(banners: Path) -> None:
    options = (*BANNERS, "--readers", "impressions", "--capped-value", "amount_capped")
    for metric in ("value", "conversion"):
        test = one(answer(banners, *options, "--metric", metric)["tests"], test="WMF-2011-0826-banner")
        assert test["verdict"] != "use_it"
        assert one(test["checks"], check="cap_agreement")["detail"]["signs_differ"] is True
        money, raw = (comparison(test, name, "B_40000_edits") for name in ("value", "value_uncapped"))
        assert money["lift"] == pytest.approx(-0.020, abs=5e-4)
        assert raw["lift"] == pytest.approx(0.094, abs=5e-4)
        assert raw["difference_per_1000"]["estimate"] == pytest.approx(1000 * (7989 / 1498921 - 7290.79 / 1496901))
        for row in (money, raw):
            assert (row["fixed"]["low"], row["anytime"]["low"], row["difference_per_1000"]["low"]) == (None,) * 3
            assert row["absent"]["anytime.low"] == "no_spread"


def test_sampled_and_scaled_up_counts_do_not_fail_the_split(banners: Path) -> None:
    found = answer(banners, *BANNERS, "--readers", "impressions")
    split = one(one(found["tests"], test="WMDE-2013-T1")["checks"], check="sample_ratio")
    assert split["status"] == "pass"
    assert split["detail"]["scaled_by"] == 500
    assert split["detail"]["log_e_unscaled"] > math.log(1000)


@pytest.mark.parametrize("column", ["lp_views", "impressions"])
def test_views_are_not_readers(banners: Path, column: str) -> None:
    found = answer(banners, *BANNERS, "--readers", column)
    assert found["unit"] == "view"
    said = analyze(banners, *BANNERS, "--readers", column)
    assert said.count("Views are not readers") == len(found["tests"])
    assert all("Views are not readers" in " ".join(test["notes"]) for test in found["tests"])
    as_readers = answer(banners, *BANNERS, "--readers", column, "--unit", "readers")
    assert as_readers["unit"] == "reader"
    assert not any("Views are not readers" in note for test in as_readers["tests"] for note in test["notes"])


# -- options -------------------------------------------------------------------------------------------------------------------

SIMPLE = ("--variant", "variant", "--converted", "gave", "--value", "amount")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """300 readers in two wordings, 60 and 90 of whom gave between 5 and 24."""
    rows = ["variant,gave,amount"]
    for name, gave in (("new", 90), ("old", 60)):
        rows += [f"{name},1,{5 + i % 20}.50" for i in range(gave)] + [f"{name},0,"] * (300 - gave)
    path = tmp_path / "table.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_days_bring_in_the_rule_of_seven_full_days(table: Path) -> None:
    tight = ("--control", "old")
    assert "too_few_days" not in answer(table, *SIMPLE, *tight)["decision"]["reasons"]
    assert "too_few_days" in answer(table, *SIMPLE, *tight, "--days", "3")["decision"]["reasons"]
    assert "too_few_days" not in answer(table, *SIMPLE, *tight, "--days", "7")["decision"]["reasons"]


def test_alpha_narrows_the_ranges(table: Path) -> None:
    wide, narrow = (
        comparison(answer(table, *SIMPLE, "--control", "old", *more), "value", "new")["anytime"]
        for more in ((), ("--alpha", "0.2"))
    )
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]
    assert narrow["level"] == pytest.approx(0.8)


def test_the_smallest_effect_becomes_the_prior_and_lets_no_difference_be_asked(table: Path) -> None:
    plain = answer(table, *SIMPLE, "--control", "old")
    registered = answer(table, *SIMPLE, "--control", "old", "--smallest-effect", "0.5")
    assert comparison(plain, "value", "new")["e_value"] != comparison(registered, "value", "new")["e_value"]
    assert not [
        note for note in analyze(table, *SIMPLE, "--smallest-effect", "0.5").splitlines() if "--smallest" in note
    ]


def test_the_metric_that_decides_can_be_chosen(table: Path) -> None:
    assert answer(table, *SIMPLE)["primary_metric"] == "value"
    assert answer(table, *SIMPLE, "--metric", "conversion")["primary_metric"] == "conversion"
    assert answer(table, "--variant", "variant", "--converted", "gave")["primary_metric"] == "conversion"


def test_a_cap_is_applied_and_shown_beside_the_raw_value(table: Path) -> None:
    found = answer(table, *SIMPLE, "--cap", "10", "--control", "old")
    new = one(found["variants"], variant="new")
    assert new["mean"] < new["mean_uncapped"]
    assert found["cap"] == 10
    assert "uncapped" in analyze(table, *SIMPLE, "--cap", "10", "--control", "old")


def test_swapping_the_control_turns_the_sign(table: Path) -> None:
    there = comparison(answer(table, *SIMPLE, "--control", "old"), "value", "new")
    back = comparison(answer(table, *SIMPLE, "--control", "new"), "value", "old")
    assert there["log_ratio"] == pytest.approx(-back["log_ratio"])


def test_the_currency_is_named_only_where_it_was_given(table: Path) -> None:
    assert "£" in analyze(table, *SIMPLE, "--currency", "GBP")
    bare = analyze(table, *SIMPLE)
    assert "£" not in bare
    assert "¤" not in bare
    assert answer(table, *SIMPLE)["currency"] is None


def test_a_currency_without_decimals_leaves_the_lift_alone(table: Path) -> None:
    yen = comparison(answer(table, *SIMPLE, "--control", "old", "--currency", "JPY"), "value", "new")
    bare = comparison(answer(table, *SIMPLE, "--control", "old"), "value", "new")
    assert yen["lift"] == pytest.approx(bare["lift"])
    assert yen["difference_per_1000"]["estimate"] == pytest.approx(bare["difference_per_1000"]["estimate"])


def test_every_absent_number_has_its_reason(table: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("variant,gave,amount\na,1,5\na,0,\nb,0,\nb,0,\nc,1,2\nc,1,3\n", encoding="utf-8")
    for file in (table, few):
        found = answer(file, *SIMPLE)
        for row in (*found["variants"], *found["comparisons"]):
            flat = {
                (f"{key}.{inner}" if isinstance(value, dict) else key): number
                for key, value in row.items()
                if key not in ("absent", "reason")
                for inner, number in (value.items() if isinstance(value, dict) else [("", value)])
            }
            missing = {key for key, number in flat.items() if number is None and key != "fixed.method"}
            said = {key if key in flat else f"{key}.p" for key in row["absent"]}
            assert missing == said


def test_money_is_absent_and_conversion_stands_where_no_column_of_money_is_named(table: Path) -> None:
    found = answer(table, "--variant", "variant", "--converted", "gave")
    assert {row["metric"] for row in found["comparisons"]} == {"conversion"}
    assert one(found["variants"], variant="new")["absent"]["mean"] == "not_counted"
    assert "The table has no money" in analyze(table, "--variant", "variant", "--converted", "gave")


def test_rows_without_a_variant_are_said(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("variant,gave,amount\na,1,5\n,1,5\n,0,\nb,1,4\n", encoding="utf-8")
    assert "2 rows name no variant and are left out." in analyze(file, *SIMPLE)
    assert answer(file, *SIMPLE)["rows"] == {"read": 4, "without_variant": 2, "without_test": 0}


def test_names_from_outside_cannot_break_a_line_or_a_page(tmp_path: Path) -> None:
    file, page = tmp_path / "table.csv", tmp_path / "page.html"
    evil = '"<script>alert(1)</script>\n\u202e' + "x" * 80 + '"'
    file.write_text(f"variant,gave,amount\ncontrol,1,5\n{evil},1,4\n", encoding="utf-8")
    said = analyze(file, *SIMPLE, "--report", str(page))
    assert max(len(line) for line in said.splitlines()) <= 100
    assert "\u202e" not in said
    assert "<script" not in page.read_text(encoding="utf-8")


def test_the_page_stands_alone(table: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    analyze(table, *SIMPLE, "--control", "old", "--report", str(page))
    html = page.read_text(encoding="utf-8")
    headline = answer(table, *SIMPLE, "--control", "old")["decision"]["headline"]
    assert headline in html
    assert "<script" not in html
    assert 'src="http' not in html
    assert "¤" not in html


def test_several_tests_get_a_page_each(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    rows = [f"{test},{variant},{gave},5" for test in ("é/1", "e-1") for variant in "ab" for gave in (1, 1)]
    file.write_text("test,variant,gave,amount\n" + "\n".join(rows), encoding="utf-8")
    said = analyze(file, "--experiment", "test", *SIMPLE, "--report", str(tmp_path / "page.html"))
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["page-e-1-2.html", "page-e-1.html"]
    assert said.rstrip().endswith("2 tests compared: 2 too early.")


# -- what is refused -------------------------------------------------------------------------------------------------------------


def test_a_control_that_is_not_there_is_answered_with_the_variants(table: Path) -> None:
    said = refusal(table, *SIMPLE, "--control", "older")
    assert said == "The control older is not among the variants: new, old."


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ("new=1,odl=2", "--shares names odl, and the variants are new, old."),
        ("new=1", "--shares gives no weight for old."),
    ],
)
def test_shares_name_every_variant_and_no_other(table: Path, shares: str, said: str) -> None:
    assert refusal(table, *SIMPLE, "--shares", shares) == said


def test_one_variant_cannot_be_compared(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("variant,gave,amount\na,1,5\na,0,\n", encoding="utf-8")
    assert refusal(file, *SIMPLE) == "There is only one variant, a; a comparison needs two."


def test_where_no_test_can_be_compared_each_reason_is_given(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("test,variant,gave,amount\none,a,1,5\ntwo,b,1,5\n", encoding="utf-8")
    said = refusal(file, "--experiment", "test", *SIMPLE)
    assert said.startswith("No test can be compared. one: There is only one variant, a")


@pytest.mark.parametrize(
    "options",
    [
        ("--converted", "gave"),
        ("--variant", "variant"),
        (*SIMPLE, "--capped-value", "amount"),
        (*SIMPLE, "--shares", "new"),
        (*SIMPLE, "--shares", "new=0,old=1"),
        (*SIMPLE, "--shares", "new=one,old=1"),
        (*SIMPLE, "--shares", "new=1,new=1"),
        (*SIMPLE, "--currency", "pounds"),
        (*SIMPLE, "--metric", "clicks"),
        (*SIMPLE, "--alpha", "2"),
        (*SIMPLE, "--days", "0"),
        (*SIMPLE, "--readers", "gave", "--segment", "variant"),
        (*SIMPLE, "--readers", "gave", "--cap", "5"),
        ("--variant", "variant", "--value", "amount", "--readers", "gave"),
        ("--variant", "variant", "--converted", "gave", "--metric", "value"),
        ("--variant", "variant", "--converted", "gave", "--readers", "amount", "--capped-value", "amount"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(table: Path, options: Sequence[str]) -> None:
    result = RUNNER.invoke(app, ["analyze", str(table), *options])
    assert result.exit_code == 2
    assert "Error" in result.output


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("variant,gave,amount\na,1,five\nb,0,\n", SIMPLE),
        ("variant,gave,amount\na,1,5\na,0,\n", SIMPLE),
        ("", SIMPLE),
        ("variant,gave,amount\na,1,5\nb,0,\n", (*SIMPLE, "--report", "/nowhere/at/all.html")),
    ],
)
def test_a_fault_of_the_data_is_one_sentence_and_exit_code_1(
    tmp_path: Path, content: str, options: Sequence[str]
) -> None:
    file = tmp_path / "table.csv"
    file.write_text(content, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from askwell.cli import main; main()", "analyze", str(file), *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


# -- the page of the guide -------------------------------------------------------------------------------------------------------

GUIDE = (ROOT / "docs" / "analyze.md").read_text(encoding="utf-8")


def test_every_option_is_in_the_guide() -> None:
    import inspect

    from askwell.cli import analyze as command

    names = [name for name in inspect.signature(command).parameters if name != "file"]
    assert [name for name in names if f"`--{name.replace('_', '-')}" not in GUIDE] == []


def test_every_key_of_the_answer_is_in_the_guide(table: Path) -> None:
    found = answer(table, *SIMPLE)
    keys = {
        key
        for part in (found, found["decision"], *found["variants"], *found["comparisons"], *found["checks"])
        for key in part
    }
    assert sorted(key for key in keys if f"`{key}`" not in GUIDE) == []


def test_the_examples_of_the_guide_run(tmp_path: Path) -> None:
    readers, totals = GUIDE.split("```")[1], GUIDE.split("```")[3]
    for name, text, options in (
        (
            "readers.csv",
            readers,
            ("--variant", "variant", "--converted", "gave", "--value", "amount", "--segment", "device"),
        ),
        (
            "totals.csv",
            totals,
            ("--variant", "variant", "--readers", "asked", "--converted", "gave", "--value", "amount"),
        ),
    ):
        file = tmp_path / name
        file.write_text(text.strip(), encoding="utf-8")
        assert answer(file, *options)["control"] == "control"


def test_groups_that_differ_beforehand_are_fixed_first_and_the_column_is_named(tmp_path: Path) -> None:
    lines = [f"{v},{int(i % 9 == 0)},{i % 7 + 2 * (v == 'b')},{i % 5}" for v in "ab" for i in range(900)]
    file = tmp_path / "readers.csv"
    file.write_text("variant,gave,visits,years\n" + "\n".join(lines) + "\n", encoding="utf-8")
    asked = ("--variant", "variant", "--converted", "gave", "--balance", "visits", "--balance", "years")
    found = answer(file, *asked)
    assert found["verdict"] == "fix_first"
    (check,) = (one for one in found["checks"] if one["check"] == "balance")
    assert (check["status"], check["detail"]["columns"]["visits"]["mean"]["b"]) == (
        "block",
        pytest.approx(5.0, abs=0.01),
    )
    said = " ".join(analyze(file, *asked).split())
    assert "Furthest apart: visits" in said
