"""A table read into sufficient statistics: what counts, what is left out, and what is refused with which sentence."""

from __future__ import annotations

import gzip
import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.errors import TableError
from analysis.tables import TableColumns, Tallies, tally

READERS = TableColumns("variant", "gave", "amount")
TOTALS = TableColumns("variant", "gave", "amount", readers="asked")

#: A compressed table that does not compress to nothing, to be cut.
LONG = gzip.compress(
    b"variant,gave,amount\n" + b"".join(b"a,1,%d.%02d\n" % (i * i % 9973, i % 97) for i in range(200_000)),
    mtime=0,
)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def sums(tallies: Tallies, metric: str, variant: str, **where: str) -> dict[str, object]:
    wanted = {"segment_kind": "all", "metric": metric, "variant": variant, **where}
    rows = tallies.sums.filter(*[pl.col(name) == value for name, value in wanted.items()])
    assert rows.height == 1, rows
    return rows.row(0, named=True)


def refusal(path: Path, columns: TableColumns = READERS) -> str:
    with pytest.raises(TableError) as caught:
        tally(path, columns)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


# -- rows per reader -----------------------------------------------------------------------------------------------------


def test_readers_are_counted_with_their_money_in_minor_units(write: Write) -> None:
    found = tally(write("variant,gave,amount\na,1,12.50\na,0,\na,0,0\nb,1,3\nb,1,0.10\n"), READERS)
    value = sums(found, "value", "a")
    assert (value["n"], value["x"], value["s1"], value["s2"], value["top"]) == (3, 1, 1250.0, 1250.0**2, 1250.0)
    conversion = sums(found, "conversion", "b")
    assert (conversion["n"], conversion["x"], conversion["s1"]) == (2, 2, 2.0)
    assert sums(found, "value", "b")["s1"] == 310.0


@pytest.mark.parametrize("yes", ["1", "1.0", "true", "TRUE", " true "])
def test_a_conversion_may_be_written_in_several_ways(write: Write, yes: str) -> None:
    found = tally(write(f"variant,gave\na,{yes}\na,0\na,false\na,\nb,0.0\n"), TableColumns("variant", "gave"))
    assert sums(found, "conversion", "a")["x"] == 1
    assert sums(found, "conversion", "a")["n"] == 4
    assert "1 rows have nothing in gave" in found.notes[""][0]


def test_without_a_column_of_conversions_a_reader_with_money_converted(write: Write) -> None:
    found = tally(write("variant,amount\na,5\na,0\na,\nb,1\n"), TableColumns("variant", value="amount"))
    assert sums(found, "conversion", "a")["x"] == 1
    assert any("a reader converted where amount is above 0" in note for note in found.notes[""])


def test_money_below_zero_counts_as_none_in_the_value_that_decides(write: Write) -> None:
    found = tally(write("variant,gave,amount\na,1,-5\na,1,20\nb,1,1\n"), READERS)
    assert sums(found, "value", "a")["s1"] == 2000.0
    assert sums(found, "value_uncapped", "a")["s1"] == 1500.0


def test_a_cap_limits_what_one_reader_counts_for_and_keeps_the_raw_value_beside_it(write: Write) -> None:
    found = tally(write("variant,gave,amount\na,1,500\na,1,20\nb,1,1\n"), READERS, cap=100.0)
    assert sums(found, "value", "a")["s1"] == 12000.0
    assert sums(found, "value_uncapped", "a")["s1"] == 52000.0


def test_without_a_cap_and_negative_money_there_is_no_second_value(write: Write) -> None:
    found = tally(write("variant,gave,amount\na,1,5\nb,1,1\n"), READERS)
    assert set(found.sums["metric"]) == {"conversion", "value"}


def test_rows_without_a_variant_are_counted_and_left_out(write: Write) -> None:
    found = tally(write("variant,gave,amount\na,1,5\n,1,7\n ,0,\nb,0,\n"), READERS)
    assert (found.rows, found.rows_without_variant) == (4, 2)
    assert found.sums.filter(pl.col("metric") == "conversion")["n"].sum() == 2


def test_a_row_without_its_segment_is_a_segment_of_its_own(write: Write) -> None:
    path = write("variant,gave,amount,device\na,1,5,phone\na,0,,\nb,1,2,phone\nb,0,,desk\n")
    found = tally(path, TableColumns("variant", "gave", "amount", segments=("device",)))
    assert sums(found, "conversion", "a", segment_kind="device", segment="unknown")["n"] == 1
    by_segment = found.sums.filter((pl.col("segment_kind") == "device") & (pl.col("metric") == "conversion"))
    assert by_segment["n"].sum() == 4


def test_values_that_read_alike_are_one_variant(write: Write) -> None:
    found = tally(write('variant,gave,amount\na,1,5\n" a ",0,\nb,0,\n'), READERS)
    assert sums(found, "conversion", "a")["n"] == 2


