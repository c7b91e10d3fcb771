"""Mappings: which there are, what each declares, and what a publisher changed of one in `askwell.toml`.

A mapping is a folder with `mapping.toml` and one `<kind>.sql` for each table of the contract that it yields. Those that
come with Askwell stand beside this module; a publisher's own stand in `folders.mappings`, and win over one of ours of the
same name. Reading files by a mapping is done in `rows.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from analysis.configuration import Section, read_toml
from analysis.contract import Kind
from analysis.errors import Mistake, SettingsError
from analysis.landing import LandedFile, landed_files
from analysis.settings import Settings

_BUILT_IN = Path(__file__).parent
_FIELD = re.compile(r"^[a-z][a-z0-9_]*$")

#: What stands in the files of a source; `tsv` and `csv` differ in their defaults only.
FileFormat = Literal["csv", "tsv", "ndjson", "parquet"]


class FieldDeclaration(Section):
    """Where the SQL of a mapping finds one of its fields.

    Attributes:
        column: Column of the file, or a path into one, `metadata.experiment_id`; of several, the first that is there.
        type: Type in DuckDB's notation for JSON structures: `VARCHAR`, or as in `[{"key": "VARCHAR"}]`.
    """

    column: str | tuple[str, ...]
    type: str = "VARCHAR"


class MappingFile(Section):
    """`mapping.toml` as it stands on disk.

    Attributes:
        vendor_schema: The public schema that the mapping follows, with its date.
        tried_on: A real export that it was tried on; empty where it was not.
        header: Column names of files that have no header line.
        options: Values that the SQL binds by name, with their defaults.
        edition: A pattern on file names: files with the same first group are editions of one export, and only the newest
            (by delivery folder) is in force. Empty: every file stands for itself.
        provisional: A pattern on file names of editions that any other edition replaces.
        statements: Mapping that comes with Askwell whose SELECTs are taken for tables that have none beside this file.
    """

    title: str
    vendor_schema: str
    tried_on: str = ""
    formats: tuple[FileFormat, ...]
    separator: Annotated[str, Field(pattern=r"^(.|tab)$")] = ","
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    tables: tuple[Kind, ...]
    fields: dict[str, str | tuple[str, ...] | FieldDeclaration]
    options: dict[str, str] = Field(default={})
    edition: str = ""
    provisional: str = ""
    statements: str = ""


@dataclass(frozen=True)
class SourceField:
    """A field of a mapping as it is in force: the columns it may come from, in order, and its type."""

    name: str
    columns: tuple[str, ...]
    type: str


@dataclass(frozen=True)
class Mapping:
    """A mapping in force for one source: the declared one with the publisher's changes.

    Attributes:
        source: Name in `[sources.NAME]`, which is the folder below the landing folder.
        name: Name of the mapping.
        statements: One SELECT for each table of the contract, over the relation `landed`.
        options: Bound values by name.
        mark: The text that all this follows from; equal marks read a file alike.
    """

    source: str
    name: str
    declared: MappingFile
    fields: tuple[SourceField, ...]
    statements: Map[Kind, str]
    options: Map[str, str]
    separator: str
    encoding: str
    mark: str

    @property
    def tables(self) -> tuple[Kind, ...]:
        """Tables of the contract that it yields; rows that cannot be read are told of the first."""
        return self.declared.tables


def mapping_names(settings: Settings) -> list[str]:
    """Names of all mappings that can be chosen."""
    folders = (settings.folders.mappings, _BUILT_IN)
    return sorted({path.parent.name for folder in folders for path in folder.glob("*/mapping.toml")})


def source_mappings(settings: Settings) -> dict[str, Mapping]:
    """The mappings in force by source.

    Raises:
        SettingsError: a source names a mapping, field or option that is not there, or a mapping is not whole.
    """
    return {name: source_mapping(settings, name) for name in settings.sources}


def source_mapping(settings: Settings, source: str) -> Mapping:
    """The mapping in force for one source.

    Raises:
        SettingsError: as `source_mappings`.
    """
    chosen = settings.sources[source]
    key = f"sources.{source}"
    places = [folder / chosen.mapping for folder in (settings.folders.mappings, _BUILT_IN)]
    place = next((place for place in places if (place / "mapping.toml").is_file()), None)
    if place is None or not _is_name(chosen.mapping):
        allowed = f"must be one of {', '.join(mapping_names(settings))}, or a folder in {settings.folders.mappings}"
        raise SettingsError(settings.file, [Mistake(f"{key}.mapping", chosen.mapping, allowed)])
    declared = read_toml(place / "mapping.toml", MappingFile, SettingsError)
    fields = {name: _field(name, declaration) for name, declaration in declared.fields.items()}
    mistakes = [
        Mistake(f"fields.{name}", "", "must be small letters, digits and _")
        for name in fields
        if not _FIELD.match(name)
    ]
    statements: dict[Kind, str] = {}
    lender = _BUILT_IN / declared.statements if _is_name(declared.statements) else place
    for table in declared.tables:
        own = place / f"{table}.sql"
        try:
            statements[table] = (own if own.exists() else lender / own.name).read_text(encoding="utf-8")
        except OSError:
            mistakes.append(Mistake("tables", table, f"needs the file {table}.sql beside it"))
    for pattern in ("edition", "provisional"):
        try:
            re.compile(getattr(declared, pattern))
        except re.error as problem:
            mistakes.append(Mistake(pattern, getattr(declared, pattern), f"is no regular expression ({problem})"))
    if mistakes:
        raise SettingsError(place / "mapping.toml", mistakes)
    mistakes = [
        Mistake(f"{key}.columns.{name}", "", f"unknown field of {chosen.mapping}; it has: {', '.join(sorted(fields))}")
        for name in chosen.columns.keys() - fields.keys()
    ] + [
        Mistake(
            f"{key}.options.{name}",
            "",
            f"unknown option of {chosen.mapping}; it has: {', '.join(sorted(declared.options)) or 'none'}",
        )
        for name in chosen.options.keys() - declared.options.keys()
    ]
    if mistakes:
        raise SettingsError(settings.file, mistakes)
    for name, column in chosen.columns.items():
        fields[name] = SourceField(name, (column,), fields[name].type)
    options = {**declared.options, **chosen.options}
    encoding, separator = chosen.encoding or declared.encoding, chosen.separator or declared.separator
    return Mapping(
        source=source,
        name=chosen.mapping,
        declared=declared,
        fields=tuple(fields.values()),
        statements=statements,
        options=options,
        separator="\t" if separator == "tab" else separator,
        encoding=encoding,
        mark=repr(
            (declared, sorted(statements.items()), sorted(fields.items()), sorted(options.items()), encoding, separator)
        ),
    )


def files_to_read(settings: Settings, mappings: Map[str, Mapping]) -> tuple[list[LandedFile], list[str]]:
    """Files of the landing folder, those of sources included, and names of files that no rule covers."""
    return landed_files(settings.folders.landing, {name: one.tables for name, one in mappings.items()})


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9_-]*", text) is not None


def _field(name: str, declaration: str | tuple[str, ...] | FieldDeclaration) -> SourceField:
    if isinstance(declaration, FieldDeclaration):
        columns = declaration.column
        return SourceField(name, (columns,) if isinstance(columns, str) else columns, declaration.type)
    return SourceField(name, (declaration,) if isinstance(declaration, str) else declaration, "VARCHAR")


def newest_editions(mapping: Mapping, names: list[str]) -> tuple[list[str], dict[str, str]]:
    """Split files of a source into those in force and, by name, those that a newer edition replaces.

    GA4 writes a day again for three days, and an intraday table before that: the file that was delivered last is the day.

    Args:
        names: Paths below the landing folder, `/`-separated.
    """
    pattern = mapping.declared.edition
    if not pattern:
        return names, {}
    newest: dict[str, tuple[bool, str]] = {}
    keys: dict[str, str] = {}
    for name in names:
        base = name.rsplit("/", 1)[-1]
        found = re.search(pattern, base)
        if found is None:
            continue
        provisional = mapping.declared.provisional
        rank = (not (provisional and re.search(provisional, base)), name)
        keys[name] = found.group(1)
        newest[keys[name]] = max(newest.get(keys[name], rank), rank)
    replaced = {name: newest[key][1] for name, key in keys.items() if newest[key][1] != name}
    return [name for name in names if name not in replaced], replaced
