"""Why a run failed, in the sentence of its own step."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg


def first_failure(events: Iterable[dg.DagsterEvent]) -> str:
    """Return the sentence of the step that failed first, or of the blocking check, without Dagster's wrapping."""
    events = list(events)
    for event in events:
        if event.is_step_failure and not _only_names_a_check(event):
            data = event.step_failure_data
            if data.user_failure_data is not None and data.user_failure_data.description:
                return data.user_failure_data.description
            error = data.error
            cause = error.cause if error is not None and error.cause is not None else error
            return f"The step {event.step_key} failed: {cause.message.strip() if cause else 'no reason was given'}"
    for event in events:
        if event.event_type_value != "ASSET_CHECK_EVALUATION":
            continue
        check = event.asset_check_evaluation_data
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR:
            return f"The check {check.check_name} failed: {check.description}"
    for event in events:
        if event.event_type is dg.DagsterEventType.RUN_FAILURE and event.message:
            return event.message
    return "The run failed; the Dagster UI (`make dev`) shows why."


def _only_names_a_check(event: dg.DagsterEvent) -> bool:
    """Whether the step failed because its blocking check did: what is wrong then stands in the check's own sentence."""
    error = event.step_failure_data.error
    return error is not None and error.cls_name == "DagsterAssetCheckFailedError"
