"""How we count: definitions, the meaning of ranges and verdicts, the glossary, and the SQL behind every number."""

from __future__ import annotations

from analysis.experiment_result import Audience
from analysis.result_tables import RESULT_TABLES
from dashboards.blocks import Cell, Column, Definitions, Page, Query, Section, Sentences, Table, TableRow
from dashboards.phrasing.names import metric_name
from dashboards.phrasing.verdicts import badge_words
from dashboards.phrasing.voice import voice
from dashboards.phrasing.words import plain
from dashboards.translations import marked

_VERDICTS = (
    (
        "fix_first",
        None,
        marked("A trust check failed. Figures are shown, the verdict is withheld until the cause is found."),
    ),
    (
        "stop_harm",
        None,
        marked("A guardrail's whole range lies beyond the margin registered for it, whatever the wording brings in."),
    ),
    ("too_early", None, marked("Fewer full days or contributors than the plan asks for.")),
    ("use_it", "proven", marked("Choosing this wording risks next to nothing, and that it does better is proven.")),
    (
        "use_it",
        "best_bet",
        marked("Choosing this wording risks next to nothing, but that it does better is not proven."),
    ),
    ("no_difference", None, marked("The whole range lies inside the smallest effect that matters.")),
    ("cannot_tell", None, marked("At this traffic an answer is not likely before the planned end.")),
    ("keep_asking", None, marked("None of the above yet; the forecast says when an answer is due.")),
)

_GLOSSARY = (
    (marked("Appeal"), marked("A request to readers for support: a donation prompt, a paywall, a membership banner.")),
    (marked("Average gift"), marked("Settled value per contributor. A description: the wording chooses who gives, so averages are not compared.")),
    (marked("Best bet"), marked("A wording whose expected loss is below the limit of the plan, without proof that it is better.")),
    (marked("Contribution"), marked("A payment of a reader: a gift, a membership fee, a subscription. A contributor has at least one that settled.")),
    (marked("Current wording"), marked("The control: what readers see where there is no test.")),
    (marked("e-value"), marked("How strongly the data speak against “no difference”, in a form that stays right however often one looks. Below 3: no evidence yet; 3 to 10: weak; 10 to 20: substantial; from 20: proven.")),
    (marked("Edition"), marked("A numbered publish of this site. It says what was known then; “data to the end of” says which days were counted.")),
    (marked("Expected loss"), marked("What choosing a wording costs on average, should another be better, weighed by how likely that is.")),
    (marked("Exposure"), marked("The first event that counts a reader in, as registered: the page carried the appeal, unless the plan says otherwise.")),
    (marked("Guardrail"), marked("Something that must not get worse by more than a margin, such as pages read or dismissals.")),
    (marked("Lift"), marked("Relative difference from the current wording.")),
    (marked("Outcome window"), marked("How long after the exposure a contribution counts.")),
    (marked("Range"), marked("Where the true difference lies with a chance of 95% however often one looks: a confidence sequence. It is wider than a range for one look.")),
    (marked("Reader"), marked("Who was randomised, and what is counted. One reader counts once, on the day of the first exposure.")),
    (marked("Settled value"), marked("Contributions in the outcome window in the reporting currency at the rate of their day, less refunds, up to the cap for one reader.")),
    (marked("Trust check"), marked("A test of the data, not of the wording: were readers split as planned, did one gift decide, were wordings counted alike.")),
    (marked("Worth a month"), marked("The expected difference ahead, a little nearer to zero than the difference seen, since the best of several usually had luck, at the traffic of the last seven days.")),
)  # fmt: skip


def about_report(audience: Audience) -> Page:
    """Return the page that says how everything is counted; the same for every edition of one version."""
    spoken = voice(audience)
    say = spoken.say
    verdicts = tuple(
        TableRow(Cell(badge_words(code, basis, spoken).words), (Cell(say(meaning)),))
        for code, basis, meaning in _VERDICTS
    )
    metrics = tuple(
        TableRow(
            Cell(metric_name(name, spoken)),
            (Cell(plain(say(metric.meaning), 400).replace("`", "")), Cell(name, weak=True)),
        )
        for name, metric in audience.metrics.items()
    )
    tables = tuple(
        TableRow(Cell(table.name), (Cell(table.grain), Cell(", ".join(table.columns), weak=True)))
        for table in RESULT_TABLES
    )
    return Page(
        path="about.html",
        title=say("How we count"),
        publisher=plain(audience.publisher),
        language=spoken.language_tag,
        kicker=(say("How we count"),),
        headline=say("What the numbers mean, and how to rebuild them"),
        standfirst=say(
            "Readers are counted, not views. Money is what settled, less refunds. A range holds however often you look. What cannot be known is left out, and the page says why."
        ),
        sections=(
            Section(
                "two-questions",
                say("Two questions, two answers"),
                (
                    Sentences(
                        (
                            say("Is it really better? That is evidence. It is given by the range and the e-value, and it may be looked at every day."),
                            say("What should we show tomorrow? That is a decision. It is given by expected loss in money. A wording can be worth showing without being proven, and the badge says which of the two it is."),
                            say("Figures of the past are what was seen. Figures of the months ahead are drawn towards zero, because a lead that was picked for being large is usually smaller."),
                        )
                    ),
                ),
            ),
            Section("verdicts", say("The verdicts"), (Table(say("Verdicts"), (Column(say("Verdict")), Column(say("When it is given"))), verdicts),), lead=say("Asked in this order; the first that holds is the verdict.")),
            Section("metrics", say("What is counted"), (Table(say("Metrics"), (Column(say("Metric")), Column(say("For one reader")), Column(say("In tables"))), metrics),)),
            Section("glossary", say("Glossary"), (Definitions(tuple((say(term), say(meaning)) for term, meaning in _GLOSSARY)),)),
            Section(
                "sql",
                say("Every number, by query"),
                (Table(say("Published tables"), (Column(say("Table")), Column(say("One row for each")), Column(say("Columns"))), tables),),
                lead=say("Pages name the query behind their numbers. The tables can be read while data is being loaded."),
                queries=(
                    Query(say("Today's comparisons"), "FROM estimates WHERE basis = 'exposed' AND segment_kind = 'all' AND as_of = (SELECT max(as_of) FROM estimates)"),
                    Query(say("All verdicts so far"), "FROM decisions ORDER BY as_of, experiment_id"),
                ),
            ),
        ),
    )  # fmt: skip
