"""The publisher's look: what is refused, and that the paper it is held to is the paper of the pages."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from analysis.branding import DARK_GROUNDS, LIGHT_GROUNDS, MOST_BYTES, contrast, read_logo
from analysis.errors import SettingsError
from analysis.settings import read_settings

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 28">{}</svg>'
SITE_CSS = Path(__file__).parents[2] / "dashboards" / "static" / "site.css"


def settings_file(folder: Path, branding: str) -> Path:
    file = folder / "askwell.toml"
    file.write_text(f'[publisher]\nname = "The Evening Ledger"\n\n[branding]\n{branding}\n', encoding="utf-8")
    return file


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the known near miss
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


def test_the_paper_that_colours_are_held_to_is_that_of_the_style_sheet() -> None:
    text = SITE_CSS.read_text(encoding="utf-8")
    found = re.findall(r"--paper: (#[0-9a-f]{6}); --card: (#[0-9a-f]{6});", text)
    assert found[:2] == [LIGHT_GROUNDS, DARK_GROUNDS]


@pytest.mark.parametrize(
    ("branding", "said"),
    [
        ('link = "#ff6b7d"', ("branding.link = '#ff6b7d'", "at least 4.5 to light paper", "it has 2.6", "darker")),
        ('link_dark = "#0b5a7d"', ("branding.link_dark = '#0b5a7d'", "at least 4.5 to dark paper", "lighter")),
        ('mark = "#ffe000"', ("branding.mark = '#ffe000'", "at least 3 to light paper")),
        ('mark_dark = "#202020"', ("branding.mark_dark = '#202020'", "at least 3 to dark paper")),
        ('link = "red"', ("branding.link = 'red'",)),
        ('logo = "none.svg"', ("branding.logo", "none.svg", "cannot be read")),
    ],
)
def test_what_cannot_be_read_is_refused_by_file_key_and_value(
    tmp_path: Path, branding: str, said: tuple[str, ...]
) -> None:
    file = settings_file(tmp_path, branding)
    with pytest.raises(SettingsError) as caught:
        read_settings(file)
    for part in (str(file), *said):
        assert part in str(caught.value)


def test_a_mark_may_be_paler_than_a_link(tmp_path: Path) -> None:
    settings = read_settings(settings_file(tmp_path, 'mark = "#e0523f"'))
    assert settings.look.mark == "#e0523f"
    with pytest.raises(SettingsError):
        read_settings(settings_file(tmp_path, 'link = "#e0523f"'))


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<rect onload="alert(1)"/>',
        "<foreignObject/>",
        '<html xmlns="http://www.w3.org/1999/xhtml"/>',
        '<use href="https://example.org/a.svg#b"/>',
        '<use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="javascript:alert(1)"/>',
        '<image href="file:///etc/passwd"/>',
        "<style>@import 'https://example.org/a.css'</style>",
        '<rect style="fill: url( https://example.org/a.svg#b)"/>',
        '<rect style="fill: u\\72l(//example.org)"/>',
        '<a href="#x"/>',
        "<rect>",
    ],
)
def test_an_svg_that_does_more_than_draw_is_refused(tmp_path: Path, inside: str) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(SVG.format(inside), encoding="utf-8")
    with pytest.raises(ValueError, match="must be"):
        read_logo(logo)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>',
        b'<?xml-stylesheet href="a.css"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        SVG.format("<rect/>").encode("utf-16"),
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 90_000, 20),
        b" " * (MOST_BYTES + 1),
    ],
)
def test_a_file_that_is_no_small_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    logo = tmp_path / "logo"
    logo.write_bytes(content)
    with pytest.raises(ValueError, match="must be"):
        read_logo(logo)


def test_a_drawing_with_gradients_and_style_is_taken(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(
        SVG.format(
            '<defs><linearGradient id="a"><stop stop-color="#c00"/></linearGradient></defs>'
            '<style>.b { fill: url(#a) }</style><path class="b" d="M0 0h120v28z"/><path style="fill:url(\'#a\')"/>'
        ),
        encoding="utf-8",
    )
    assert read_logo(logo).suffix == "svg"
