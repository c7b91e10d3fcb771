"""What metrics, steps and groups of readers are called."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.phrasing.voice import Voice
from dashboards.phrasing.words import capital, plain, sentence
from dashboards.translations import marked

_METRICS: Mapping[str, str] = {
    "value": marked("Settled value"),
    "value_uncapped": marked("Settled value without the cap"),
    "value_annualised": marked("Settled value with monthly payments counted for a year"),
    "pageviews": marked("Pages read per reader"),
    "dismissed": marked("Readers who dismissed {the_appeal}"),
    "conversion_once": marked("Gave once"),
    "conversion_recurring": marked("Gave every month or year"),
    "value_12_months": marked("Value over twelve months, under the retention stated"),
    "value_per_view": marked("Settled value per 1,000 views"),
    "bounce": marked("Readers who left after one page"),
    "return_7_days": marked("Readers who came back within seven days"),
    "ad_revenue": marked("Advertising revenue"),
    "subscription_starts": marked("Started a subscription"),
    "trial_to_paid": marked("Paid after a trial, of those who began one"),
    "subscription_value": marked("Paid for subscriptions, renewals included"),
    "cancelled_30_days": marked("Ended the subscription within 30 days, of those who started one"),
    "articles_per_blocked": marked("Pages read per blocked reader"),
}


def metric_name(metric: str, spoken: Voice) -> str:
    """Return the name of a metric as people read it."""
    if metric == "conversion":
        return capital(spoken.words.outcomes)
    if metric == "average_gift":
        return spoken.words.amount
    known, declared = _METRICS.get(metric), spoken.metrics.get(metric)
    if declared is not None and declared.label:
        return plain(declared.label)
    if known is None:
        return sentence(plain(metric.replace("_", " "))).rstrip(".")
    return spoken.say(known, the_appeal=spoken.words.the_appeal)


_STEPS: Mapping[str, str] = {
    "eligible": marked("Could see {the_appeal}"),
    "inserted": marked("Page carried {the_appeal}"),
    "viewed": marked("Saw {the_appeal}"),
    "expanded": marked("Opened it to read on"),
    "clicked": marked("Clicked"),
    "checkout_started": marked("Started the checkout"),
    "dismissed": marked("Dismissed {the_appeal}"),
    "blocked": marked("Were blocked"),
    "registered": marked("Registered"),
}


def step_name(step: str, spoken: Voice) -> str:
    """Return what readers did at a step of the funnel."""
    if step == "contributed":
        return capital(spoken.words.contributed)
    known = _STEPS.get(step)
    if known is None:
        return sentence(plain(step.replace("_", " "))).rstrip(".")
    return spoken.say(known, the_appeal=spoken.words.the_appeal)


_SEGMENT_KINDS: Mapping[str, str] = {"device": marked("device"), "reader_type": marked("kind of reader")}
_SEGMENTS: Mapping[str, str] = {
    "unknown": marked("not sent"),
    "mobile": marked("phone"),
    "desktop": marked("computer"),
    "tablet": marked("tablet"),
    "app": marked("app"),
    "other": marked("other"),
    "new": marked("new readers"),
    "returning": marked("returning readers"),
    "subscriber": marked("subscribers"),
}


def segment_kind_name(kind: str, spoken: Voice) -> str:
    """Return the name of a segmentation; one that this version does not know as it is."""
    return spoken.say(_SEGMENT_KINDS[kind]) if kind in _SEGMENT_KINDS else plain(kind.replace("_", " "), 40)


def segment_name(segment: str, spoken: Voice) -> str:
    """Return the name of a group of readers; one that comes from the publisher's own data as it is."""
    return capital(spoken.say(_SEGMENTS[segment])) if segment in _SEGMENTS else plain(segment, 40)
