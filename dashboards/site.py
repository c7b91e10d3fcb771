"""The report site on disk: every page of an edition, built beside the site and put in its place in one step.

`destination` is a symbolic link to a folder under `.<name>.builds/` beside it. A build is written there whole, made
durable, and the link is replaced by rename: a reader, and a reader after a crash at any moment, sees one edition or the
other, never half of one (docs/adr says why a link). Pages that say the same as before are hard links to the old files;
a test's page whose inputs (`page_inputs.py`) are those of the last build is not even made.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from markupsafe import escape

from analysis.branding import Look
from analysis.errors import AskwellError
from analysis.experiment_result import Audience, Edition, ExperimentResult
from dashboards.about import about_report
from dashboards.blocks import Cell, Column, Page, Query, Section, Sentences, Stamp, Table, TableRow
from dashboards.experiment.page import experiment_report
from dashboards.frontpage import finished_reports, index_report
from dashboards.health import HealthTables, health_report
from dashboards.html import STATIC, StaticFiles, navigation_of, render
from dashboards.look import look_style
from dashboards.page_inputs import inputs_of, told
from dashboards.phrasing.voice import Voice, voice
from dashboards.phrasing.words import plain

MANIFEST = "site.json"

#: Every query that a page shows, by the id that stands beside it; `askwell query --from-report` reads it.
QUERIES = "queries.json"

#: Files that are brought to the disk at the same time: each waits for it by itself.
_AT_ONCE = 16

#: Builds kept beside the one shown: a reader who has the last one open can still go on.
KEPT_BUILDS = 1


class SiteError(AskwellError):
    """The site cannot be put where it was asked for."""


#: Stands in a page for its stamp until it is known whether the page has changed: a page is rendered once.
_UNSTAMPED = Stamp(918_273_645, "\ue000published\ue000")


@dataclass(frozen=True)
class SiteSummary:
    """What a build did: pages rewritten and kept, bytes of the whole site (shared files and archive included)."""

    written: int
    kept: int
    bytes: int


@dataclass(frozen=True)
class _Entry:
    """A file of the site: its place, a fingerprint of what it says, its content, and the queries that it shows."""

    path: str
    fingerprint: str
    content: Callable[[], str]
    queries: tuple[Query, ...] = ()


@dataclass(frozen=True)
class _Batch:
    """Files that follow from the same inputs; empty `inputs` for those that are made in every build."""

    name: str
    inputs: str
    entries: Callable[[], Iterable[_Entry]]


def build_site(
    results: Sequence[ExperimentResult],
    health: HealthTables,
    edition: Edition,
    audience: Audience,
    destination: Path,
    more: Sequence[Page] = (),
) -> SiteSummary:
    """Write every page of an edition and put it in the place of the last one.

    `more` are further pages of the site, such as `wording.html`; those whose path `html.NAVIGATION` names stand in the
    navigation of every page.

    A page that says the same as in the last build keeps its file, its time and the edition it was written in. Pages of
    earlier days stay under `as-of/<date>/`; a later edition of the same day replaces that day's.

    Raises:
        SiteError: `destination` is something that Askwell did not make, or its file system has no symbolic links.
    """
    destination = destination.absolute()
    builds = destination.parent / f".{destination.name}.builds"
    _refuse_what_is_not_ours(destination)
    builds.mkdir(parents=True, exist_ok=True)
    with _locked(builds):
        _clear_leftovers(builds, destination)
        previous = _current(destination, builds)
        building = builds / "building"
        building.mkdir()
        files = _write_static(building, previous, audience.look)
        batches = _batches(results, health, edition, audience, files, previous, more)
        summary = _Build(building, previous).write(batches)
        _make_durable(building)
        finished = builds / _next_name(builds, edition)
        os.rename(building, finished)
        _point(destination, finished)
        _prune(builds, keep={finished.name}, newest=KEPT_BUILDS)
    return summary


# -- which pages ----------------------------------------------------------------------------------------------------


def _batches(
    results: Sequence[ExperimentResult],
    health: HealthTables,
    edition: Edition,
    audience: Audience,
    files: StaticFiles,
    previous: Path | None,
    more: Sequence[Page],
) -> Iterator[_Batch]:
    spoken = voice(audience)
    stamp = Stamp(
        edition.number, f"{spoken.moment(edition.published_at.astimezone(audience.zone))} ({audience.zone.key})"
    )
    notices = _notices(edition, audience)
    pages: list[Page] = [
        index_report(results, audience, edition),
        *finished_reports(results, audience),
        health_report(health, audience, edition),
        about_report(audience),
        *more,
    ]
    today = [] if edition.as_of is None else [edition.as_of.isoformat()]
    days: list[str] = sorted({*_archived_days(previous), *today}, reverse=True)
    pages.append(_archive_page(days, audience))
    frame = _Frame(files, stamp, navigation_of(pages), notices)
    pages = [_numbered(page) for page in pages]
    yield _Batch("", "", lambda: (entry for page in pages for entry in _files(page, frame)))
    for result in results:
        yield from _experiment(result, frame, edition, spoken)
    if edition.as_of is not None:
        day, kept = edition.as_of, [page for page in pages if page.is_kept]
        yield _Batch("", "", lambda: (_archived(page, frame, day, spoken) for page in kept))


def _experiment(result: ExperimentResult, frame: _Frame, edition: Edition, spoken: Voice) -> Iterator[_Batch]:
    """The page of a test with its data files, and, while it runs and for a week, the page as it stays under its day."""
    name, told_result = f"experiments/{result.experiment.id}", told(result)

    @cache
    def page() -> Page:
        return _numbered(experiment_report(told_result))

    around = (frame.files, frame.navigation)
    yield _Batch(name, inputs_of(told_result, *around, frame.notices), lambda: _files(page(), frame))
    day = edition.as_of
    if day is not None and day <= result.experiment.planned_end + timedelta(days=7):
        yield _Batch(
            f"as-of/{day}/{name}",
            inputs_of(told_result, *around, day),
            lambda: [_archived(page(), frame, day, spoken)],
        )


def _files(page: Page, frame: _Frame) -> Iterator[_Entry]:
    yield replace(_entry(page, frame, frame.notices), queries=tuple(_queries(page)))
    yield from _data_files(page)


def _numbered(page: Page) -> Page:
    """The page with an id for each of its queries: page, section and place, as in `experiments/thanks/trust/1`."""
    way = page.path.removesuffix(".html")
    return replace(
        page,
        sections=tuple(
            replace(
                section,
                queries=tuple(
                    replace(query, id=f"{way}/{section.id}/{place}") for place, query in enumerate(section.queries, 1)
                ),
            )
            for section in page.sections
        ),
    )


def _queries(page: Page) -> list[Query]:
    return [query for section in page.sections for query in section.queries]


@dataclass(frozen=True)
class _Frame:
    """What surrounds every page of one build."""

    files: StaticFiles
    stamp: Stamp
    navigation: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]


def _entry(page: Page, frame: _Frame, notices: tuple[str, ...], *, root: str | None = None) -> _Entry:
    text = render(page, frame.files, stamp=_UNSTAMPED, navigation=frame.navigation, notices=notices, root=root)

    def stamped() -> str:
        published = str(escape(frame.stamp.published))
        return text.replace(str(_UNSTAMPED.edition), str(frame.stamp.edition)).replace(_UNSTAMPED.published, published)

    return _Entry(page.path, hashlib.sha256(text.encode()).hexdigest(), stamped)


def _data_files(page: Page) -> Iterator[_Entry]:
    """The numbers of a page's figures as CSV, one file a section."""
    for section in page.sections:
        if section.data:
            text = csv_text(section.data)
            yield _Entry(page.data_path(section), hashlib.sha256(text.encode()).hexdigest(), lambda text=text: text)


