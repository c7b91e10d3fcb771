"""The publisher's look: a logo and the colours of marks and links, checked before any page wears them.

A logo comes from outside and is treated as hostile: a small PNG, or an SVG of shapes alone that names nothing beyond
itself. Contrast is that of WCAG 2.2 (1.4.3 for text, 1.4.11 for marks).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree

from pydantic import Field, field_validator

from analysis.configuration import Section

#: What text stands on in either theme, as in `dashboards/static/site.css` (a test holds them equal).
LIGHT_GROUNDS = ("#fbfaf7", "#ffffff")
DARK_GROUNDS = ("#141517", "#1c1e21")

TEXT_CONTRAST = 4.5
MARK_CONTRAST = 3.0

#: Bytes of a logo at most: every reader loads it with the first page.
MOST_BYTES = 64_000
#: Pixels of a PNG's longer side at most.
MOST_PIXELS = 4_000

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = frozenset(
    [
        "svg",
        "g",
        "defs",
        "symbol",
        "use",
        "title",
        "desc",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "style",
        "linearGradient",
        "radialGradient",
        "stop",
        "clipPath",
        "mask",
        "pattern",
    ]
)

Colour = Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$")]


class Branding(Section):
    """The publisher's look on pages and in the brief; empty keeps Askwell's.

    Attributes:
        logo: PNG or SVG that stands in place of the publisher's name.
        mark: Colour of the line above every page, on light paper; `mark_dark` the same on dark paper.
        link: Colour of links and of what has the focus, on light paper; `link_dark` the same on dark paper.
    """

    logo: Path | None = None
    mark: Colour = ""
    mark_dark: Colour = ""
    link: Colour = ""
    link_dark: Colour = ""

    @field_validator("mark", "link")
    @classmethod
    def _on_light(cls, value: str, info: object) -> str:
        return _readable(value, LIGHT_GROUNDS, "light", "darker", getattr(info, "field_name", ""))

    @field_validator("mark_dark", "link_dark")
    @classmethod
    def _on_dark(cls, value: str, info: object) -> str:
        return _readable(value, DARK_GROUNDS, "dark", "lighter", getattr(info, "field_name", ""))


@dataclass(frozen=True)
class Logo:
    """A logo that has been checked.

    Attributes:
        suffix: `png` or `svg`.
    """

    suffix: str
    content: bytes


@dataclass(frozen=True)
class Look:
    """The publisher's look in force: colours as #rrggbb, empty where Askwell's own stay."""

    logo: Logo | None = None
    mark: str = ""
    mark_dark: str = ""
    link: str = ""
    link_dark: str = ""


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (#rrggbb), 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def read_logo(path: Path) -> Logo:
    """Return the logo in a file.

    Raises:
        ValueError: saying what is allowed; the caller names file and key.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"must be at most {MOST_BYTES // 1000} kB; a smaller picture or a simpler drawing will do")
    if content.startswith(_PNG):
        _check_png(content)
        return Logo("png", content)
    _check_svg(content)
    return Logo("svg", content)


def _check_png(content: bytes) -> None:
    if len(content) < 24 or content[12:16] != b"IHDR":
        raise ValueError("must be a whole PNG")
    width, height = struct.unpack(">II", content[16:24])
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        raise ValueError(f"must be at most {MOST_PIXELS} pixels wide and high; it is {width} by {height}")


def _check_svg(content: bytes) -> None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("must be a PNG, or an SVG in UTF-8") from None
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper() or "<?xml-" in text.lower():
        raise ValueError("must be an SVG without DOCTYPE, entities and style sheets of its own; save it as plain SVG")
    try:
        root = ElementTree.fromstring(text.encode())  # noqa: S314 - small, and without entities by the line above
    except ElementTree.ParseError:
        raise ValueError("must be a PNG, or a well-formed SVG") from None
    if root.tag != f"{_SVG}svg":
        raise ValueError("must be a PNG, or an SVG whose outermost element is svg")
    for element in root.iter():
        name = str(element.tag).removeprefix(_SVG)
        if name not in _SHAPES:
            raise ValueError(f"must be an SVG of shapes alone; it holds {name[:60]!r}: save it as plain SVG")
        for key, value in element.attrib.items():
            own = key.rpartition("}")[2].lower()
            if own.startswith("on") or (own == "href" and not value.strip().startswith("#")) or _leads_away(value):
                raise ValueError(f"must be an SVG without scripts and links; {name} has {own[:60]!r}")
        if name == "style" and _leads_away(element.text or ""):
            raise ValueError("must be an SVG whose style names nothing outside the file")


def _leads_away(style: str) -> bool:
    """Whether a style or attribute names something outside the drawing; an escape may hide one and is refused too."""
    return bool(re.search(r"@import|\\|javascript:|url\(\s*['\"]?(?!#|['\"#])", style, re.IGNORECASE))


def _readable(value: str, grounds: tuple[str, ...], theme: str, way: str, key: str) -> str:
    least = TEXT_CONTRAST if key.startswith("link") else MARK_CONTRAST
    found = min((contrast(value, ground) for ground in grounds), default=0.0) if value else least
    if found < least:
        raise ValueError(
            f"must have a contrast of at least {least:g} to {theme} paper ({', '.join(grounds)}); "
            f"it has {int(found * 10) / 10:g}: choose a {way} one"
        )
    return value


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
