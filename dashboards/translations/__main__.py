"""Write the messages of the code into every language's file: new ones empty, those no longer said left out."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from analysis.metrics import METRICS
from analysis.wording.lexicon import built_in_traits
from dashboards.translations import FOLDER, KEYWORDS
from dashboards.wording.rows import TRAIT

#: What every file begins with: nothing that changes by itself, so that two people's additions merge.
HEADER = b"""msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

_METHODS = [("**/templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
_OPTIONS = {"**/templates/**.html": {"encoding": "utf-8", "trim_blocks": "true", "lstrip_blocks": "true"}}


def found_messages() -> Catalog:
    """Return every message of the dashboards: of Python code, of the templates, what metrics mean, and traits of wording."""
    catalogue = Catalog()
    rows: Iterable = extract_from_dir(str(FOLDER.parent), _METHODS, _OPTIONS, keywords=KEYWORDS)
    for _, _, message, _, context in rows:
        catalogue.add(message, context=context)
    for metric in METRICS.values():
        catalogue.add(metric.meaning)
    for trait in built_in_traits():
        catalogue.add(trait.name, context=TRAIT)
        catalogue.add(trait.meaning)
        if trait.unit != "present":
            catalogue.add(trait.unit)
    return catalogue


def read_language(file: Path) -> Catalog:
    """Return a language's file as it stands."""
    with file.open("rb") as source:
        return read_po(source, locale=file.stem)


def is_translated(text: object) -> bool:
    """Return whether a message (a text, or one for each plural form) has been translated."""
    return all(text) if isinstance(text, list | tuple) else bool(text)


def main() -> None:
    """Bring every file up to date, and say how many messages wait for a translation."""
    template = found_messages()
    for file in sorted(FOLDER.glob("*.po")):
        catalogue = read_language(file)
        catalogue.update(template, no_fuzzy_matching=True, update_header_comment=False)
        with file.open("wb") as target:
            target.write(HEADER)
            write_po(
                target, catalogue, no_location=True, sort_output=True, ignore_obsolete=True, width=0, omit_header=True
            )
        waiting = sum(1 for message in catalogue if message.id and not is_translated(message.string))
        sys.stdout.write(f"{file.name}: {len(catalogue)} messages, {waiting} without a translation\n")


if __name__ == "__main__":
    main()