def csv_text(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as CSV with a byte order mark, so that spreadsheets read UTF-8. A text that they would take for a
    formula is given an apostrophe.
    """  # noqa: D205
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_harmless(value) for value in row])
    return "\ufeff" + written.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _archived(page: Page, frame: _Frame, day: date, spoken: Voice) -> _Entry:
    """The page as it stays under its day: static, with its own way to the root."""
    folder = f"as-of/{day.isoformat()}/"
    notice = (
        spoken.say(
            "This is how the page stood with data to the end of {day}. It stays as it is.",
            day=spoken.day(day),
        ),
    )
    root = "../" * (page.path.count("/") + 2)
    return _entry(replace(page, path=folder + page.path), frame, notice, root=root)


def _notices(edition: Edition, audience: Audience) -> tuple[str, ...]:
    """Data that is late: yesterday is the last full day at any publish."""
    if edition.as_of is None:
        return ()
    yesterday = edition.published_at.astimezone(audience.zone).date() - timedelta(days=1)
    if edition.as_of >= yesterday:
        return ()
    spoken = voice(audience)
    missing, data_ends = (yesterday - edition.as_of).days, spoken.day(edition.as_of)
    if missing == 1:
        return (
            spoken.say(
                "Data ends on {day}; {next_day} has not arrived. Verdicts are those of that day.",
                day=data_ends,
                next_day=spoken.day(yesterday),
            ),
        )
    return (
        spoken.say_n(
            "Data ends on {day}; the {count} day after it has not arrived. Verdicts are those of that day.",
            "Data ends on {day}; the {count} days after it have not arrived. Verdicts are those of that day.",
            missing,
            day=data_ends,
        ),
    )


def _archive_page(days: Sequence[str], audience: Audience) -> Page:
    spoken = voice(audience)
    say = spoken.say
    rows = tuple(
        TableRow(
            Cell(spoken.day(date.fromisoformat(day)), href=f"as-of/{day}/index.html"),
            (Cell(say("Data health"), href=f"as-of/{day}/health.html"),),
        )
        for day in days
    )
    block = (
        Table(say("Earlier editions"), (Column(say("Data to the end of")), Column(say("Also"))), rows)
        if rows
        else Sentences((say("No edition has been published yet."),))
    )
    return Page(
        path="archive.html",
        title=say("Earlier editions"),
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=(say("Earlier editions"),),
        headline=say("What we knew, day by day"),
        standfirst=say("Each day's front page and the pages of the tests that ran then, as they were. A later edition never changes an earlier day."),
        sections=(Section("days", say("By day"), (block,)),),
    )  # fmt: skip


def _archived_days(previous: Path | None) -> list[str]:
    folder = None if previous is None else previous / "as-of"
    return (
        []
        if folder is None or not folder.is_dir()
        else [day.name for day in folder.iterdir() if (day / "index.html").is_file()]
    )


# -- onto the disk --------------------------------------------------------------------------------------------------


@dataclass
class _Build:
    """The files of a new build as they come: made, or kept from the build before.

    Attributes:
        pages: Fingerprint of each file so far.
        batches: Inputs and files of each batch that has inputs.
        queries: The queries shown, by the page's place and by id, as `QUERIES` has them.
    """

    folder: Path
    previous: Path | None
    pages: dict[str, str] = field(default_factory=dict)
    batches: dict[str, dict[str, object]] = field(default_factory=dict)
    queries: dict[str, object] = field(default_factory=dict)
    written: int = 0
    kept: int = 0

    def write(self, batches: Iterable[_Batch]) -> SiteSummary:
        """Write every batch, the queries and the manifest."""
        before = _read_object(self.previous, MANIFEST)
        told, known = _object(before, "pages"), _object(before, "batches")
        shown = _by_page(_read_object(self.previous, QUERIES))
        for batch in batches:
            files = self._unchanged(batch, known.get(batch.name), told)
            if files is None:
                files = [self._add(entry, told) for entry in batch.entries()]
            else:
                for path in files:
                    self._keep(path, str(told[path]))
                    self.queries |= shown.get(path, {})
            if batch.inputs:
                self.batches[batch.name] = {"inputs": batch.inputs, "files": files}
        for path, fingerprint in told.items():  # earlier days stay as they were
            if path.startswith("as-of/") and path not in self.pages and self._is_there(path):
                self._keep(path, str(fingerprint))
        text = json.dumps(self.queries, indent=1)
        self._add(_Entry(QUERIES, hashlib.sha256(text.encode()).hexdigest(), lambda: text), told)
        manifest = {"made_by": "askwell", "pages": dict(sorted(self.pages.items())), "batches": self.batches}
        _write(self.folder / MANIFEST, json.dumps(manifest, indent=0).encode())
        size = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        return SiteSummary(self.written, self.kept, size)

    def _unchanged(self, batch: _Batch, known: object, told: Mapping[str, object]) -> list[str] | None:
        """The files of a batch where the last build has them from the same inputs."""
        if not batch.inputs or not isinstance(known, dict) or known.get("inputs") != batch.inputs:
            return None
        files = known.get("files")
        if not isinstance(files, list) or not all(path in told and self._is_there(path) for path in files):
            return None
        return files

    def _is_there(self, path: str) -> bool:
        return self.previous is not None and (self.previous / path).is_file()

    def _add(self, entry: _Entry, told: Mapping[str, object]) -> str:
        if entry.path in self.pages:
            return entry.path
        self.queries |= {query.id: {"answers": query.answers, "sql": query.sql} for query in entry.queries}
        if told.get(entry.path) == entry.fingerprint and self._is_there(entry.path):
            self._keep(entry.path, entry.fingerprint)
        else:
            _write(self._place(entry.path, entry.fingerprint), entry.content().encode())
            self.written += 1
        return entry.path

    def _keep(self, path: str, fingerprint: str) -> None:
        if self.previous is not None:
            _keep(self.previous / path, self._place(path, fingerprint))
            self.kept += 1

    def _place(self, path: str, fingerprint: str) -> Path:
        self.pages[path] = fingerprint
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def _by_page(queries: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Queries by the file that shows them: an id is page, section and place."""
    found: dict[str, dict[str, object]] = {}
    for id_, query in queries.items():
        found.setdefault(f"{id_.rsplit('/', 2)[0]}.html", {})[id_] = query
    return found


def _write_static(building: Path, previous: Path | None, look: Look) -> StaticFiles:
    names: dict[str, str] = {}
    (building / "static").mkdir()
    for name, (hashed, content) in {**_static_contents(), **_look_contents(look)}.items():
        target, old = building / "static" / hashed, None if previous is None else previous / "static" / hashed
        if old is not None and old.is_file():
            _keep(old, target)
        else:
            _write(target, content)
        names[name] = f"static/{hashed}"
    if previous is not None and (previous / "static").is_dir():  # archived pages still ask for the files of their time
        for old in (previous / "static").iterdir():
            if not (building / "static" / old.name).exists():
                _keep(old, building / "static" / old.name)
    return StaticFiles(
        fonts=names["fonts.css"],
        site=names["site.css"],
        app=names["app.js"],
        plotly=names["plotly-basic.min.js"],
        look=names.get("look.css", ""),
        logo=names.get("logo", ""),
    )


@cache
def _static_contents() -> dict[str, tuple[str, bytes]]:
    """The shared files by name: name with a hash of the content in it, and the content."""
    found = {}
    for name in ("fonts.css", "site.css", "app.js", "plotly-basic.min.js"):
        content = (STATIC / name).read_bytes()
        found[name] = (_name_by_content(name, content), content)
    for licence in sorted(STATIC.glob("LICENSE-*.txt")):
        found[licence.name] = (licence.name, licence.read_bytes())
    return found


def _look_contents(look: Look) -> dict[str, tuple[str, bytes]]:
    """The publisher's colours and logo, likewise."""
    found = {}
    style = look_style(look).encode()
    if style:
        found["look.css"] = (_name_by_content("look.css", style), style)
    if look.logo is not None:
        name = _name_by_content(f"logo.{look.logo.suffix}", look.logo.content)
        found["logo"] = (name, look.logo.content)
    return found


def _name_by_content(name: str, content: bytes) -> str:
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"


def _keep(old: Path, new: Path) -> None:
    """Give an unchanged file its place in the new build; files of a build are never written again, so a link is safe."""
    try:
        os.link(old, new)
    except OSError:  # another file system, or one without links
        shutil.copy2(old, new)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _make_durable(folder: Path) -> None:
    """Bring every new file and every folder of a build to the disk; files with another name are there already."""
    new = [path for path in folder.rglob("*") if path.is_dir() or path.stat().st_nlink == 1]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(_sync, (*new, folder)):
            pass


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _point(destination: Path, finished: Path) -> None:
    """Make `destination` lead to the build; the rename of a link is atomic, that of a full folder does not exist."""
    _sync(finished.parent)
    fresh = destination.parent / f".{destination.name}.link"
    fresh.unlink(missing_ok=True)
    if destination.is_dir() and not destination.is_symlink():  # a copy of a site, from a backup or another machine
        os.rename(destination, finished.parent / f"copied-{finished.name}")
    try:
        fresh.symlink_to(os.path.relpath(finished, destination.parent), target_is_directory=True)
    except OSError as problem:
        raise SiteError(
            f"{destination.parent} cannot hold symbolic links ({problem.strerror}); choose another folder for the site."
        ) from None
    os.replace(fresh, destination)
    _sync(destination.parent)


def _refuse_what_is_not_ours(destination: Path) -> None:
    if destination.is_symlink() or not destination.exists():
        return
    if destination.is_dir() and ((destination / MANIFEST).is_file() or not any(destination.iterdir())):
        return
    raise SiteError(
        f"{destination} exists and is no site of Askwell's; move it away or choose another folder for the site."
    )


def _current(destination: Path, builds: Path) -> Path | None:
    """The build that is shown; after a crash without a link, the newest whole one."""
    if (destination / MANIFEST).is_file():
        return destination.resolve()
    whole = [build for build in sorted(builds.iterdir()) if (build / MANIFEST).is_file()]
    return whole[-1] if whole else None


def _clear_leftovers(builds: Path, destination: Path) -> None:
    shutil.rmtree(builds / "building", ignore_errors=True)
    (destination.parent / f".{destination.name}.link").unlink(missing_ok=True)


def _next_name(builds: Path, edition: Edition) -> str:
    taken = [int(build.name[:8]) for build in builds.iterdir() if build.name[:8].isdigit()]
    return f"{max(taken, default=0) + 1:08d}-edition-{edition.number}"


def _prune(builds: Path, keep: set[str], newest: int) -> None:
    older = sorted(
        (build for build in builds.iterdir() if build.is_dir() and build.name not in keep),
        key=lambda build: build.stat().st_mtime,
    )
    for build in older[: max(0, len(older) - newest)]:
        shutil.rmtree(build, ignore_errors=True)


def _read_object(build: Path | None, name: str) -> dict[str, object]:
    """A JSON file of a build; empty where it is not there or not ours."""
    if build is None:
        return {}
    try:
        found = json.loads((build / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _object(found: Mapping[str, object], key: str) -> dict[str, object]:
    inside = found.get(key)
    return inside if isinstance(inside, dict) else {}


@contextmanager
def _locked(builds: Path) -> Iterator[None]:
    """One build at a time; the kernel frees the lock when its process dies."""
    with (builds / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
