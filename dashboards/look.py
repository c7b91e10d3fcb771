"""The publisher's look as style: the tokens of `site.css` that it replaces, on pages and in the brief."""

from __future__ import annotations

from analysis.branding import Logo, Look
from dashboards.pictures import SCALE, light_colours

#: Height of a logo in pixels of the page, as in `site.css` and `brief.css`.
LOGO_HEIGHT = 28


def look_style(look: Look) -> str:
    """Return the rules that replace colours of `site.css`, theme by theme; empty where none does. Paper is light."""
    light = _tokens(brand=look.mark, link=look.link)
    dark = _tokens(brand=look.mark_dark, link=look.link_dark)
    return "".join(
        f"@media {medium} {{ :root {{ {tokens} }} }}\n"
        for medium, tokens in (
            ("print, (prefers-color-scheme: light)", light),
            ("screen and (prefers-color-scheme: dark)", dark),
        )
        if tokens
    )


def brief_colours(look: Look) -> dict[str, str]:
    """Return the colour tokens of a brief, which is always light."""
    colours = light_colours()
    return {**colours, "brand": look.mark or colours["ink"], "link": look.link or colours["link"]}


def logo_png(logo: Logo) -> bytes:
    """Return the logo as PNG: mail programs show no SVG."""
    if logo.suffix == "png":
        return logo.content
    import resvg_py

    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=logo.content.decode("utf-8-sig"), height=LOGO_HEIGHT * SCALE, skip_system_fonts=True
        )
    )


def _tokens(**colours: str) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items() if colour)
