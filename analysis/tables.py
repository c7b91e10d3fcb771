"""A table that somebody already has, read into sufficient statistics: one row per reader, or one row per variant.

Everything here is a pure function of the file and of what its columns mean (`TableColumns`). A mistake in the data is
one sentence that names column, row and value. How variants are compared stands in `inference/`; which of them is the
control, and what was planned, in `table_results.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from analysis.errors import TableError
from analysis.registry import MAX_VARIANTS

#: Segments of one column beyond which it is no segmentation of readers.
MOST_SEGMENTS = 50

#: Name of the only test of a table that was not split by a column.
WHOLE_TABLE = ""

SEGMENT_UNKNOWN = "unknown"

#: One row per test, segment, metric and variant, as the table names them; money in minor units.
SUMS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "test": pl.String,
    "segment_kind": pl.String,
    "segment": pl.String,
    "metric": pl.String,
    "variant": pl.String,
    "n": pl.Int64,
    "x": pl.Int64,
    "s1": pl.Float64,
    "s2": pl.Float64,
    "top": pl.Float64,
}

_CSV_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst", ".txt.gz", ".txt.zst")
_PARQUET_ENDINGS = (".parquet", ".pq")
_SHEET_ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


@dataclass(frozen=True)
class TableColumns:
    """What the columns of the table mean; None where it has no such column.

    Attributes:
        variant: The wording a reader was given.
        converted: Rows per reader: 0 or 1. Totals: readers who gave.
        value: Money in major units (12.50): of a reader, or of all readers of the variant.
        readers: Readers of the variant. With it the table is one of totals, without it one row is one reader.
        test: Splits the file into tests.
        capped_value: Totals only: money with each gift capped already.
        segments: Rows per reader only: columns that cut readers into groups.
    """

    variant: str
    converted: str | None = None
    value: str | None = None
    readers: str | None = None
    test: str | None = None
    capped_value: str | None = None
    segments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.converted is None and self.value is None:
            raise ValueError("converted and value are both None; one of them is needed")

    @property
    def is_totals(self) -> bool:
        """True where one row is one variant."""
        return self.readers is not None

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that is used."""
        single = (self.test, self.variant, self.readers, self.converted, self.value, self.capped_value)
        return tuple(dict.fromkeys(name for name in (*single, *self.segments) if name is not None))


@dataclass(frozen=True)
class Tallies:
    """A table, added up.

    Attributes:
        rows: Rows of the table.
        rows_without_variant, rows_without_test: Rows left out because they do not say where they belong.
        sums: Schema `SUMS_SCHEMA`; tests and variants in the order of the file (totals) or of their names.
        refused: Tests that cannot be used, with the reason as a clause.
        notes: What was found in a test and has to be said, as sentences.
        exponent: Decimals of the money: minor units are 10^exponent of major units.
    """

    rows: int
    rows_without_variant: int
    rows_without_test: int
    sums: pl.DataFrame
    exponent: int
    refused: dict[str, str] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)


# -- the file ----------------------------------------------------------------------------------------------------------


def open_table(path: Path) -> pl.LazyFrame:
    """Return the table of a CSV, Parquet or spreadsheet file; columns of a CSV are text, as they stand in the file.

    A CSV may be compressed (gzip, zstd) and separated by comma, semicolon or tab, whichever its first line has most of.

    Raises:
        TableError: the file is missing, empty, of a kind that is not read, or damaged.
    """
    if not path.exists():
        raise TableError(f"{path} does not exist.")
    if path.is_dir():
        raise TableError(f"{path} is a folder; name one file.")
    try:
        if path.stat().st_size == 0:
            raise TableError(f"{path} is empty.")
        frame = _scan(path)
        columns = frame.collect_schema().names()
    except OSError as problem:
        raise TableError(f"{path} cannot be read ({problem.strerror or problem}).") from None
    except (pl.exceptions.PolarsError, ValueError) as problem:
        raise _damaged(path, problem) from None
    if not columns:
        raise TableError(f"{path} has no columns.")
    return frame


