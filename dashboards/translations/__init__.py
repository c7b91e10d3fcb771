"""The language of a report: English sentences stand in the code, every other language is one file, `<code>.po`, here.

A message is whole: a sentence or a label with named places, `"{name} leads by {amount}"`, so that another language may
order it as it likes. `python -m dashboards.translations` (`make translations`) writes new messages into every file.
"""

from __future__ import annotations

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from analysis.errors import AskwellError

FOLDER = Path(__file__).parent

#: The language that messages are written in; it needs no file.
SOURCE = "en"

#: Functions that take a message, as Babel's extraction wants them: plural forms, and a context before the message.
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "say": None,
    "say_n": (1, 2),
    "say_as": ((1, "c"), 2),
    "marked": None,
}


class TranslationError(AskwellError):
    """A report is asked for in a language that nobody has translated it into."""


def marked(message: str) -> str:
    """Return the message as it is: marks one that stands in a table and is said later, by `Voice.say`."""
    return message


def languages() -> tuple[str, ...]:
    """Return the codes of all languages that reports can be written in."""
    return tuple(sorted({SOURCE, *(file.stem for file in FOLDER.glob("*.po"))}))


@cache
def language_of(locale: str) -> str:
    """Return the language of a locale, such as `de` of `de-AT`; English where there is no file for it."""
    language = Locale.parse(locale, sep="-").language
    return language if language in languages() else SOURCE


@cache
def messages(language: str) -> NullTranslations:
    """Return the messages of a language; a message without translation is said in English.

    Raises:
        TranslationError: there is no file for the language.
    """
    if language == SOURCE:
        return NullTranslations()
    file = FOLDER / f"{language}.po"
    if not file.is_file():
        raise TranslationError(
            f'askwell.toml: publisher.language = "{language}": reports are not translated into it; '
            f"choose one of {', '.join(languages())}, or leave the key out to follow publisher.locale."
        )
    with file.open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
