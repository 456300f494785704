from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.products.calls.insights.contract import (
    ANY,
    Bound,
    Count,
    Group,
    Measure,
    Names,
    Rank,
    Sentiment,
    Value,
    Where,
)
from locutory.products.calls.insights.periods import buckets, find_period
from locutory.products.calls.insights.questions import understand

KOLKATA = ZoneInfo("Asia/Kolkata")
WEDNESDAY = datetime(2026, 3, 4, 20, tzinfo=UTC)  # already Thursday in Kolkata


CALLS, SHARE, AVERAGE = Measure.CALLS, Measure.SHARE, Measure.AVERAGE
NAMES = Names(
    agents={"priya nair": ("a1", "Priya Nair"), "priya": ("a1", "Priya Nair")},
    topics={"halal catering": "halal_catering"},
    objections={"parking": "parking"},
)


def asked(question: str, names: Names | None = None) -> Count | None:
    return understand(question, WEDNESDAY, ZoneInfo("UTC"), names)


def where(**fields: Any) -> Where:
    return Where(**fields)


def score(number: float, *, least: bool = True, strict: bool = False) -> Bound:
    return Bound(value=Value.SCORE, least=least, number=number, strict=strict)


@pytest.mark.parametrize(
    ("name", "first", "end"),
    [
        ("today", (2026, 3, 4), (2026, 3, 5)),
        ("yesterday", (2026, 3, 3), (2026, 3, 4)),
        ("this week", (2026, 3, 2), (2026, 3, 9)),
        ("last week", (2026, 2, 23), (2026, 3, 2)),
        ("this month", (2026, 3, 1), (2026, 4, 1)),
        ("last month", (2026, 2, 1), (2026, 3, 1)),
        ("last year", (2025, 1, 1), (2026, 1, 1)),
        ("past 7 days", (2026, 2, 26), (2026, 3, 5)),
        ("last 2 weeks", (2026, 2, 19), (2026, 3, 5)),
        ("this quarter", (2026, 1, 1), (2026, 4, 1)),
        ("last quarter", (2025, 10, 1), (2026, 1, 1)),
        ("in february", (2026, 2, 1), (2026, 3, 1)),
        ("in november", (2025, 11, 1), (2025, 12, 1)),
        ("in march 2024", (2024, 3, 1), (2024, 4, 1)),
        ("between 2026-02-01 and 2026-02-03", (2026, 2, 1), (2026, 2, 4)),
        ("since 2026-03-02", (2026, 3, 2), (2026, 3, 5)),
        ("on 2026-03-02", (2026, 3, 2), (2026, 3, 3)),
        ("pichle hafte", (2026, 2, 23), (2026, 3, 2)),
        ("आज", (2026, 3, 4), (2026, 3, 5)),
    ],
)
def test_a_period_is_whole_days(
    name: str, first: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    period, rest = find_period(f"calls {name} please", WEDNESDAY, ZoneInfo("UTC"))

    assert period is not None
    assert (period.since.date(), period.until.date()) == (date(*first), date(*end))
    assert rest.replace("|", " ").split() == ["calls", "please"]


def test_days_are_those_of_the_business() -> None:
    period, _ = find_period("today", WEDNESDAY, KOLKATA)

    assert period is not None
    assert period.since == datetime(2026, 3, 4, 18, 30, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(["week", "month", "year"]))
def test_the_last_period_ends_where_this_one_begins(now: datetime, unit: str) -> None:
    if not 2 < now.year < 9_998:
        return
    last, _ = find_period(f"last {unit}", now, ZoneInfo("UTC"))
    this, _ = find_period(f"this {unit}", now, ZoneInfo("UTC"))

    assert last is not None
    assert this is not None
    assert last.since < last.until == this.since <= now < this.until


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ("How many calls are there?", Count(measure=CALLS)),
        ("kitni calls aayi hain", Count(measure=CALLS)),
        ("कितनी कॉल आई हैं", Count(measure=CALLS)),
        ("how many of our calls failed", Count(measure=CALLS, where=where(status="failed"))),
        (
            "Total number of inbound calls",
            Count(measure=CALLS, where=where(direction="inbound")),
        ),
        ("Number of calls by status", Count(measure=CALLS, group=Group.STATUS)),
        ("How many calls mention price?", Count(measure=CALLS, where=where(phrases=("price",)))),
        (
            'How many calls mention "terms and conditions"?',
            Count(measure=CALLS, where=where(phrases=("terms and conditions",))),
        ),
        (
            "how many calls talked about the refund or the discount",
            Count(measure=CALLS, where=where(phrases=("refund", "discount"))),
        ),
        (
            "How many failed inbound calls mention price?",
            Count(
                measure=CALLS,
                where=where(status="failed", direction="inbound", phrases=("price",)),
            ),
        ),
        (
            "What share of calls mention Zenith?",
            Count(measure=SHARE, where=where(phrases=("zenith",))),
        ),
        (
            "What % of calls mention Zenith by month?",
            Count(measure=SHARE, where=where(phrases=("zenith",)), group=Group.MONTH),
        ),
        ("What percentage of calls failed?", Count(measure=SHARE, where=where(status="failed"))),
        ("What is the average score?", Count(measure=AVERAGE, value=Value.SCORE)),
        (
            "average duration of outgoing calls in Hindi by agent",
            Count(
                measure=AVERAGE,
                value=Value.DURATION,
                where=where(direction="outbound", language="hi"),
                group=Group.AGENT,
            ),
        ),
        (
            "What is the average score of calls that mention price?",
            Count(measure=AVERAGE, value=Value.SCORE, where=where(phrases=("price",))),
        ),
        (
            "Which agent has the most calls?",
            Count(measure=CALLS, group=Group.AGENT, rank=Rank.MOST),
        ),
        ("Who took the most calls?", Count(measure=CALLS, group=Group.AGENT, rank=Rank.MOST)),
        (
            "Which agent has the most calls that mention price?",
            Count(
                measure=CALLS,
                group=Group.AGENT,
                rank=Rank.MOST,
                where=where(phrases=("price",)),
            ),
        ),
        (
            "Which agent has the lowest average score?",
            Count(measure=AVERAGE, value=Value.SCORE, group=Group.AGENT, rank=Rank.LEAST),
        ),
        (
            "top 5 topics",
            Count(measure=CALLS, group=Group.TOPIC, rank=Rank.MOST, top=5),
        ),
        (
            "Which objection is the most common?",
            Count(measure=CALLS, group=Group.OBJECTION, rank=Rank.MOST),
        ),
        (
            "How many calls have a price objection?",
            Count(measure=CALLS, where=where(objections=("price",))),
        ),
        (
            "share of calls with an objection about product fit",
            Count(measure=SHARE, where=where(objections=("product_fit",))),
        ),
        ("How many calls have an objection?", Count(measure=CALLS, where=where(objections=(ANY,)))),
        (
            "number of calls with the topic site visit",
            Count(measure=CALLS, where=where(topics=("site_visit",))),
        ),
        (
            "How many calls with a score of at least 80 are there?",
            Count(measure=CALLS, where=where(bounds=(score(80),))),
        ),
        (
            "how many calls scored below 50",
            Count(measure=CALLS, where=where(bounds=(score(50, least=False, strict=True),))),
        ),
        (
            "how many calls scored between 40 and 60",
            Count(measure=CALLS, where=where(bounds=(score(40), score(60, least=False)))),
        ),
        (
            "how many calls lasted longer than 5 minutes",
            Count(
                measure=CALLS,
                where=where(
                    bounds=(Bound(value=Value.DURATION, least=True, number=300.0, strict=True),)
                ),
            ),
        ),
        (
            "how many negative calls tagged vip",
            Count(measure=CALLS, where=where(sentiment=Sentiment.NEGATIVE, tags=("vip",))),
        ),
        (
            'how many calls are tagged "hot lead"',
            Count(measure=CALLS, where=where(tags=("hot lead",))),
        ),
        ("calls per week", Count(measure=CALLS, group=Group.WEEK)),
        (
            "Is there a trend in the average sentiment?",
            Count(measure=AVERAGE, value=Value.SENTIMENT, group=Group.WEEK),
        ),
        ("score trend by month", Count(measure=AVERAGE, value=Value.SCORE, group=Group.MONTH)),
        (
            "trend of calls mentioning refund by day",
            Count(measure=CALLS, where=where(phrases=("refund",)), group=Group.DAY),
        ),
    ],
)
def test_a_known_count_is_understood(question: str, count: Count) -> None:
    assert asked(question) == count


