"""A colour means a variant: which letter, token and class the variant at a position wears, on every page and chart.

The colours themselves stand once, in `static/site.css`, for light, dark and print; Python only names them.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.registry import Experiment, Variant

#: Tokens of `site.css`, the control first. Beyond them a variant is drawn in `weak` and told apart by its letter.
ARMS = ("arm-a", "arm-b", "arm-c", "arm-d", "arm-e")
WEAK = "weak"

SERIF = "'Source Serif 4', 'Iowan Old Style', Georgia, serif"
SANS = "'Source Sans 3', 'Segoe UI', system-ui, sans-serif"


@dataclass(frozen=True)
class Arm:
    """A variant as pages show it.

    Attributes:
        letter: A for the control, then B, C, ... in the order of the registry, for the life of the experiment.
        token: Name of its colour.
    """

    variant: Variant
    letter: str
    token: str
    is_control: bool

    @property
    def id(self) -> str:
        """Variant id, as in the result tables."""
        return self.variant.id


def arms(experiment: Experiment) -> tuple[Arm, ...]:
    """Return the variants with their letters and colours, the control first."""
    return tuple(
        Arm(
            variant=variant,
            letter=chr(ord("A") + position),
            token=ARMS[position] if position < len(ARMS) else WEAK,
            is_control=position == 0,
        )
        for position, variant in enumerate(experiment.ordered_variants)
    )


def colour(token: str) -> str:
    """Return the token as a colour for Plotly, which passes it on; `app.js` puts the theme's value in its place."""
    return f"var(--{token})"
