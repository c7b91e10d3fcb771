"""What a page is made of, as frozen data: sections, tables, pictures, cards, checks, definitions.

No HTML and no numbers of its own: builders (`experiment/`, `frontpage.py`, `health.py`, `about.py`) fill these, `html.py`
turns them into a page. Text is plain text, escaped where it is rendered; only `Markup` from `svg.py` is markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

from analysis.wording.differences import PartDifference, Piece
from dashboards.phrasing.verdicts import Badge


@dataclass(frozen=True)
class Cell:
    """A cell of a table: text, a smaller note under it, and a strip above it.

    Attributes:
        weak: True for what is only a description.
        href: Page the text links to, below the site's root; empty for none.
        letter: Letter of the variant that the cell names; empty for none.
    """

    text: str = ""
    note: str = ""
    strip: Markup | None = None
    axis: Markup | None = None
    weak: bool = False
    href: str = ""
    letter: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its label, a smaller note, whether it holds `text`, `number` or `strip`, and the variant it is about.

    `on_phone` stands beside each cell where a table becomes cards and one label would name two cells; empty for the label.
    """

    label: str
    note: str = ""
    kind: str = "text"
    axis: Markup | None = None
    letter: str = ""
    token: str = ""
    on_phone: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row with its head; `letter` and `token` where it is about a variant."""

    head: Cell
    cells: tuple[Cell, ...]
    letter: str = ""
    token: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption for those who cannot see where it stands.

    Attributes:
        summary: Where not empty, the table is folded away under these words.
        is_compact: Stays a table on a phone; others become a list of cards there.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    summary: str = ""
    is_compact: bool = False


@dataclass(frozen=True)
class Picture:
    """A chart as static SVG, wide and narrow, and as a live figure where there is one (JSON safe inside a script)."""

    kind: ClassVar[str] = "picture"
    id: str
    wide: Markup
    narrow: Markup
    figure: Markup | None = None
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """A wording as readers saw it, in parts against the current wording; `amounts` with whether each is new."""

    letter: str
    token: str
    name: str
    value: str
    summary: str
    parts: tuple[PartDifference, ...]
    amounts: tuple[tuple[str, bool], ...]
    image: str
    language: str


@dataclass(frozen=True)
class Cards:
    """All wordings side by side."""

    kind: ClassVar[str] = "cards"
    cards: tuple[Card, ...]
    can_show_replaced: bool


@dataclass(frozen=True)
class Example:
    """Two texts of one test, the first in pieces against the second, with what each brought in.

    Attributes:
        is_long: True where the texts are folded after their first lines.
    """

    headline: str
    pieces: tuple[Piece, ...]
    result: str
    other: str
    other_result: str
    test: str
    is_long: bool = False


@dataclass(frozen=True)
class TraitExamples:
    """A trait with the pair of texts in which it went with more, and that in which it went with less; None for no such pair."""

    name: str
    status: str
    better: Example | None
    worse: Example | None


@dataclass(frozen=True)
class Examples:
    """Traits, each with its two pairs of texts, in the language of the texts."""

    kind: ClassVar[str] = "examples"
    traits: tuple[TraitExamples, ...]
    language: str


@dataclass(frozen=True)
class Line:
    """A line with an icon and a tone: a check and what it found."""

    name: str
    text: str
    icon: str
    tone: str
    status: str


@dataclass(frozen=True)
class Lines:
    """Checks in two columns."""

    kind: ClassVar[str] = "lines"
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Definitions:
    """Terms and what they mean."""

    kind: ClassVar[str] = "definitions"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sentences:
    """Short paragraphs, or a list of them."""

    kind: ClassVar[str] = "sentences"
    sentences: tuple[str, ...]
    is_list: bool = False


@dataclass(frozen=True)
class Query:
    """A query that rebuilds the numbers of a section: what it answers, and the SQL.

    `id` is what `askwell query --from-report` takes; the site gives it.
    """

    answers: str
    sql: str
    id: str = ""


Block = Table | Picture | Cards | Examples | Lines | Definitions | Sentences


@dataclass(frozen=True)
class Section:
    """A part of a page under one heading.

    Attributes:
        data: The numbers of its figures as rows for a file, the first one naming the columns; empty for none.
    """

    id: str
    heading: str
    blocks: tuple[Block, ...]
    lead: str = ""
    queries: tuple[Query, ...] = ()
    data: tuple[tuple[object, ...], ...] = ()


@dataclass(frozen=True)
class Figure:
    """One of the large figures under the headline: label above, figure, range or unit below."""

    label: str
    figure: str
    below: str


@dataclass(frozen=True)
class Stamp:
    """Which publish a page is from; not part of what decides whether a page has changed."""

    edition: int
    published: str


@dataclass(frozen=True)
class Page:
    """A page of any kind but the index list.

    Attributes:
        path: Where it stands, below the site's root, with forward slashes.
        kicker: Words above the headline; the badge, where there is one, stands before them.
        banner: A sentence that must be read first; empty for none.
        advice: What to do, in one sentence; empty for none.
        label: Its name in the navigation, where `html.NAVIGATION` has its path; empty for the title.
        is_kept: True for a page of the site whose state of each day stays under `as-of/<date>/`.
    """

    path: str
    title: str
    publisher: str
    language: str
    headline: str
    sections: tuple[Section, ...]
    kicker: tuple[str, ...] = ()
    badge: Badge | None = None
    standfirst: str = ""
    advice: str = ""
    figures: tuple[Figure, ...] = ()
    hero: Markup | None = None
    hero_caption: str = ""
    banner: str = ""
    lists: tuple[RowList, ...] = ()
    as_of: str = ""
    description: str = ""
    changes: tuple[str, ...] = ()
    counts: tuple[tuple[Badge, int], ...] = ()
    label: str = ""
    is_kept: bool = False

    def data_path(self, section: Section) -> str:
        """Return where the numbers of a section stand as CSV, below the site's root."""
        stem = self.path.rpartition("/")[2].removesuffix(".html")
        return f"data/{stem}-{section.id}.csv"


@dataclass(frozen=True)
class IndexRow:
    """One experiment in a list: verdict, name, sentence, strip, money at stake and days."""

    badge: Badge
    href: str
    name: str
    headline: str
    advice: str
    strip: Markup | None
    difference: str
    difference_range: str
    stake: str
    days: str


@dataclass(frozen=True)
class RowList:
    """A list of experiments under one heading; `empty` stands there when it has none.

    `axis` are the labels under the strips. The first list of a page has them whole as `drawn_axis`; `axis` shows these again.
    """

    id: str
    heading: str
    lead: str
    rows: tuple[IndexRow, ...]
    empty: str
    axis: Markup | None = None
    axis_title: str = ""
    more: tuple[tuple[str, str], ...] = field(default=())
    drawn_axis: Markup | None = None


def sections(*parts: Section | None) -> tuple[Section, ...]:
    """Return the sections that are there."""
    return tuple(part for part in parts if part is not None)


def rows_of(rows: Sequence[Sequence[str]]) -> tuple[TableRow, ...]:
    """Return table rows from plain texts, the first of each being its head."""
    return tuple(TableRow(Cell(row[0]), tuple(Cell(text) for text in row[1:])) for row in rows)
