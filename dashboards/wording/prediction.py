"""Do words predict here? What traits learned on earlier tests said of later ones, before any table of effects."""

from __future__ import annotations

import math

from analysis.wording.result import WordingResult
from dashboards.blocks import Cell, Column, Section, Sentences, Table, TableRow
from dashboards.phrasing.voice import Voice
from dashboards.wording.rows import Row, number, query


def prediction_section(known: WordingResult, spoken: Voice) -> Section:
    """Figures out of sample beside chance and the best possible, and the calibration."""
    say, row = spoken.say, known.outcome()
    heading = say("Do words predict here?")
    asked = query(say("Every figure of the prediction"), "wording_prediction", known, "outcome = 'conversion'")
    if row["reason"] is not None:
        return Section("prediction", heading, (Sentences((_why_not(row, spoken),)),), queries=(asked,))
    rows = [
        _share_row(
            say("Pairs told right"),
            row,
            "accuracy",
            say("50% is chance, {ceiling} the best possible", ceiling=spoken.percent(number(row, "ceiling"))),
            spoken,
        )
    ]
    if row["clear_accuracy"] is not None:
        rows.append(
            _share_row(say("Among pairs that clearly differ"), row, "clear_accuracy", say("50% is chance"), spoken)
        )
    rows += [
        _decimal_row(say("Log loss"), row, "log_loss", 3, say("{number} is chance; lower is better", number=spoken.decimal(math.log(2), 3)), spoken),
        _decimal_row(say("Difference seen for one predicted"), row, "slope", 2, say("1 is calibrated; below 1 is too bold"), spoken),
    ]  # fmt: skip
    calibration = known.calibration.filter(outcome="conversion").sort("bin")
    bins = tuple(
        TableRow(
            Cell(spoken.percent(math.expm1(one["predicted"]), plus=True, digits=1)),
            (Cell(spoken.percent(math.expm1(one["observed"]), plus=True, digits=1)), Cell(spoken.count(one["pairs"]))),
        )
        for one in calibration.iter_rows(named=True)
    )
    return Section(
        "prediction",
        heading,
        (
            Table(say("How well traits predict later tests"), (Column(say("Figure")), Column(say("Value"), "", "number"), Column(say("Range"), say("95%, later tests drawn anew"), "number"), Column(say("To compare with"))), tuple(rows)),
            Table(say("Predicted and seen differences of pairs"), (Column(say("Predicted")), Column(say("Seen"), "", "number"), Column(say("Pairs"), "", "number")), bins, summary=say("Predicted and seen, by tenths of the pairs")),
        ),
        lead=say(
            "Learned on {train} earlier tests, judged on {later} later ones with {pairs} pairs of texts.",
            train=spoken.count(number(row, "train_tests")), later=spoken.count(number(row, "judged_tests")), pairs=spoken.count(number(row, "pairs")),
        ),
        queries=(asked, query(say("Predicted and seen, by tenths of the pairs"), "wording_calibration", known, "outcome = 'conversion'")),
        data=(("predicted_log_difference", "observed_log_difference", "pairs"), *calibration.select("predicted", "observed", "pairs").iter_rows()),
    )  # fmt: skip


def _why_not(row: Row, spoken: Voice) -> str:
    judged = number(row, "judged_tests")
    if row["reason"] not in ("no_dates", "no_traits") and not judged:
        return spoken.say("No later test could judge so far; thirty are needed.")
    reason = {
        "no_dates": spoken.say("No test has a day on which it ended, so that none is later than another."),
        "no_traits": spoken.say("No trait could be learned from the earlier tests."),
    }.get(str(row["reason"]))
    return reason or spoken.say_n(
        "Only {count} later test could judge so far; thirty are needed.",
        "Only {count} later tests could judge so far; thirty are needed.",
        judged,
    )


def _share_row(name: str, row: Row, figure: str, beside: str, spoken: Voice) -> TableRow:
    low, high = (spoken.percent(number(row, f"{figure}_{side}"), digits=1) for side in ("low", "high"))
    return TableRow(
        Cell(name),
        (
            Cell(spoken.percent(number(row, figure), digits=1)),
            Cell(spoken.say("{low} to {high}", low=low, high=high)),
            Cell(beside, weak=True),
        ),
    )


def _decimal_row(name: str, row: Row, figure: str, digits: int, beside: str, spoken: Voice) -> TableRow:
    low, high = (spoken.decimal(number(row, f"{figure}_{side}"), digits) for side in ("low", "high"))
    return TableRow(
        Cell(name),
        (
            Cell(spoken.decimal(number(row, figure), digits)),
            Cell(spoken.say("{low} to {high}", low=low, high=high)),
            Cell(beside, weak=True),
        ),
    )