@pytest.mark.parametrize(
    ("question", "count"),
    [
        (
            "How many calls did Priya handle?",
            Count(measure=CALLS, where=where(agent="a1", agent_name="Priya Nair")),
        ),
        (
            "average score of Priya Nair's calls",
            Count(
                measure=AVERAGE,
                value=Value.SCORE,
                where=where(agent="a1", agent_name="Priya Nair"),
            ),
        ),
        (
            "How many calls have a parking objection?",
            Count(measure=CALLS, where=where(objections=("parking",))),
        ),
        (
            "How many calls with the topic halal catering?",
            Count(measure=CALLS, where=where(topics=("halal_catering",))),
        ),
    ],
)
def test_a_businesss_own_names_are_understood_once_they_are_known(
    question: str, count: Count
) -> None:
    assert asked(question) is None
    assert asked(question, NAMES) == count


@pytest.mark.parametrize(
    "question",
    [
        "How many angry customers called?",
        "How many calls did Priya handle?",
        "How many calls mention price but not discount?",
        "How many calls mention price and delivery?",
        "How many calls mention price that ended badly?",
        "How many calls mention positive feedback with a smile?",
        "Is there a trend in complaints?",
        "How many calls between March 1 and March 3?",
        "How many calls on 2026-02-31?",
        "How many calls mention ?",
        "How many failed or pending calls are there?",
        "How many inbound and outbound calls?",
        "How many price objections did Priya answer well?",
        "Which agent is the nicest?",
        "Which agent has calls?",
        "What was the score?",
        "What share of calls?",
        "Compare this week with the plan",
        "Compare Priya with Asha",
        "How many calls have the objection gravity?",
        "How many bedrooms did she want?",
        "Average number of bedrooms",
        "price",
        "",
    ],
)
def test_a_count_with_a_word_too_many_is_not_understood(question: str) -> None:
    assert asked(question) is None


