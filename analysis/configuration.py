"""Read a TOML file into a frozen pydantic model, and say every mistake in it by file, key, value and what is allowed.

What the keys mean stands in `settings.py` and `registry.py`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from analysis.errors import ConfigurationError, Mistake

Model = TypeVar("Model", bound="Section")


class Section(BaseModel):
    """A table of a TOML file: frozen, and unknown keys are refused rather than ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


def read_toml(path: Path, model: type[Model], error: type[ConfigurationError], context: Any = None) -> Model:
    """Return the file as a `model`; `context` is what the model's own rules may ask for.

    Raises:
        ConfigurationError: of the type given, when the file is missing, is no TOML, or breaks a rule of the model.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(path, [Mistake("file", "", "does not exist")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise error(path, [Mistake("file", "", f"is not valid TOML ({problem})")]) from None
    except OSError as problem:
        raise error(path, [Mistake("file", "", f"cannot be read ({problem.strerror})")]) from None
    try:
        return model.model_validate(content, context=context)
    except ValidationError as problem:
        raise error(path, [_mistake(detail, model) for detail in problem.errors(include_url=False)]) from None


def _mistake(detail: Any, model: type[Section]) -> Mistake:
    location = detail["loc"]
    value = (
        "" if detail["type"] in ("missing", "value_error") and isinstance(detail["input"], dict) else detail["input"]
    )
    if detail["type"] == "extra_forbidden":
        known = ", ".join(_known_keys(model, location[:-1]))
        return Mistake(_dotted(location), _shown(value), f"unknown key; allowed here: {known}")
    if detail["type"] == "missing":
        return Mistake(_dotted(location), "", "is missing and has no default")
    message = detail["msg"].removeprefix("Value error, ")
    return Mistake(_dotted(location), _shown(value) if value != "" else "", message[:1].lower() + message[1:])


def _dotted(location: tuple[str | int, ...]) -> str:
    text = ""
    for step in location:
        text += f"[{step + 1}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text or "file"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _known_keys(model: type[Section], location: tuple[str | int, ...]) -> list[str]:
    current: Any = model
    for step in location:
        if isinstance(step, int):
            continue
        field = current.model_fields.get(step)
        if field is None:
            return []
        current = _section_of(field.annotation)
        if current is None:
            return []
    return sorted(current.model_fields)


def _section_of(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _section_of(argument)
        if found is not None:
            return found
    return None
