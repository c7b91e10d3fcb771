"""Settings and registry: every mistake is answered by file, key, value and what is allowed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from analysis.errors import ConfigurationError, RegistryError, SettingsError
from analysis.registry import Shared, guardrails, plans, read_experiment, read_registry, shares
from analysis.settings import read_settings
from analysis.wording.lexicon import OwnTrait
from tests.builders import TestPublisher


def mistakes(problem: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return "\n".join(str(mistake) for mistake in problem.value.mistakes)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'surface = "donation"',
            'surface = "billboard"',
            "surface = 'billboard': input should be 'donation', 'paywall'",
        ),
        ('hypothesis = "', 'hypotesis = "', "hypotesis = "),
        ('hypothesis = "', 'hypotesis = "', "unknown key; allowed here: allocation, alpha, cap, control"),
        ('id = "thanks"\nname', 'id = "../../etc"\nname', "id = '../../etc': string should match pattern"),
        ('id = "thanks"\nname', 'id = "o\'clock"\nname', "string should match pattern"),
        ('control = "current"', 'control = "none"', "control = 'none' must be one of the variants: current, thanks"),
        (
            "planned_end = 2026-10-28",
            "planned_end = 2026-09-01",
            "planned_end = 2026-09-01 lies before starts = 2026-10-01",
        ),
        ("planned_end = 2026-10-28", 'planned_end = "soon"', "planned_end = 'soon': input should be a valid date"),
        ("share = 1", "share = 0", "variants[1].share = 0: input should be greater than 0"),
        ('owner = "growth@example.org"\n', "", "owner: is missing and has no default"),
        (
            'headline = "We need your help"',
            'headlin = "We"',
            "variants[1].appeal.headlin = 'We': unknown key; allowed here: amounts, body",
        ),
    ],
)
def test_a_mistake_in_a_registry_file_names_key_value_and_what_is_allowed(
    publisher: TestPublisher, old: str, new: str, said: str
) -> None:
    path = publisher.folder / "experiments" / "thanks.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RegistryError) as problem:
        read_experiment(path)
    assert said in mistakes(problem)
    assert str(path) in str(problem.value)


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ("ugency = true", "variants.traits.ugency of current is no trait; allowed: urgency, deadline"),
        ("ugency = true", "or one declared as [traits.ugency] in askwell.toml"),
        ("length = 3", "variants.traits.length of current is no trait"),
        ('urgency = "yes"', "variants[1].traits.urgency = 'yes': must be true, false, or a count of up to 1000"),
        ("urgency = 2", "variants.traits.urgency of current = 2 must be true or false"),
        ("negative_words = -1", "must be true, false, or a count"),
        ("Urgency = true", "string should match pattern"),
        ("warm = true", "variants.traits.warm is not said of thanks; no rule codes it, so say it of every variant"),
    ],
)
def test_a_mistake_in_what_people_say_of_a_wording_is_answered(
    publisher: TestPublisher, traits: str, said: str
) -> None:
    path = publisher.folder / "experiments" / "thanks.toml"
    text = path.read_text(encoding="utf-8")
    after = text.index("[[variants]]", text.index("[[variants]]") + 1)
    path.write_text(f"{text[:after]}[variants.traits]\n{traits}\n\n{text[after:]}", encoding="utf-8")
    with pytest.raises(RegistryError) as problem:
        read_experiment(path, Shared(traits={"warm": OwnTrait(name="Warm", meaning="Sounds warm.")}))
    assert said in mistakes(problem)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("[traits.urgency]\nname = 'U'\nmeaning = 'U.'", "urgency is a name that comes built in; choose another"),
        ("[traits.readers]\nname = 'R'\nmeaning = 'R.'", "readers is a name that comes built in; choose another"),
        ("[traits.warm]\nname = 'W'", "traits.warm.meaning: is missing"),
        ("[traits.warm]\nname = 'W'\nmeaning = 'W.'\nphrases = ['*']", "traits.warm.phrases[1] = '*'"),
    ],
)
def test_a_mistake_in_a_trait_of_ones_own_is_answered(publisher: TestPublisher, declared: str, said: str) -> None:
    publisher.settings_more = declared + "\n"
    publisher.write_settings()
    with pytest.raises(SettingsError) as problem:
        read_settings(publisher.folder)
    assert said in mistakes(problem)


def test_every_mistake_of_a_file_is_said_at_once(publisher: TestPublisher) -> None:
    path = publisher.register(more='alpha = 2\nsurprise = 1\nwindow_hours = "long"')
    with pytest.raises(RegistryError) as problem:
        read_experiment(path)
    assert {mistake.key for mistake in problem.value.mistakes} == {"window_hours", "alpha", "surprise"}


@pytest.mark.parametrize("text", ["id = ", "\x00\x01", "[[variants]"])
def test_a_file_that_is_no_toml_says_so(publisher: TestPublisher, text: str) -> None:
    path = publisher.folder / "experiments" / "thanks.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RegistryError, match="is not valid TOML"):
        read_experiment(path)


def test_two_files_may_not_share_an_id(publisher: TestPublisher) -> None:
    path = publisher.folder / "experiments" / "thanks.toml"
    (path.parent / "twin.toml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(RegistryError, match=r"twin\.toml.*\n.*already taken by thanks\.toml"):
        read_registry(path.parent)


def test_an_appeal_needs_words(publisher: TestPublisher) -> None:
    path = publisher.folder / "experiments" / "thanks.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('headline = "Thank you for reading", button = "Give"', ""),
        encoding="utf-8",
    )
    with pytest.raises(RegistryError, match="give at least one of headline"):
        read_experiment(path)


def test_a_missing_folder_is_a_registry_of_none(tmp_path: Path) -> None:
    assert read_registry(tmp_path / "nowhere") == ()


def test_the_control_stands_first_wherever_the_file_has_it(publisher: TestPublisher) -> None:
    path = publisher.folder / "experiments" / "thanks.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('control = "current"', 'control = "thanks"'), encoding="utf-8"
    )
    assert [variant.id for variant in read_experiment(path).ordered_variants] == ["thanks", "current"]


def test_shares_are_weights_by_epoch(publisher: TestPublisher) -> None:
    publisher.register(
        tables="[[allocation]]\nstarts_at = 2026-10-01T00:00:00\nshares = { current = 9, thanks = 1 }\n"
        "[[allocation]]\nstarts_at = 2026-10-26T00:00:00\nshares = { current = 2, thanks = 2 }\n"
    )
    (experiment,) = publisher.experiments
    frame = shares([experiment], publisher.settings.zone)
    assert frame["share"].to_list() == [0.9, 0.1, 0.5, 0.5]
    # A moment without an offset is the publisher's: midnight in London's summer time is 23:00 UTC, after it 00:00.
    assert [start.isoformat() for start, _ in experiment.epochs(publisher.settings.zone)] == [
        "2026-09-30T23:00:00+00:00",
        "2026-10-26T00:00:00+00:00",
    ]


def test_epochs_may_not_mix_moments_with_and_without_an_offset(publisher: TestPublisher) -> None:
    path = publisher.register(
        tables="[[allocation]]\nstarts_at = 2026-10-01T00:00:00\nshares = { current = 9, thanks = 1 }\n"
        "[[allocation]]\nstarts_at = 2026-10-08T00:00:00+02:00\nshares = { current = 2, thanks = 2 }\n"
    )
    with pytest.raises(RegistryError, match="an offset in every epoch or in none"):
        read_experiment(path)


def test_an_epoch_must_name_every_variant(publisher: TestPublisher) -> None:
    path = publisher.register(tables="[[allocation]]\nstarts_at = 2026-10-01T00:00:00\nshares = { current = 1 }\n")
    with pytest.raises(RegistryError, match="must name every variant once: current, thanks"):
        read_experiment(path)


def test_frames_of_no_experiment_have_their_columns(publisher: TestPublisher) -> None:
    assert plans([]).width == 12
    assert shares([], publisher.settings.zone).width == 7
    assert guardrails([]).width == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[outcomes]\nwindow_hours = 0\n", "outcomes.window_hours = 0: input should be greater than or equal to 1"),
        (
            "[outcomes]\nwindow = 7\n",
            "outcomes.window = 7: unknown key; allowed here: cap, monthly_retention, refund_days, window_hours",
        ),
        ("[surprise]\n", "surprise"),
        ('[machine]\nmemory_limit = "much"\n', "machine.memory_limit = 'much'"),
    ],
)
def test_a_mistake_in_the_settings_names_key_value_and_what_is_allowed(
    publisher: TestPublisher, more: str, said: str
) -> None:
    publisher.settings_more = more
    publisher.write_settings()
    with pytest.raises(SettingsError) as problem:
        read_settings(publisher.folder)
    assert said in mistakes(problem)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Europe/London", "Europe/Lodnon", "must be a time zone of the IANA database"),
        ('"GBP"', '"pounds"', "must be an ISO 4217 code"),
    ],
)
def test_zone_and_currency_must_exist(publisher: TestPublisher, old: str, new: str, said: str) -> None:
    path = publisher.folder / "askwell.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        read_settings(path)


def test_paths_count_from_the_settings_file(publisher: TestPublisher) -> None:
    assert publisher.settings.folders.warehouse == publisher.folder / "warehouse"


def test_an_experiments_own_window_and_cap_win(publisher: TestPublisher) -> None:
    publisher.register(more='window_hours = 24\ncap = "none"')
    (experiment,) = publisher.experiments
    assert publisher.settings.window_hours(experiment) == 24
    assert publisher.settings.cap(experiment) is None
    publisher.register(more="cap = 50")
    (experiment,) = publisher.experiments
    assert publisher.settings.cap(experiment) == Decimal(50)