def test_text_numbers_and_booleans_name_the_same_variants_in_every_format(tmp_path: Path, write: Write) -> None:
    frame = pl.DataFrame({"variant": [0, 1, 1], "gave": [True, False, True], "amount": [2.5, None, 7.0]})
    expected = None
    for name, column in (("integers", pl.Int64), ("floats", pl.Float64), ("text", pl.String)):
        path = tmp_path / f"{name}.parquet"
        frame.with_columns(pl.col("variant").cast(column)).write_parquet(path)
        found = tally(path, READERS).sums
        expected = found if expected is None else expected
        assert found.equals(expected)
    csv = write("variant,gave,amount\n0,true,2.5\n1,false,\n1,true,7.0\n")
    assert tally(csv, READERS).sums.equals(expected)


def spreadsheet(path: Path, rows: Sequence[Sequence[str | float | None]]) -> Path:
    """The smallest xlsx file that holds the rows."""

    def cell(value: str | float | None, column: int, line: int) -> str:
        place = f'r="{chr(65 + column)}{line}"'
        if value is None:
            return ""
        if isinstance(value, str):
            return f'<c {place} t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c {place}><v>{value}</v></c>"

    lines = "".join(
        f'<row r="{i}">{"".join(cell(value, j, i) for j, value in enumerate(row))}</row>'
        for i, row in enumerate(rows, start=1)
    )
    kinds = "http://schemas.openxmlformats.org"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{kinds}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override '
        'PartName="/xl/worksheets/sheet1.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{kinds}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{kinds}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{kinds}/spreadsheetml/2006/main" '
        f'xmlns:r="{kinds}/officeDocument/2006/relationships"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{kinds}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{kinds}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{kinds}/spreadsheetml/2006/main"><sheetData>{lines}</sheetData>'
        "</worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return path


def test_a_spreadsheet_reads_like_a_csv(tmp_path: Path, write: Write) -> None:
    csv = write("variant,gave,amount\n0,1,2.5\n1,0,\n1,1,7\n")
    rows = [("variant", "gave", "amount"), (0, 1, 2.5), (1, 0, None), (1, 1, 7)]
    sheet = spreadsheet(tmp_path / "table.xlsx", rows)
    assert tally(sheet, READERS).sums.equals(tally(csv, READERS).sums)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_may_be_separated_by_comma_semicolon_or_tab(write: Write, separator: str) -> None:
    path = write("variant,gave,amount\na,1,5.25\nb,0,\n".replace(",", separator))
    assert sums(tally(path, READERS), "value", "a")["s1"] == 525.0


def test_a_csv_may_be_compressed(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"variant,gave,amount\na,1,5\nb,0,\n"))
    assert sums(tally(path, READERS), "value", "a")["s1"] == 500.0


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 10**7))), min_size=1, max_size=40
    ),
    seed=st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_those_of_whole_numbers_in_any_order(
    tmp_path: Path, rows: Sequence[tuple[str, int | None]], seed: object
) -> None:
    shuffled = list(rows)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    found = []
    for name, part in (("one", rows), ("two", shuffled)):
        text = "".join(f"{v},{'' if m is None else f'{m // 100}.{m % 100:02d}'}\n" for v, m in part)
        path = tmp_path / f"{name}.csv"
        path.write_text(f"variant,amount\n{text}", encoding="utf-8")
        found.append(tally(path, TableColumns("variant", value="amount")))
    assert found[0].sums.equals(found[1].sums)
    for variant in {v for v, _ in rows}:
        exact = [m or 0 for v, m in rows if v == variant]
        value = sums(found[0], "value", variant)
        assert value["s1"] == sum(exact)
        assert value["s2"] == sum(m * m for m in exact)


# -- totals ----------------------------------------------------------------------------------------------------------------


def test_totals_carry_no_spread(write: Write) -> None:
    found = tally(write("variant,asked,gave,amount\nb,100,5,12.50\na,90,4,8\n"), TOTALS)
    value = sums(found, "value", "b")
    assert (value["n"], value["x"], value["s1"], value["s2"]) == (100, 5, 1250.0, None)
    assert found.sums["variant"].unique(maintain_order=True).to_list() == ["b", "a"]


def test_capped_totals_decide_and_raw_ones_stand_beside_them(write: Write) -> None:
    path = write("variant,asked,gave,amount,capped\na,100,5,60,40\nb,100,5,50,45\n")
    found = tally(path, TableColumns("variant", "gave", "amount", readers="asked", capped_value="capped"))
    assert sums(found, "value", "a")["s1"] == 4000.0
    assert sums(found, "value_uncapped", "a")["s1"] == 6000.0


def test_a_test_without_readers_is_refused_by_name_while_the_others_go_on(write: Write) -> None:
    path = write("test,variant,asked,gave,amount\none,a,100,5,6\none,b,100,5,6\ntwo,a,,5,6\ntwo,b,,5,6\n,a,9,1,1\n")
    found = tally(path, TableColumns("variant", "gave", "amount", readers="asked", test="test"))
    assert set(found.sums["test"]) == {"one"}
    assert found.refused == {"two": "column asked is empty, so there are no readers"}
    assert found.rows_without_test == 1


