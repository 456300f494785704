"""Questions for counts over HTTP: each number beside the SQL that a reader would write."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

pytestmark = pytest.mark.both_databases

PRIYA = {"agent_id": "a1", "agent_name": "Priya Nair"}
ASHA = {"agent_id": "a2", "agent_name": "Asha Rao"}


@dataclass(frozen=True)
class Days:
    """As they are when a test begins: a run of all tests may pass midnight."""

    today: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    )

    @property
    def monday(self) -> datetime:
        return self.today - timedelta(days=self.today.weekday())

    @property
    def last_week(self) -> datetime:
        return self.monday - timedelta(days=3)


async def fill(archive: Any) -> Days:
    """Eight calls of two agents, five of last week and three of today; one nobody took."""
    days = Days()
    price, chat = "The price is too high.", "Good morning to you."
    call = archive.call
    inbound = {"at": days.last_week, "direction": "inbound", **PRIYA}
    await call("6004", "l1", price, overall_score=90.0, objections=["price"], **inbound)
    await call("6004", "l2", price, overall_score=70.0, objections=["price", "price"], **inbound)
    await call("6004", "l3", price, overall_score=50.0, topics=["refund", "pricing"], **inbound)
    outbound = {"at": days.last_week, "direction": "outbound", **ASHA}
    await call("6004", "l4", chat, overall_score=40.0, topics=["refund"], tags=["VIP"], **outbound)
    await call("6004", "l5", price, audio_ms=600_000, sentiment_score=-0.6, **outbound)
    await call("6004", "t1", price, at=days.today, audio_ms=60_000, objections=["trust"], **ASHA)
    await call("6004", "t2", chat, at=days.today, audio_ms=120_000, topics=["booking"], **ASHA)
    await call("6004", "t3", at=days.today, status="failed")
    await call(
        "7417", "x1", price, at=days.last_week, objections=["price"], topics=["refund"], **PRIYA
    )
    return days


async def asked(person: Any, message: str, **body: Any) -> Any:
    reply = await person.told("/rag/6004/chat", {"message": message, **body})
    assert (reply["intent"], reply["engine"]) == ("aggregate", "sql"), reply["answer"]
    assert reply["answered"]
    return reply


def numbers(reply: Any) -> dict[str, float]:
    return {row["label"]: row["value"] for row in reply["data"]["rows"]}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("How many calls mention price last week?", 4),
        ("How many inbound calls mention price?", 3),
        ("How many calls have a price objection?", 2),
        ("How many calls have an objection?", 3),
        ("How many calls with the topic refund?", 2),
        ("How many calls tagged vip?", 1),
        ("How many calls scored at least 70?", 2),
        ("How many calls scored over 70?", 1),
        ("How many calls scored between 40 and 50?", 2),
        ("How many calls lasted longer than 2 minutes?", 1),
        ("How many calls lasted at least 2 minutes?", 2),
        ("How many negative calls?", 1),
        ("How many calls did Priya handle?", 3),
        ("How many calls did Asha Rao handle last week that mention price?", 1),
        ("How many calls failed today?", 1),
        ("kitni calls aayi pichle hafte", 5),
    ],
)
async def test_calls_are_counted_under_every_condition(
    archive: Any, ana: Any, message: str, expected: int
) -> None:
    await fill(archive)

    reply = await asked(ana, message)

    (row,) = reply["data"]["rows"]
    assert (row["bid"], row["value"], row["n"]) == ("6004", expected, expected)
    assert str(expected) in reply["answer"]
    assert (reply["data"]["measure"], reply["data"]["unit"]) == ("calls", "calls")


async def test_the_count_of_a_phrase_is_the_one_of_plain_sql(archive: Any, ana: Any) -> None:
    await fill(archive)
    plain = text(
        "SELECT count(DISTINCT r.callid) FROM calls_record r JOIN knowledge_chunk c"
        " ON c.tenant_id = r.tenant_id AND c.source_id = r.callid"
        " WHERE r.tenant_id = :tenant AND lower(c.text) LIKE '%price%'"
    )
    async with archive.db("6004").read() as session:
        tenant: Any = archive.tenants["6004"].id
        tenant = tenant.hex if archive.storage.is_sqlite else tenant
        found = await session.execute(plain, {"tenant": tenant}, execution_options={"fenced": True})
        expected = found.scalar_one()

    reply = await asked(ana, "How many calls mention price?")

    assert expected == 5
    assert numbers(reply) == {"": expected}


async def test_agents_are_ranked_and_compared(archive: Any, ana: Any) -> None:
    await fill(archive)

    most = await asked(ana, "Which agent has the most calls?")
    best = await asked(ana, "Which agent has the highest average score?")
    talk = await asked(ana, "Which agent had the most calls that mention price last week?")
    each = await asked(ana, "average score by agent")
    two = await asked(ana, "Compare calls by agent this week with last week")

    assert most["answer"] == "Asha Rao has the most calls: 4."
    assert numbers(most) == {"Asha Rao": 4, "Priya Nair": 3}
    assert best["answer"] == "Priya Nair has the highest average score: 70.0 of 100 (over 3 calls)."
    assert numbers(talk) == {"Priya Nair": 3, "Asha Rao": 1}
    assert numbers(each) == {"Priya Nair": 70.0, "Asha Rao": 40.0}
    assert {r["label"]: (r["value"], r["previous"]) for r in two["data"]["rows"]} == {
        "Asha Rao": (2, 2),
        "Priya Nair": (0, 3),
    }


async def test_topics_and_objections_are_ranked_by_calls(archive: Any, ana: Any) -> None:
    await fill(archive)

    topics = await asked(ana, "What are the top 2 topics?")
    objections = await asked(ana, "Which objection is the most common?")

    assert next(iter(numbers(topics).items())) == ("refund", 2)
    assert len(numbers(topics)) == 2
    assert numbers(objections) == {"price": 2, "trust": 1}
    assert objections["answer"] == "price has the most calls: 2."


async def test_a_trend_names_every_stretch_also_the_empty_ones(archive: Any, ana: Any) -> None:
    day = await fill(archive)

    weeks = await asked(ana, "trend of calls mentioning price")
    days = await asked(ana, "average score by day last week")
    months = await asked(ana, "calls by month this year")

    labels = [str((day.monday - timedelta(weeks=7 - n)).date()) for n in range(8)]
    assert numbers(weeks) == {**dict.fromkeys(labels, 0), labels[-2]: 4, labels[-1]: 1}
    assert numbers(days)[str(day.last_week.date())] == 62.5
    assert len(numbers(days)) == 7
    assert sum(value is None for value in numbers(days).values()) == 6
    assert [row["key"] for row in weeks["data"]["rows"]] == labels
    assert (weeks["data"]["group"], days["data"]["unit"]) == ("week", "score_0_100")
    this_year = [n for n in (day.last_week, day.today) if n.year == day.today.year]
    assert sum(numbers(months).values()) == (8 if len(this_year) == 2 else 3)


async def test_shares_are_of_the_calls_that_could_have_it(archive: Any, ana: Any) -> None:
    await fill(archive)

    of_outbound = await asked(ana, "What share of outbound calls mention price?")
    outbound = await asked(ana, "What share of calls last week are outbound?")
    by_agent = await asked(ana, "share of calls with a price objection by agent")

    assert numbers(of_outbound) == {"": 50.0}
    assert numbers(outbound) == {"": 40.0}
    assert {k: round(v, 1) for k, v in numbers(by_agent).items()} == {
        "Priya Nair": 66.7,
        "Asha Rao": 0.0,
    }


async def test_two_periods_stand_beside_each_other(archive: Any, ana: Any) -> None:
    await fill(archive)

    reply = await asked(ana, "Compare this week with last")

    (row,) = reply["data"]["rows"]
    assert (row["value"], row["previous"]) == (3, 5)
    assert "-40.0 %" in reply["answer"]


async def test_a_reply_says_what_was_counted(archive: Any, ana: Any) -> None:
    day = await fill(archive)
    body = {"filters": {"direction": "inbound", "agent": "a1"}}

    reply = await asked(ana, "How many calls mention price last week?", **body)

    first: date = (day.monday - timedelta(days=7)).date()
    assert reply["filter"] == {
        "phrases": ["price"],
        "period": {
            "name": "last week",
            "from": f"{first}T00:00:00Z",
            "to": f"{day.monday.date()}T00:00:00Z",
        },
        "filters": {"direction": "inbound", "agent": "a1"},
    }
    assert numbers(reply) == {"": 3}


async def test_filters_that_contradict_a_question_are_not_guessed_away(
    archive: Any, ana: Any
) -> None:
    await fill(archive)
    body = {"message": "How many outbound calls?", "filters": {"direction": "inbound"}}

    reply = await ana.told("/rag/6004/chat", body)

    assert (reply["answered"], reply["engine"], reply["data"]) == (False, "none", None)


async def test_businesses_are_counted_apart(archive: Any) -> None:
    await fill(archive)
    bo = await archive.person("bo", "analyst", "6004", "7417")
    ask = {"message": "How many calls have a price objection?", "bids": ["6004", "7417"]}

    reply = await bo.told("/rag/chat", ask)

    assert [(row["bid"], row["value"]) for row in reply["data"]["rows"]] == [
        ("6004", 2),
        ("7417", 1),
    ]


async def test_a_lookup_carries_no_numbers(archive: Any, ana: Any) -> None:
    await fill(archive)

    reply = await ana.told("/rag/6004/chat", {"message": "Is the price too high?"})

    assert reply["answered"]
    assert (reply["data"], reply["filter"]) == (None, None)


async def test_a_follow_up_changes_the_last_count(archive: Any, ana: Any) -> None:
    await fill(archive)
    first = await asked(ana, "How many calls mention price last week?")
    session = {"session_id": first["session_id"]}

    agents = await asked(ana, "and by agent?", **session)

    assert numbers(agents) == {"Priya Nair": 3, "Asha Rao": 1}
