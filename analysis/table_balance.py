"""Balance of a table's groups: what its columns tell of readers before the test, as a trust check of each test."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from analysis.errors import TableError
from analysis.inference.balance import balance
from analysis.inference.results import NotEstimable
from analysis.result_tables import CHECKS
from analysis.tables import WHOLE_TABLE, TableColumns, number_column, open_table, text_column

#: -log10 of the joint p from which the check warns and blocks: a table is looked at once, so a p may be read.
_WARN, _BLOCK = 2.0, 3.0
_SMALLEST_P = 1e-300


def balance_checks(path: Path, columns: TableColumns, covariates: Sequence[str]) -> pl.DataFrame:
    """Return the check `balance` of every test of a table with a row per reader.

    Args:
        path: See `tables.open_table`.
        columns: What the table's columns mean.
        covariates: Columns of numbers known before the test; empty where not known.

    Returns:
        Columns of `CHECKS`, with `test` in the place of `experiment_id`. `detail` holds the p of the joint test and of each
        column, and its mean by value of the variant column.

    Raises:
        TableError: a column is missing, or holds what is no number.
    """
    frame = open_table(path)
    schema = frame.collect_schema()
    for name in covariates:
        if name not in schema:
            raise TableError(f"{path.name} has no column {name}; its columns are {', '.join(schema.names())}.")
    typed = {name: number_column(name, schema) for name in covariates}
    read = frame.select(
        pl.lit(WHOLE_TABLE).alias("test") if columns.test is None else text_column(columns.test, schema).alias("test"),
        text_column(columns.variant, schema).alias("variant"),
        *(number.alias(f"covariate {place}") for place, (number, _) in enumerate(typed.values())),
        *(wrong.alias(f"wrong {place}") for place, (_, wrong) in enumerate(typed.values())),
    ).collect(engine="streaming")
    for place, name in enumerate(covariates):
        if read[f"wrong {place}"].any():
            raise TableError(f"Column {name} holds a value that is no number; leave it empty where it is not known.")
    used = read.filter(pl.col("test").is_not_null() & pl.col("variant").is_not_null())
    rows = [_row(str(test), part, covariates) for (test,), part in used.partition_by("test", as_dict=True).items()]
    schema_of_rows = {"test": pl.String, **{k: v for k, v in CHECKS.schema.items() if k != "experiment_id"}}
    return pl.DataFrame(rows, schema=schema_of_rows)


def _row(test: str, part: pl.DataFrame, covariates: Sequence[str]) -> dict[str, object]:
    variants = part["variant"].unique().sort()
    group = part["variant"].replace_strict(variants, list(range(len(variants))), return_dtype=pl.Int64).to_numpy()
    values = part.select(f"covariate {place}" for place in range(len(covariates))).fill_null(math.nan).to_numpy()
    found = balance(group, values)
    row = {"test": test, "as_of": None, "check_name": "balance", "variant_id": None, "metric": None}
    if isinstance(found, NotEstimable):
        return {**row, "status": "not_applicable", "detail": "{}", "reason": str(found.reason)}
    statistic = -math.log10(max(found.p, _SMALLEST_P))
    detail = {
        "p": found.p,
        "chi_square": found.chi_square,
        "df": found.df,
        "columns": {
            name: {
                "p": _known(found.p_each[place]),
                "mean": {str(v): _known(found.means[at, place]) for at, v in enumerate(variants)},
                "missing": {str(v): int(found.missing[at, place]) for at, v in enumerate(variants)},
            }
            for place, name in enumerate(covariates)
        },
    }
    status = "block" if statistic >= _BLOCK else "warn" if statistic >= _WARN else "pass"
    limits = {"statistic": statistic, "warn_at": _WARN, "block_at": _BLOCK}
    return {**row, **limits, "status": status, "detail": json.dumps(detail, allow_nan=False), "reason": None}


def _known(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