def test_money_that_a_test_does_not_have_is_left_out_and_said(write: Write) -> None:
    path = write("test,variant,asked,gave,amount\none,a,100,5,\none,b,100,5,\n")
    found = tally(path, TableColumns("variant", "gave", "amount", readers="asked", test="test"))
    assert set(found.sums["metric"]) == {"conversion"}
    assert "Column amount is empty for this test." in found.notes["one"]


# -- what is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "a,1,5\nb,maybe,",
            "Row 2 (the header not counted): gave is 'maybe'; allowed are 0, 1, true, false and empty.",
        ),
        ("a,1,5\nb,2,", "gave is '2'"),
        ("a,1,5\nb,0,ten", "Row 2 (the header not counted): amount is 'ten', which is no number"),
        ("a,1,5\nb,0,NaN", "amount is 'NaN', which is no number"),
        ("a,1,5\nb,0,inf", "amount is 'inf', which is no number"),
        ('a,1,5\nb,0,"1,50"', "amount is '1,50', which is no number; write amounts like 12.50"),
        ("a,1,\nb,0,", "Row 1 (the header not counted) converted, and its amount is empty"),
        (",1,5\n,0,", "Column variant is empty in every row."),
    ],
)
def test_a_row_that_cannot_be_counted_is_named(write: Write, rows: str, said: str) -> None:
    assert said in refusal(write(f"variant,gave,amount\n{rows}\n"))


def test_not_a_number_in_a_parquet_file_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pl.DataFrame({"variant": ["a", "b"], "gave": [1, 0], "amount": [5.0, math.nan]}).write_parquet(path)
    assert "Row 2 (the header not counted): amount is nan" in refusal(path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a,-1,0,0\nb,9,1,1", "Variant a: asked is -1; a count is a whole number, 0 or more."),
        ("a,9.5,0,0\nb,9,1,1", "Variant a: asked is 9.5"),
        ("a,9,-1,0\nb,9,1,1", "Variant a: gave is -1"),
        ("a,9,10,0\nb,9,1,1", "Variant a: gave is 10, more than its asked of 9."),
        ("a,9,1,1\na,9,1,1", "Variant a has 2 rows; a table of totals has one row per variant."),
        ("a,,1,1\nb,,1,1", "Column asked is empty, so there are no readers."),
        ("a,9,,1\nb,9,1,1", "Variant a: gave is empty."),
        ("a,lots,1,1\nb,9,1,1", "Variant a: asked is 'lots', which is no count."),
        ("a,9,1,\nb,9,1,1", "Variant a: amount is empty, while other variants have it."),
        ("a,9,1,nan\nb,9,1,1", "Variant a: amount is 'nan', which is no amount."),
    ],
)
def test_totals_that_cannot_be_are_named(write: Write, rows: str, said: str) -> None:
    assert refusal(write(f"variant,asked,gave,amount\n{rows}\n"), TOTALS).startswith(said)


def test_a_missing_column_is_answered_with_those_that_exist(write: Write) -> None:
    said = refusal(write("arm,gave,amount\na,1,5\n"))
    assert said == "table.csv has no column variant; its columns are arm, gave, amount."


def test_a_column_of_ids_is_no_column_of_variants(write: Write) -> None:
    rows = "".join(f"reader{i},1,5\n" for i in range(17))
    assert "Column variant has 17 different values" in refusal(write(f"variant,gave,amount\n{rows}"))


def test_a_column_of_ids_is_no_segment(write: Write) -> None:
    rows = "".join(f"{'ab'[i % 2]},1,5,{i}\n" for i in range(60))
    said = refusal(
        write(f"variant,gave,amount,id\n{rows}"), TableColumns("variant", "gave", "amount", segments=("id",))
    )
    assert said == "Column id has 60 different values; a segment has at most 50 of them."


@pytest.mark.parametrize("name", ["variant", "all"])
def test_some_columns_cannot_be_segments(write: Write, name: str) -> None:
    path = write("variant,gave,amount,all\na,1,5,x\nb,0,,y\n")
    assert "cannot be a segment" in refusal(path, TableColumns("variant", "gave", "amount", segments=(name,)))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "does not exist."),
        ("empty.csv", b"", "is empty."),
        ("header.csv", b"variant,gave,amount\n", "The table has a header and no rows."),
        ("picture.png", b"\x89PNG", "is not a kind of table that can be read"),
        ("broken.parquet", b"PAR1 and no more", "cannot be read as a table"),
        ("broken.xlsx", b"no archive", "cannot be read as a table"),
        ("latin.csv", "variant,gave,amount\ncafé,1,5\n".encode("latin-1"), "its text is not UTF-8"),
        ("ragged.csv", b"variant,gave,amount\na,1,5,6\nb,0,\n", "cannot be read as a table"),
        ("cut.csv.gz", LONG[:60], "cannot be read"),
        ("half.csv.gz", LONG[: len(LONG) // 2], "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert said in refusal(path)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    assert refusal(tmp_path).endswith("is a folder; name one file.")
