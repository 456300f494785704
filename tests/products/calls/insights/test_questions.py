from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.products.calls.insights.contract import Count, Measure
from locutory.products.calls.insights.periods import find_period
from locutory.products.calls.insights.questions import understand

KOLKATA = ZoneInfo("Asia/Kolkata")
WEDNESDAY = datetime(2026, 3, 4, 20, tzinfo=UTC)  # already Thursday in Kolkata


def asked(question: str) -> Count | None:
    return understand(question, WEDNESDAY, ZoneInfo("UTC"))


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
    ],
)
def test_a_period_is_whole_days(
    name: str, first: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    period, rest = find_period(f"calls {name} please", WEDNESDAY, ZoneInfo("UTC"))

    assert period is not None
    assert (period.since.date(), period.until.date()) == (date(*first), date(*end))
    assert rest.split() == ["calls", "please"]


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
        ("How many calls are there?", Count(measure=Measure.CALLS)),
        ("how many of our calls failed", Count(measure=Measure.CALLS, status="failed")),
        (
            "Total number of inbound calls",
            Count(measure=Measure.CALLS, direction="inbound"),
        ),
        ("Number of calls by status", Count(measure=Measure.BY_STATUS)),
        (
            "How many calls mention price?",
            Count(measure=Measure.MENTIONS, phrases=("price",)),
        ),
        (
            'How many calls mention "terms and conditions"?',
            Count(measure=Measure.MENTIONS, phrases=("terms and conditions",)),
        ),
        (
            "how many calls talked about the refund or the discount",
            Count(measure=Measure.MENTIONS, phrases=("refund", "discount")),
        ),
        (
            "What share of calls mention Zenith?",
            Count(measure=Measure.SHARE, phrases=("zenith",)),
        ),
        ("What percentage of calls failed?", Count(measure=Measure.SHARE, status="failed")),
        ("What is the average score?", Count(measure=Measure.AVERAGE_SCORE)),
        ("Which agent has the most calls?", Count(measure=Measure.BUSIEST_AGENT)),
        ("Who took the most calls?", Count(measure=Measure.BUSIEST_AGENT)),
    ],
)
def test_a_known_count_is_understood(question: str, count: Count) -> None:
    assert asked(question) == count


@pytest.mark.parametrize(
    "question",
    [
        "How many angry customers called?",
        "How many calls did Priya handle?",
        "How many calls mention price but not discount?",
        "How many calls mention price and delivery?",
        "How many failed calls mention price?",
        "Which agent has the best average score?",
        "Which agent has the most calls that mention price?",
        "What is the average score of calls that mention price?",
        "Is there a trend in complaints?",
        "How many calls between March 1 and March 3?",
        "How many calls mention ?",
        "How many failed or pending calls are there?",
        "",
    ],
)
def test_a_count_with_a_word_too_many_is_not_understood(question: str) -> None:
    assert asked(question) is None


def test_a_period_may_stand_anywhere_and_the_last_one_counts() -> None:
    early = asked("How many calls last week mention price?")
    late = asked("How many calls mention price last week?")
    follow_up = asked("How many calls mention price today and last week?")

    assert early == late == follow_up
    assert early is not None
    assert early.period is not None
    assert early.period.name == "last week"
