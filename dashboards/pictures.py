"""Static SVG to PNG, for mail: in the light colours of the site, with fonts that come along, so that no machine matters.

The two fonts are Source Sans 3 (SIL Open Font License, beside them), its variable file cut at two weights.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from markupsafe import Markup

_HERE = Path(__file__).parent
FONTS = tuple(str(_HERE / "fonts" / f"SourceSans3-{weight}.ttf") for weight in ("Regular", "Bold"))

#: Pixels of the picture for each pixel of the page: sharp on dense screens.
SCALE = 2


def png(drawing: Markup, *, colours: dict[str, str] | None = None) -> bytes:
    """Return a chart of `svg.py` as PNG on paper. `colours` are the tokens, those of the site's style sheet by default."""
    import resvg_py

    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    if found is None:
        raise ValueError("the drawing has no size")
    width, height = (float(side) for side in found.groups())
    tokens = light_colours() if colours is None else colours
    whole = str(drawing).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=whole,
            style_sheet=_style(tokens),
            width=round(width * SCALE),
            height=round(height * SCALE),
            background=tokens["paper"],
            font_files=list(FONTS),
            skip_system_fonts=True,
            font_family="Source Sans 3",
        )
    )


def standalone(drawing: Markup) -> str:
    """Return a chart of `svg.py` as an SVG file with the light colours of the site inside."""
    tokens = light_colours()
    style = f"<style>{_style(tokens)}</style>"
    whole = str(drawing).replace(
        "<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" style="background:{tokens["paper"]}" ', 1
    )
    return re.sub(r"(<svg [^>]*>)", lambda found: found.group(1) + style, whole, count=1) + "\n"


@cache
def light_colours() -> dict[str, str]:
    """Return the colour tokens of the site's light theme by name: the style sheet is the only place they stand."""
    text = (_HERE / "static" / "site.css").read_text(encoding="utf-8")
    root = text[text.index(":root {") : text.index("@media")]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6}|rgba\([^)]*\));", root))


def _style(tokens: dict[str, str]) -> str:
    """The chart rules of the site's style sheet, with every variable replaced by its colour: once for each variant."""
    text = (_HERE / "static" / "site.css").read_text(encoding="utf-8")
    rules = re.findall(r"^\.chart (\.[a-z.-]+|text|line) (\{[^}]*\})", text, re.M)
    plain = [f"{selector} {body}" for selector, body in rules if "var(--arm)" not in body and "var(--band)" not in body]
    coloured = [
        f".{token} {selector} {body.replace('var(--arm)', f'var(--{token})').replace('var(--band)', f'var(--{token}-band)')}"
        for selector, body in rules
        if "var(--arm)" in body or "var(--band)" in body
        for token in ("arm-a", "arm-b", "arm-c", "arm-d", "arm-e", "weak")
    ]

    def colour(match: re.Match[str]) -> str:
        return tokens.get(match.group(1), "Source Sans 3" if match.group(1) == "sans" else "none")

    style = re.sub(r"var\(--([a-z-]+)\)", colour, "\n".join((*plain, *coloured)))
    return style.replace("font-weight: 650", "font-weight: 700").replace("font-weight: 600", "font-weight: 700")
