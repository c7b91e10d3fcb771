"""The house holds its shape: imports point one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: package -> packages of ours, and libraries, that it may not import anywhere.
FORBIDDEN = {
    "analysis": {"dashboards", "assets", "askwell", "dagster", "plotly", "typer", "rich", "jinja2"},
    "dashboards": {"assets", "askwell", "dagster", "typer", "rich"},
    "assets": {"askwell", "plotly", "scipy", "typer", "rich", "duckdb"},
    "askwell": {"plotly", "scipy"},
}

#: Modules that the command line loads before it knows the command: none of these libraries at their top.
HEAVY = {"dagster", "scipy", "plotly", "polars", "duckdb"}


def imported(file: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: imports say the whole name"
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_one_way(package: str) -> None:
    wrong = {
        str(file.relative_to(ROOT)): sorted(found)
        for file in sorted((ROOT / package).rglob("*.py"))
        if (found := imported(file) & FORBIDDEN[package])
    }
    assert wrong == {}


def test_the_rule_sees_a_wrong_import(tmp_path: Path) -> None:
    stray = tmp_path / "stray.py"
    stray.write_text("def f():\n    from dagster import asset\n", encoding="utf-8")
    assert imported(stray) & FORBIDDEN["analysis"] == {"dagster"}


def test_the_command_line_starts_light() -> None:
    assert imported(ROOT / "askwell" / "cli.py", top_level_only=True) & HEAVY == set()


def test_assets_hold_no_sql_text() -> None:
    for file in (ROOT / "assets").glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        texts = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert not [text for text in texts if text.lstrip().upper().startswith(("SELECT ", "INSERT ", "CREATE "))], file


def test_packages_come_from_this_checkout() -> None:
    import analysis
    import assets
    import dashboards

    for package in (analysis, assets, dashboards):
        assert package.__file__ is not None
        assert Path(package.__file__).is_relative_to(ROOT)


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    assert [file for file in ROOT.glob("*/**/util*.py") if ".venv" not in file.parts] == []
