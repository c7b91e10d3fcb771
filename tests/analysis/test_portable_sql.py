"""The statements between partials and cohort tables keep to words that other engines have too.

sqlglot passes on what it does not know as it stands, without a word, so that is what is looked for here: functions it has no
name for, and forms that one engine alone has.
"""

from __future__ import annotations

import pytest

from analysis.cohorts import COHORT_TABLES, OF_A_RANGE, OF_ALL_READERS
from analysis.queries import query

sqlglot = pytest.importorskip("sqlglot", reason="the extra askwell[spark] is not installed")
exp = sqlglot.exp

STATEMENTS = (*OF_ALL_READERS, *OF_A_RANGE, *COHORT_TABLES)

#: Functions without a name in sqlglot that Spark and BigQuery call as DuckDB does; Snowflake and Trino would need a hand.
ELSEWHERE_TOO = {"bit_count"}


def unportable(statement: str) -> set[str]:
    """What of a statement only DuckDB, or no other engine in the same sense, understands."""
    found = set()
    for node in sqlglot.parse_one(statement, read="duckdb").walk():
        if isinstance(node, exp.Anonymous) and node.name.lower() not in ELSEWHERE_TOO:
            found.add(f"function {node.name.lower()}")
        if isinstance(node, (exp.AnyValue, exp.Array, exp.Lambda, exp.Filter, exp.Qualify, exp.MD5, exp.SHA2)):
            found.add(type(node).__name__)
        if isinstance(node, exp.DataType) and node.this in (exp.DataType.Type.INT128, exp.DataType.Type.UBIGINT):
            found.add(f"type {node.this.value}")
        if isinstance(node, exp.Star) and (node.args.get("except_") or node.args.get("replace")):
            found.add("star with exceptions")
        if isinstance(node, exp.Select) and node.args.get("windows"):
            found.add("named window")
        if isinstance(node, exp.Group) and (node.args.get("all") or any(n.is_number for n in node.expressions)):
            found.add("group by all or by number")
        if isinstance(node, exp.Join) and node.args.get("method"):
            found.add(f"{node.args['method']} join")
    return found


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_keeps_to_words_that_other_engines_have(name: str) -> None:
    assert unportable(query(name)) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT epoch_us(a) FROM t",
        "SELECT hash(a) FROM t",
        "SELECT list_sum(a) FROM t",
        "SELECT any_value(a) FROM t",
        "SELECT [1, 2] FROM t",
        "SELECT count(*) FILTER (WHERE a) FROM t",
        "SELECT a::HUGEINT FROM t",
        "SELECT * EXCLUDE (a) FROM t",
        "SELECT o.* REPLACE (1 AS a) FROM t AS o",
        "SELECT sum(a) OVER w FROM t WINDOW w AS (ORDER BY b)",
        "SELECT a, count(*) FROM t GROUP BY ALL",
        "SELECT a, count(*) FROM t GROUP BY 1",
        "SELECT a FROM t ASOF JOIN u ON t.a = u.a AND t.b >= u.b",
    ],
)
def test_the_check_sees_what_only_duckdb_has(statement: str) -> None:
    assert unportable(statement) != set()


#: BigQuery has no NULLS LAST in windows; what ours are ordered by is never null.
FORGIVING = {"bigquery": sqlglot.ErrorLevel.IGNORE}


@pytest.mark.parametrize("dialect", ["spark", "databricks", "bigquery", "snowflake", "trino"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_can_be_written_for_other_engines(name: str, dialect: str) -> None:
    """Written and read again, not run: of these, only Spark is run (test_spark_engine.py)."""
    level = FORGIVING.get(dialect, sqlglot.ErrorLevel.RAISE)
    (text,) = sqlglot.transpile(query(name), read="duckdb", write=dialect, unsupported_level=level, comments=False)
    assert sqlglot.parse_one(text, read=dialect) is not None