def test_words_inside_a_phrase_are_no_conditions() -> None:
    counted = asked("How many calls mention positive feedback?")

    assert counted == Count(measure=CALLS, where=where(phrases=("positive feedback",)))


def test_a_period_may_stand_anywhere_and_the_last_one_counts() -> None:
    early = asked("How many calls last week mention price?")
    late = asked("How many calls mention price last week?")
    follow_up = asked("How many calls mention price today and last week?")

    assert early == late == follow_up
    assert early is not None
    assert early.period is not None
    assert early.period.name == "last week"


@pytest.mark.parametrize(
    "question",
    [
        "Compare calls this week with last week",
        "compare this week with last",
        "calls this week vs last week",
        "how many calls this week compared to the previous one",
        "difference between calls this week and last week",
    ],
)
def test_two_periods_are_compared(question: str) -> None:
    counted = asked(question)

    assert counted is not None
    assert counted.measure is CALLS
    assert counted.period is not None
    assert counted.versus is not None
    assert (counted.period.name, counted.versus.name) == ("this week", "last week")


def test_a_trend_has_every_stretch_of_its_period_and_none_beyond_today() -> None:
    month, _ = find_period("this month", WEDNESDAY, ZoneInfo("UTC"))
    weeks = buckets(Group.WEEK, None, WEDNESDAY, ZoneInfo("UTC"))
    days = buckets(Group.DAY, month, WEDNESDAY, ZoneInfo("UTC"))

    assert days is not None
    assert [day.name for day in days] == [f"2026-03-0{n}" for n in (1, 2, 3, 4)]
    assert weeks is not None
    assert (len(weeks), weeks[-1].name) == (8, "2026-03-02")
    assert all(one.until == two.since for one, two in pairwise(weeks))


def test_a_trend_of_too_many_stretches_is_refused() -> None:
    decade, _ = find_period("since 2015-01-01", WEDNESDAY, ZoneInfo("UTC"))

    assert buckets(Group.DAY, decade, WEDNESDAY, ZoneInfo("UTC")) is None
