"""Pages as HTML: Jinja2 with autoescape and strict names, and the content policy each page carries.

Text from outside is escaped by the templates. Markup comes only from `svg.py` and `figures.py`, which escape for
themselves. There is no inline script, no inline style and no `style=` on any page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from analysis.branding import Logo, Look
from analysis.experiment_result import ExperimentResult
from dashboards import svg
from dashboards.blocks import Page, Picture, Stamp
from dashboards.experiment.page import experiment_report
from dashboards.look import brief_colours, look_style
from dashboards.phrasing.voice import Voice, voice

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

#: The empty style element that Plotly adds is allowed by the hash of nothing.
_EMPTY = base64.b64encode(hashlib.sha256(b"").digest()).decode()
_REST = "font-src data:; img-src {images}; base-uri 'none'; form-action 'none'"
SITE_POLICY = f"default-src 'none'; script-src 'self'; style-src 'self' 'sha256-{_EMPTY}'; " + _REST.format(
    images="'self' data:"
)

#: Paths of the pages that stand in the navigation, in this order, where a site has them.
NAVIGATION = ("index.html", "wording.html", "plans.html", "health.html", "dictionary.html", "about.html")

_FAVICON = base64.b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#0072b2" d="M1 2h14v9H8l-4 4v-4H1z"/></svg>'
).decode()


@dataclass(frozen=True)
class StaticFiles:
    """Paths of the shared files below the site's root, named by content; `look` and `logo` only where there is one."""

    fonts: str
    site: str
    app: str
    plotly: str
    look: str = ""
    logo: str = ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters["unbroken"] = _unbroken
    environment.globals.update(icon=svg.icon, favicon=_FAVICON)
    return environment


_SIGNED = re.compile(r"(?<!\S)[+≈\N{MINUS SIGN}]\s?\S+")


def _unbroken(text: str) -> Markup:
    """Return the text with signed figures kept on one line: browsers break between a sign and a currency symbol."""
    text = text.translate(_CONTROLS)
    parts: list[Markup] = []
    end = 0
    for found in _SIGNED.finditer(text):
        parts += [escape(text[end : found.start()]), Markup('<span class="n">{}</span>').format(found.group())]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, *range(55296, 57344)))


def _printable(value: object) -> object:
    """Return the value without characters that HTML forbids; markup is our own and stays."""
    return value.translate(_CONTROLS) if isinstance(value, str) and not isinstance(value, Markup) else value


def navigation_of(pages: Iterable[Page]) -> tuple[tuple[str, str], ...]:
    """Return name and path of those pages of a site that stand in its navigation, in order."""
    named = {page.path: page.label or page.title for page in pages}
    return tuple((named[path], path) for path in NAVIGATION if path in named)


def _says(language: str) -> dict[str, Callable[..., str]]:
    """The messages of the templates, in the language of a page's tag."""
    spoken = Voice(locale=language, currency="EUR")
    return {"say": spoken.say, "say_n": spoken.say_n}


def render(
    page: Page,
    files: StaticFiles,
    *,
    stamp: Stamp | None,
    navigation: tuple[tuple[str, str], ...] = (),
    notices: tuple[str, ...] = (),
    root: str | None = None,
) -> str:
    """Return a page of the site as HTML.

    Args:
        page: What it says.
        files: The site's shared files.
        stamp: Which publish it is from; None leaves it out, which is how a page is compared with an older one.
        navigation: Name and path of the pages that every page links to.
        notices: Banners that stand on every page.
        root: Way from the page to the site's root, such as `../`; from its path where None. An archived page has its
            own, and is static: without script.
    """
    is_archived = root is not None
    way = "../" * page.path.count("/") if root is None else root
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            files=files,
            stamp=stamp,
            navigation=navigation,
            **_says(page.language),
            banners=(*notices, *([page.banner] if page.banner else [])),
            root=way,
            policy=SITE_POLICY,
            style=None,
            logo=f"{way}{files.logo}" if files.logo else "",
            is_site=True,
            live=not is_archived,
            has_script=not is_archived and _has_live_figure(page),
        )
    )


def brief_page(page: object, look: Look) -> str:
    """Return a brief as the HTML body of a mail: every style inlined, since mail programs drop style sheets."""
    import css_inline

    style = (_HERE / "templates" / "brief.css").read_text(encoding="utf-8")
    for name, colour in brief_colours(look).items():
        style = style.replace(f"{{{name}}}", colour)
    text = _environment().get_template("brief.html").render(page=page, style=Markup(style))  # noqa: S704 - our own
    return css_inline.inline(text, keep_style_tags=False, load_remote_stylesheets=False)


def _as_data(logo: Logo) -> str:
    kind = "svg+xml" if logo.suffix == "svg" else logo.suffix
    return f"data:image/{kind};base64,{base64.b64encode(logo.content).decode()}"


def _has_live_figure(page: Page) -> bool:
    return any(
        isinstance(block, Picture) and block.figure is not None for section in page.sections for block in section.blocks
    )


def render_experiment_file(result: ExperimentResult) -> str:
    """Return the page of one experiment as a single file that needs nothing beside it: no script, styles inside.

    The one style element is allowed by its hash; fonts are data inside it.
    """
    page = experiment_report(result)
    look = result.audience.look
    style = _styles() + look_style(look)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    spoken = voice(result.audience, result.experiment.surface)
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            files=None,
            navigation=(),
            **_says(page.language),
            stamp=Stamp(0, spoken.moment(result.edition.published_at.astimezone(result.audience.zone))),
            banners=(page.banner,) if page.banner else (),
            root="",
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; {_REST.format(images='data:')}",
            style=Markup(style),  # noqa: S704 - our own style sheets
            logo="" if look.logo is None else _as_data(look.logo),
            is_site=False,
            live=False,
            has_script=False,
        )
    )


@cache
def _styles() -> str:
    text = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ("fonts.css", "site.css"))
    if "</" in text:
        raise ValueError("a style sheet must not close its element")
    return f"\n{text.strip()}\n"