def _scan(path: Path) -> pl.LazyFrame:
    name = path.name.lower()
    with path.open("rb") as file:
        start = file.read(4)
    if name.endswith(_PARQUET_ENDINGS) or start == b"PAR1":
        return pl.scan_parquet(path)
    if name.endswith(_SHEET_ENDINGS):
        return _sheet(path)
    if name.endswith(_CSV_ENDINGS):
        return pl.scan_csv(path, separator=_separator(path), infer_schema=False)
    raise TableError(
        f"{path} is not a kind of table that can be read; allowed are {', '.join((*_CSV_ENDINGS[:3], '.parquet', '.xlsx'))}."
    )


def _sheet(path: Path) -> pl.LazyFrame:
    import fastexcel

    try:
        return pl.read_excel(path, engine="calamine", raise_if_empty=False).lazy()
    except fastexcel.FastExcelError as problem:
        raise _damaged(path, problem) from None


def _separator(path: Path) -> str:
    """Return the separator that the first line has most of; a comma where it has none."""
    schema = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False, separator="\x01", quote_char=None)
    line = str(schema.row(0)[0]) if schema.height else ""
    return max(",;\t", key=line.count)


def _damaged(path: Path, problem: Exception) -> TableError:
    said = str(problem).strip().splitlines()
    reason = said[0].rstrip(". ") if said else type(problem).__name__
    if "utf-8" in reason.lower() or "utf8" in reason.lower():
        reason = "its text is not UTF-8; save it as CSV in UTF-8"
    return TableError(f"{path} cannot be read as a table: {reason}.")


# -- adding up -----------------------------------------------------------------------------------------------------------


def tally(path: Path, columns: TableColumns, *, exponent: int = 2, cap: float | None = None) -> Tallies:
    """Return the sufficient statistics of the table in `path`.

    Metrics are `conversion`, `value` (of a reader: never below 0, at most the cap; of totals: the capped total where
    there is one) and `value_uncapped` (as it stands in the table; only where it differs). Rows per reader are added up
    in one streaming pass, with amounts in whole minor units wherever the table's amounts are whole minor units, so that
    sums are exact up to 2^53.

    Args:
        path: See `open_table`.
        columns: What its columns mean.
        exponent: Decimals of the money.
        cap: Most that one reader's value counts for, in major units.

    Raises:
        TableError: the file cannot be read, a column is missing, or holds what it should not. In a file of several
            tests, what is wrong with totals of one test is in `refused` instead.
    """
    frame = open_table(path)
    schema = frame.collect_schema()
    missing = [name for name in columns.named if name not in schema]
    if missing:
        raise TableError(
            f"{path.name} has no column {' and no column '.join(missing)}; its columns are {', '.join(schema.names())}."
        )
    for name in columns.segments:
        if name in (columns.variant, columns.test, "all"):
            raise TableError(f"Column {name} cannot be a segment: it is the variant, the test, or called all.")
    try:
        if columns.is_totals:
            return _tally_totals(frame, schema, columns, exponent)
        return _tally_readers(frame, schema, columns, exponent, cap)
    except OSError as problem:
        raise TableError(f"{path} cannot be read ({problem.strerror or problem}).") from None
    except pl.exceptions.PolarsError as problem:
        raise _damaged(path, problem) from None


def _require_text(name: str, dtype: pl.DataType) -> None:
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        raise TableError(f"Column {name} holds {dtype}, which names nothing; text or numbers are needed.")


