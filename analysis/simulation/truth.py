"""What a sound pipeline must find: true ratios, planted faults, and how the truth was obtained."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import NothingToReport
from analysis.settings import Outcomes
from analysis.simulation import gifts
from analysis.simulation.asks import NOT_YET, Ledger
from analysis.simulation.draws import Floats
from analysis.simulation.gifts import CURRENCIES, MINOR_UNITS
from analysis.simulation.payments import NOBODY, Payments
from analysis.simulation.readers import day_bounds
from analysis.simulation.sizes import SimulationSize

TRUTH_FILE = "truth.json"
_SECOND = 1_000_000
_REFUND_SECONDS = Outcomes().refund_days * 86_400
_CAP = float(Outcomes().cap)

METHOD = (
    "Expectation, not counting. For every reader exposed, the chance to give within the outcome window (and before the "
    "end of the period) is summed over the reader's exposures under every wording, and multiplied by the mean of the gift "
    "law, net of refunds and capped, integrated exactly. Visits that a wording keeps away enter by inverse probability. "
    "Added, alike for every wording, is what other appeals, renewals and unprompted gifts brought to the same readers "
    "inside the same windows, as it happened. Two gifts of one reader count as two, which moves a ratio by less than one "
    "part in a thousand. A ratio of exactly 1 is a wording that changes nothing."
)


@dataclass(frozen=True)
class VariantTruth:
    """One wording against the control; ratios are 1 for the control.

    Attributes:
        conversion_ratio: Ratio of the expected share of readers with a settled contribution in the window.
        value_ratio: Ratio of expected settled value per reader, net of refunds, capped.
        pageviews_ratio: Ratio of expected pageviews per reader on the day of first exposure and six more.
        conversion_rate: Expected share of contributors.
        value_per_1000: Expected settled value per 1,000 readers, in pounds.
        exposed: Readers exposed in fact.
    """

    variant_id: str
    conversion_ratio: float | None
    value_ratio: float | None
    pageviews_ratio: float | None
    conversion_rate: float | None
    value_per_1000: float | None
    exposed: int


@dataclass(frozen=True)
class ExperimentTruth:
    """One experiment: `effect` names what is true of it; `null` means that no wording changes anything."""

    experiment_id: str
    effect: str
    control: str
    window_hours: int
    variants: tuple[VariantTruth, ...]

    def variant(self, variant_id: str) -> VariantTruth:
        """The truth of one wording.

        Raises:
            KeyError: there is no such wording.
        """
        for variant in self.variants:
            if variant.variant_id == variant_id:
                return variant
        raise KeyError(variant_id)


@dataclass(frozen=True)
class Planted:
    """What was put into the files on purpose.

    Attributes:
        received: Rows by kind, as files hold them.
        quarantined: Rows by kind and reason (`analysis.validation.REASONS`).
        duplicates: Rows by kind whose key another row has too, beyond the first.
        late: Rows by kind in a later delivery folder than the rest of their day.
    """

    received: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, dict[str, int]] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """The truth of a simulated publisher, as in `truth.json`. `files` are relative to its folder."""

    size: str
    readers: int
    seed: int
    first_day: str
    last_day: str
    method: str
    experiments: tuple[ExperimentTruth, ...]
    planted: Planted
    files: tuple[str, ...]

    def experiment(self, experiment_id: str) -> ExperimentTruth:
        """The truth of one experiment.

        Raises:
            KeyError: there is no such experiment.
        """
        for experiment in self.experiments:
            if experiment.experiment_id == experiment_id:
                return experiment
        raise KeyError(experiment_id)

    def as_json(self) -> str:
        """The content of `truth.json`."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def read_truth(folder: Path) -> Truth:
    """Return the truth beside a simulated publisher.

    Raises:
        NothingToReport: there is none, or it is of another version.
    """
    try:
        content: dict[str, Any] = json.loads((folder / TRUTH_FILE).read_text(encoding="utf-8"))
        experiments = tuple(
            ExperimentTruth(
                **{**experiment, "variants": tuple(VariantTruth(**variant) for variant in experiment["variants"])}
            )
            for experiment in content["experiments"]
        )
        return Truth(
            **{
                **content,
                "experiments": experiments,
                "planted": Planted(**content["planted"]),
                "files": tuple(content["files"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise NothingToReport(f"{folder / TRUTH_FILE} holds no truth of a simulation ({problem})") from None


def experiment_truth(ledger: Ledger, paid: Payments, rates: Floats, size: SimulationSize, zero: int) -> ExperimentTruth:
    """Return the truth of one experiment.

    Args:
        ledger: The experiment after its last day.
        paid: Every row of the payment provider.
        rates: Pounds for one unit, `(days, currencies)`.
        size: Of the publisher.
        zero: Start of the first day in microseconds UTC, from which the ledger counts seconds.
    """
    plan = ledger.plan
    exposed = ledger.first_at != NOT_YET
    n = int(exposed.sum())
    counts = np.bincount(ledger.variant[exposed], minlength=len(plan.wordings))
    means: dict[str, float] = dict(zip(CURRENCIES, rates.mean(axis=0).tolist(), strict=True))
    cap = _CAP if plan.cap is None else float(plan.cap)
    gift_values = np.zeros(len(plan.wordings))
    renewal_values = np.zeros(len(plan.wordings))
    for variant in range(len(plan.wordings)):
        tariff = plan.tariff_of(variant)
        gift_values[variant] = gifts.expected_value(tariff, means, cap)
        if tariff.trial_renewal is not None:
            renewal_values[variant] = (
                tariff.trial_renewal * tariff.full_price / tariff.trial_price * gift_values[variant]
            )
    givers, value = _elsewhere(ledger, paid, rates, size, zero, cap)
    conversions = ledger.givers + givers
    values = ledger.givers * gift_values + ledger.late_givers * renewal_values + value
    return ExperimentTruth(
        experiment_id=plan.id,
        effect=plan.effect,
        control=plan.wordings[0].id,
        window_hours=plan.window_hours,
        variants=tuple(
            VariantTruth(
                variant_id=wording.id,
                conversion_ratio=_ratio(conversions, place),
                value_ratio=_ratio(values, place),
                pageviews_ratio=_ratio(ledger.pages, place) if ledger.changes_reading else (1.0 if n else None),
                conversion_rate=float(conversions[place] / n) if n else None,
                value_per_1000=float(values[place] / n * 1000) if n else None,
                exposed=int(counts[place]),
            )
            for place, wording in enumerate(plan.wordings)
        ),
    )


def _ratio(sums: Floats, place: int) -> float | None:
    return float(sums[place] / sums[0]) if sums[0] > 0 else None


def _elsewhere(
    ledger: Ledger, paid: Payments, rates: Floats, size: SimulationSize, zero: int, cap: float
) -> tuple[Floats, Floats]:
    """Contributors and value that other causes brought to the experiment's readers, for each wording."""
    settled = (paid.status == 0) & (paid.reader != NOBODY)
    refunds = paid.where(settled & (paid.undoes >= 0))
    own = paid.plan == ledger.place
    other = paid.where(settled & (paid.undoes < 0) & ~own)
    first_at = ledger.first_at[other.reader]
    at = (other.at - zero) // _SECOND
    inside = (first_at != NOT_YET) & (at >= first_at) & (at < first_at + ledger.plan.window_hours * 3600)
    other, first_at = other.where(inside), first_at[inside]
    if not other.number.size:
        return np.zeros(len(ledger.plan.wordings)), np.zeros(len(ledger.plan.wordings))
    value = _pounds(other, other.at, rates, size)
    back = np.zeros(other.number.size)
    places = np.argsort(other.number)
    found = np.minimum(np.searchsorted(other.number[places], refunds.undoes), places.size - 1)
    matches = other.number[places[found]] == refunds.undoes
    target = places[found[matches]]
    refund_at = (refunds.at[matches] - zero) // _SECOND
    # A refund counts at the rate of the payment that it undoes.
    amounts = _pounds(refunds.where(matches), other.at[target], rates, size)
    in_time = refund_at < first_at[target] + _REFUND_SECONDS
    np.add.at(back, target[in_time], amounts[in_time])
    days = np.array([(day_bounds(size.day_number(day))[0] - zero) // _SECOND for day in range(size.days)])
    asked = (other.asked_at - zero) // _SECOND
    day_start = days[np.clip(np.searchsorted(days, asked, side="right") - 1, 0, size.days - 1)]
    weights = ledger.weights(ledger.variant[other.reader], first_at < day_start)
    _, once = np.unique(other.reader, return_index=True)
    return weights[once].sum(axis=0), np.clip(value - back, 0.0, cap) @ weights


def _pounds(paid: Payments, at: np.ndarray, rates: Floats, size: SimulationSize) -> Floats:
    starts = np.array([day_bounds(size.day_number(day))[0] for day in range(size.days)])
    day = np.clip(np.searchsorted(starts, at, side="right") - 1, 0, size.days - 1)
    return paid.amount / np.array(MINOR_UNITS)[paid.currency] * rates[day, paid.currency]