def text_column(name: str, schema: pl.Schema, prefix: str = "") -> pl.Expr:
    """A column as text, empty ones null; whole numbers without decimals, so that 0.0 of a spreadsheet is 0."""
    column, dtype = pl.col(prefix + name), schema[name]
    if dtype.is_float():
        column = column.fill_nan(None)
        whole = (column == column.round()) & (column.abs() < 2**53)
        return (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
    stripped = column.cast(pl.String).str.strip_chars()
    return pl.when(stripped == "").then(None).otherwise(stripped)


def number_column(name: str, schema: pl.Schema) -> tuple[pl.Expr, pl.Expr]:
    """A column as floats, empty ones null, and whether it holds something that is not a finite number."""
    dtype = schema[name]
    if dtype == pl.String:
        text = text_column(name, schema)
        number = text.cast(pl.Float64, strict=False)
        return number, text.is_not_null() & ~number.is_finite().fill_null(value=False)
    if dtype.is_numeric():
        number = pl.col(name).cast(pl.Float64)
        return number, number.is_not_null() & ~number.is_finite()
    if dtype == pl.Null:
        return pl.lit(None, pl.Float64), pl.lit(value=False)
    raise TableError(f"Column {name} holds {dtype} where numbers are needed.")


def _yes_or_no(name: str, schema: pl.Schema) -> tuple[pl.Expr, pl.Expr]:
    """A column of 0, 1, true or false as booleans, empty ones null, and whether it holds something else."""
    dtype = schema[name]
    if dtype == pl.Boolean:
        return pl.col(name), pl.lit(value=False)
    if dtype == pl.Null:
        return pl.lit(None, pl.Boolean), pl.lit(value=False)
    if dtype == pl.String:
        text = text_column(name, schema).str.to_lowercase()
        number = text.cast(pl.Float64, strict=False)
        yes, no = (number == 1) | (text == "true"), (number == 0) | (text == "false")
    elif dtype.is_numeric():
        text = pl.col(name)
        yes, no = text == 1, text == 0
    else:
        raise TableError(f"Column {name} holds {dtype} where 0 and 1 are needed.")
    yes, no = yes.fill_null(value=False), no.fill_null(value=False)
    return pl.when(yes).then(True).when(no).then(False), text.is_not_null() & ~yes & ~no


def _minor(major: pl.Expr, exponent: int) -> pl.Expr:
    """Major units as minor units; whole where the decimals of the table are those of the money."""
    minor = major * 10.0**exponent
    return pl.when((minor - minor.round()).abs() < 1e-6).then(minor.round()).otherwise(minor)


def _tally_readers(
    frame: pl.LazyFrame, schema: pl.Schema, columns: TableColumns, exponent: int, cap: float | None
) -> Tallies:
    typed, mistakes = _typed(frame, schema, columns, exponent, cap)
    sums = [*_row_sums(columns), *[pl.col(name).sum() for name in mistakes]]
    # Rows are grouped by the columns as they are; what their values are called is settled on the few groups.
    keys = [f"key {name}" for name in (columns.test, columns.variant) if name is not None]
    cuts = columns.segments or (None,)
    passes = [typed.group_by(*keys, *([f"key {cut}"] if cut else [])).agg(sums) for cut in cuts]
    found: dict[str, pl.DataFrame] = {}
    for cut, part in zip(cuts, pl.collect_all(passes, engine="streaming"), strict=True):
        found.setdefault("all", _settled(part, schema, columns, None))
        if cut is not None:
            found[cut] = _settled(part, schema, columns, cut)
    whole = found["all"]
    if not int(whole["n"].sum()):
        raise TableError("The table has a header and no rows.")
    for name, wrong in mistakes.items():
        if int(whole[name].sum()):
            raise _first_mistake(frame, columns, name, wrong)
    used = {
        kind: part.filter(pl.col("test").is_not_null() & pl.col("variant").is_not_null())
        for kind, part in found.items()
    }
    if used["all"].is_empty():
        raise TableError(f"Column {columns.variant} is empty in every row.")
    _require_few(used, columns)
    without_test = int(whole.filter(pl.col("test").is_null())["n"].sum())
    without_variant = int(whole.filter(pl.col("test").is_not_null() & pl.col("variant").is_null())["n"].sum())
    long = pl.concat([_long(part.with_columns(segment_kind=pl.lit(kind)), columns) for kind, part in used.items()])
    differs = used["all"]["negative"].sum() or cap is not None
    return Tallies(
        rows=int(whole["n"].sum()),
        rows_without_variant=without_variant,
        rows_without_test=without_test,
        sums=(long if differs else long.filter(pl.col("metric") != "value_uncapped")).sort(
            "test", "segment_kind", "segment", "metric", "variant"
        ),
        exponent=exponent,
        notes=_row_notes(used["all"], columns, cap),
    )


def _settled(part: pl.DataFrame, schema: pl.Schema, columns: TableColumns, segment: str | None) -> pl.DataFrame:
    """Groups by the text of test, variant and segment: those that read alike are added up."""
    named = part.with_columns(
        test=pl.lit(WHOLE_TABLE) if columns.test is None else text_column(columns.test, schema, "key "),
        variant=text_column(columns.variant, schema, "key "),
        segment=pl.lit("all") if segment is None else text_column(segment, schema, "key ").fill_null(SEGMENT_UNKNOWN),
    )
    numbers = [name for name in part.columns if not name.startswith("key ")]
    return named.group_by("test", "variant", "segment").agg(
        pl.col(name).max() if name.startswith("top_") else pl.col(name).sum() for name in numbers
    )


def _typed(
    frame: pl.LazyFrame, schema: pl.Schema, columns: TableColumns, exponent: int, cap: float | None
) -> tuple[pl.LazyFrame, dict[str, pl.Expr]]:
    """The rows with columns of known types, and what may be wrong with a row."""
    keys = dict.fromkeys(name for name in (columns.test, columns.variant, *columns.segments) if name is not None)
    for name in keys:
        _require_text(name, schema[name])
    selected = {f"key {name}": pl.col(name) for name in keys}
    mistakes: dict[str, pl.Expr] = {}
    major = pl.lit(None, pl.Float64)
    if columns.value is not None:
        major, mistakes["bad_value"] = number_column(columns.value, schema)
        selected["amount"] = _minor(major, exponent)
    if columns.converted is not None:
        selected["converted"], mistakes["bad_converted"] = _yes_or_no(columns.converted, schema)
        if columns.value is not None:
            # A contribution of unknown size cannot be counted as one of nothing.
            mistakes["no_amount"] = selected["converted"].fill_null(value=False) & major.is_null()
    else:
        selected["converted"] = selected["amount"] > 0
    selected |= {name: wrong.fill_null(value=False) for name, wrong in mistakes.items()}
    typed = frame.select(**selected)
    if columns.value is not None:
        raw = pl.col("amount").fill_null(0.0)
        counted = raw.clip(lower_bound=0.0, upper_bound=None if cap is None else cap * 10.0**exponent)
        typed = typed.with_columns(value_uncapped=raw, value=counted)
    return typed, mistakes


def _row_sums(columns: TableColumns) -> list[pl.Expr]:
    sums = [
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("converted").sum().cast(pl.Int64).alias("x_conversion"),
        pl.col("converted").is_null().sum().alias("unsaid") if columns.converted else pl.lit(0).alias("unsaid"),
    ]
    if columns.value is None:
        return [*sums, pl.lit(0).alias("negative"), pl.lit(0).alias("unconverted")]
    sums += [
        (pl.col("value_uncapped") < 0).sum().alias("negative"),
        ((pl.col("value_uncapped") > 0) & ~pl.col("converted").fill_null(value=False)).sum().alias("unconverted"),
    ]
    for metric in ("value", "value_uncapped"):
        amount = pl.col(metric)
        sums += [
            (amount > 0).sum().cast(pl.Int64).alias(f"x_{metric}"),
            amount.sum().alias(f"s1_{metric}"),
            (amount * amount).sum().alias(f"s2_{metric}"),
            amount.max().alias(f"top_{metric}"),
        ]
    return sums


def _long(part: pl.DataFrame, columns: TableColumns) -> pl.DataFrame:
    """One row per metric instead of columns per metric."""
    common = ["test", "segment_kind", "segment", "variant", "n"]
    x = pl.col("x_conversion").cast(pl.Float64)
    frames = [
        part.select(
            *common, pl.col("x_conversion").alias("x"), metric=pl.lit("conversion"), s1=x, s2=x, top=x.clip(0.0, 1.0)
        )
    ]
    for metric in ("value", "value_uncapped") if columns.value is not None else ():
        frames.append(
            part.select(
                *common,
                metric=pl.lit(metric),
                **{name: pl.col(f"{name}_{metric}") for name in ("x", "s1", "s2", "top")},
            )
        )
    return pl.concat(
        [frame.select(pl.col(name).cast(dtype) for name, dtype in SUMS_SCHEMA.items()) for frame in frames]
    )


def _require_few(used: dict[str, pl.DataFrame], columns: TableColumns) -> None:
    """Refuse columns that hold an id, not a wording or a group."""
    most = used["all"].group_by("test").len().sort("len", descending=True).row(0, named=True)
    if most["len"] > MAX_VARIANTS:
        where = f" in test {most['test']}" if columns.test else ""
        raise TableError(
            f"Column {columns.variant} has {most['len']:,} different values{where}; at most {MAX_VARIANTS} variants are compared."
        )
    for name in columns.segments:
        groups = used[name]["segment"].n_unique()
        if groups > MOST_SEGMENTS:
            raise TableError(
                f"Column {name} has {groups:,} different values; a segment has at most {MOST_SEGMENTS} of them."
            )


def _first_mistake(frame: pl.LazyFrame, columns: TableColumns, name: str, wrong: pl.Expr) -> TableError:
    """The sentence about the first row of a mistake."""
    row = frame.with_row_index("row of the table", offset=1).filter(wrong.fill_null(value=False)).head(1).collect()
    number = row["row of the table"][0]
    column = columns.value if name == "bad_value" else columns.converted
    value = "" if column is None else row[column][0]
    match name:
        case "bad_value":
            return TableError(
                f"Row {number} (the header not counted): {column} is {_shown(value)}, which is no number; write amounts "
                "like 12.50, and leave the field empty where there is none."
            )
        case "bad_converted":
            return TableError(
                f"Row {number} (the header not counted): {column} is {_shown(value)}; allowed are 0, 1, true, false and "
                "empty. Where a row is a whole variant, name the column that counts its readers with --readers."
            )
        case _:
            return TableError(
                f"Row {number} (the header not counted) converted, and its {columns.value} is empty; give the amount, or "
                "leave out --value to compare conversion alone."
            )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _row_notes(whole: pl.DataFrame, columns: TableColumns, cap: float | None) -> dict[str, tuple[str, ...]]:
    """What has to be said of each test."""
    notes: dict[str, tuple[str, ...]] = {}
    for part in whole.partition_by("test"):
        said = []
        unsaid, negative, odd = (int(part[name].sum()) for name in ("unsaid", "negative", "unconverted"))
        if unsaid:
            said.append(
                f"{unsaid:,} rows have nothing in {columns.converted}; they count as readers who did not convert."
            )
        if columns.converted is None:
            said.append(f"No column of conversions was named: a reader converted where {columns.value} is above 0.")
        elif odd:
            said.append(
                f"{odd:,} readers have an amount in {columns.value} and did not convert; their money counts, they do not "
                "count as converted."
            )
        if negative:
            said.append(
                f"{negative:,} readers have a negative amount; it counts as 0 in the value that decides, and as it is "
                "beside it."
            )
        if columns.value is not None and cap is None:
            said.append("No cap was given: a large gift counts in full.")
        notes[part["test"][0]] = tuple(said)
    return notes


# -- totals ----------------------------------------------------------------------------------------------------------------


def _tally_totals(frame: pl.LazyFrame, schema: pl.Schema, columns: TableColumns, exponent: int) -> Tallies:
    for key in (columns.test, columns.variant):
        if key is not None:
            _require_text(key, schema[key])
    numbers = {"n": columns.readers, "x": columns.converted, "value": columns.value, "capped": columns.capped_value}
    selected: dict[str, pl.Expr] = {
        "test": pl.lit(WHOLE_TABLE) if columns.test is None else text_column(columns.test, schema),
        "variant": text_column(columns.variant, schema),
    }
    for key, name in numbers.items():
        if name is None:
            selected[key], selected[f"bad_{key}"] = pl.lit(None, pl.Float64), pl.lit(value=False)
        else:
            selected[key], selected[f"bad_{key}"] = number_column(name, schema)
            selected[f"said_{key}"] = pl.col(name).cast(pl.String)
    table = frame.select(**selected).collect()
    if table.is_empty():
        raise TableError("The table has a header and no rows.")
    placed = table.filter(pl.col("test").is_not_null() & pl.col("variant").is_not_null())
    if placed.is_empty():
        raise TableError(f"Column {columns.variant} is empty in every row.")
    sums: list[dict[str, object]] = []
    refused: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for part in placed.partition_by("test", maintain_order=True):
        test, rows = str(part["test"][0]), part.to_dicts()
        fault = next(_faults(rows, columns), None)
        if fault is None:
            sums += _totals_of(test, rows, exponent)
            notes[test] = tuple(_totals_notes(rows, columns))
        elif columns.test is None:
            raise TableError(f"{fault[:1].upper()}{fault[1:]}.")
        else:
            refused[test] = fault
    return Tallies(
        rows=table.height,
        rows_without_variant=table.filter(pl.col("test").is_not_null() & pl.col("variant").is_null()).height,
        rows_without_test=table.filter(pl.col("test").is_null()).height,
        sums=pl.DataFrame(sums, schema=SUMS_SCHEMA),
        exponent=exponent,
        refused=refused,
        notes=notes,
    )


def _faults(rows: Sequence[dict[str, Any]], columns: TableColumns) -> Iterator[str]:
    """What is wrong with the totals of one test, as clauses, the most telling first."""
    names = [row["variant"] for row in rows]
    readers, converted = columns.readers, columns.converted
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        yield f"variant {twice} has {names.count(twice)} rows; a table of totals has one row per variant"
    if len(rows) > MAX_VARIANTS:
        yield f"column {columns.variant} has {len(rows)} different values; at most {MAX_VARIANTS} variants are compared"
    if all(row["n"] is None and not row["bad_n"] for row in rows):
        yield f"column {readers} is empty, so there are no readers"
    for row in rows:
        who = f"variant {row['variant']}"
        for key, name, what in (
            ("n", readers, "count"),
            ("x", converted, "count"),
            ("value", columns.value, "amount"),
            ("capped", columns.capped_value, "amount"),
        ):
            if name is not None and row[f"bad_{key}"]:
                yield f"{who}: {name} is {_shown(row[f'said_{key}'])}, which is no {what}"
        for key, name in (("n", readers), ("x", converted)):
            if row[key] is None:
                yield f"{who}: {name} is empty"
            elif row[key] < 0 or row[key] != math.floor(row[key]):
                yield f"{who}: {name} is {row[f'said_{key}']}; a count is a whole number, 0 or more"
        if row["n"] is not None and row["x"] is not None and row["x"] > row["n"]:
            yield f"{who}: {converted} is {row['x']:,.0f}, more than its {readers} of {row['n']:,.0f}"
    for key, name in (("value", columns.value), ("capped", columns.capped_value)):
        lacking = [row["variant"] for row in rows if row[key] is None]
        if lacking and len(lacking) < len(rows):
            yield f"variant {lacking[0]}: {name} is empty, while other variants have it"


def _totals_of(test: str, rows: Sequence[dict[str, Any]], exponent: int) -> Iterator[dict[str, object]]:
    has_value, has_capped = (rows[0][key] is not None for key in ("value", "capped"))
    for row in rows:
        common = {"test": test, "segment_kind": "all", "segment": "all", "variant": row["variant"]}
        n, x = int(row["n"]), int(row["x"])
        top = min(float(x), 1.0)
        yield {**common, "metric": "conversion", "n": n, "x": x, "s1": float(x), "s2": float(x), "top": top}
        decides = "capped" if has_capped else "value"
        for metric, key in (("value", decides), ("value_uncapped", "value")):
            if row[key] is None or (metric == "value_uncapped" and not (has_value and has_capped)):
                continue
            s1 = _whole_minor(float(row[key]), exponent)
            yield {**common, "metric": metric, "n": n, "x": x, "s1": s1, "s2": None, "top": None}


def _whole_minor(major: float, exponent: int) -> float:
    minor = major * 10.0**exponent
    return float(round(minor)) if abs(minor - round(minor)) < 1e-6 else minor


def _totals_notes(rows: Sequence[dict[str, Any]], columns: TableColumns) -> Iterator[str]:
    for key, name in (("value", columns.value), ("capped", columns.capped_value)):
        if name is not None and rows[0][key] is None:
            yield f"Column {name} is empty for this test."
    yield "Totals do not say whether one reader gave more than once; every conversion counts as one reader."
