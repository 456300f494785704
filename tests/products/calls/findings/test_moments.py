"""Moments over HTTP, and their rules case by case."""

from collections.abc import Callable
from typing import Any

import pytest

from locutory.capabilities.interactions.contract import Role, Transcript
from locutory.products.calls.findings.moments import Rule, match

Talk = Callable[..., Transcript]
LINES = (
    "A: Good morning, this call is recorded for quality.",
    "C: Hello, my order is late and I am furious, this is terrible.",
    "A: I am sorry to hear that.",
    "C: Thank you.",
)
SILENT = (
    "A: Good morning.",
    "C: Hello, where is my order?",
)
NOTICE = {
    "key": "notice",
    "name": "Recording notice missing",
    "rule": {
        "kind": "phrase",
        "phrases": ["call is recorded"],
        "present": False,
        "role": "agent",
        "to_ms": 60_000,
    },
}
ANGER = {
    "key": "anger",
    "name": "Anger",
    "rule": {"kind": "sentiment", "role": "customer", "sentiment_below": -0.5},
}


def places(rule: Rule, transcript: Transcript) -> list[int | None]:
    return [span.first_idx for span in match(rule, transcript)]


def test_a_phrase_is_found_in_its_role_and_time(talk: Talk) -> None:
    said = talk(*LINES)

    assert places(Rule(kind="phrase", phrases=("CALL is recorded!",)), said) == [0]
    assert places(Rule(kind="phrase", phrases=("sorry", "order")), said) == [1, 2]
    assert places(Rule(kind="phrase", phrases=("sorry", "order"), role=Role.AGENT), said) == [2]
    assert places(Rule(kind="phrase", phrases=("sorry", "order"), from_ms=10_000), said) == [2]
    assert places(Rule(kind="phrase", phrases=("sorry", "order"), to_share=0.5), said) == [1]
    assert places(Rule(kind="phrase", phrases=("order",), sentiment_below=-0.3), said) == [1]
    assert places(Rule(kind="phrase", phrases=("sorry",), sentiment_above=0.3), said) == []


def test_absence_spans_the_time_that_was_looked_at(talk: Talk) -> None:
    rule = Rule(kind="phrase", phrases=("recorded",), present=False, role=Role.AGENT, to_ms=8_000)

    assert match(rule, talk(*LINES)) == []
    (span,) = match(rule, talk(*SILENT))
    assert (span.first_idx, span.last_idx, span.start_ms, span.end_ms) == (None, None, 0, 8_000)


@pytest.mark.parametrize("lines", [("A: ", "C: hello"), ("C: hello",), ("U: hello", "A: hi")])
def test_what_nobody_could_hear_is_not_absent(talk: Talk, lines: tuple[str, ...]) -> None:
    rule = Rule(kind="phrase", phrases=("recorded",), present=False, role=Role.AGENT)

    assert match(rule, talk(*lines)) == []


def test_silence_lies_between_turns(talk: Talk) -> None:
    said = talk(*LINES, gap_ms=4_000)

    assert [
        (span.start_ms, span.end_ms) for span in match(Rule(kind="silence", min_ms=4_000), said)
    ] == [(5_000, 9_000), (14_000, 18_000), (23_000, 27_000)]
    assert places(Rule(kind="silence", min_ms=4_000, role=Role.CUSTOMER), said) == [0, 2]
    assert places(Rule(kind="silence", min_ms=4_001), said) == []


def test_an_interruption_is_speech_into_the_others_turn(talk: Talk) -> None:
    said = talk(*LINES, gap_ms=-1_000)

    assert places(Rule(kind="interruption", min_ms=1_000), said) == [0, 1, 2]
    assert places(Rule(kind="interruption", min_ms=1_000, role=Role.AGENT), said) == [1]
    assert places(Rule(kind="interruption", min_ms=1_001), said) == []


def test_a_feeling_is_found_by_its_bound(talk: Talk) -> None:
    rule = Rule(kind="sentiment", role=Role.CUSTOMER, sentiment_below=-0.5)

    assert places(rule, talk(*LINES)) == [1]


@pytest.mark.both_databases
async def test_moments_are_told_once_and_shown_by_later_analyses(desk: Any) -> None:
    for rule in (NOTICE, ANGER):
        await desk.told("POST", "/moments/BID", 201, json=rule)
    await desk.analysed("c1", *LINES)
    await desk.analysed("c2", *SILENT)

    await desk.told("POST", "/objections/BID/reclassify", 202, json={})
    await desk.work()

    told = [(e["callid"], e["rule_key"], e["name"]) for e in await desk.events("moment.matched")]
    assert sorted(told) == [
        ("c1", "anger", "Anger"),
        ("c2", "notice", "Recording notice missing"),
    ]


@pytest.mark.both_databases
async def test_a_new_rule_reaches_earlier_calls_by_a_run(desk: Any) -> None:
    await desk.analysed("c1", *LINES)
    await desk.told("POST", "/moments/BID", 201, json=ANGER)
    assert await desk.events("moment.matched") == []

    await desk.told("POST", "/objections/BID/reclassify", 202, json={})
    await desk.work()

    (event,) = await desk.events("moment.matched")
    assert (event["callid"], event["start_ms"], event["end_ms"]) == ("c1", 5_000, 10_000)


@pytest.mark.both_databases
async def test_a_rule_is_tried_without_writing(desk: Any) -> None:
    await desk.analysed("c1", *LINES)
    await desk.call("c2", "A: ", "C: ")
    made = await desk.told("POST", "/moments/BID", 201, json=NOTICE)
    path = f"/moments/BID/{made['id']}/test"

    stored = await desk.told("POST", path, json={"callids": ["c1", "c2"]})
    draft = await desk.told("POST", path, json={"callids": ["c1"], "rule": ANGER["rule"]})

    assert [(row["callid"], row["matched"], row["has_words"]) for row in stored["items"]] == [
        ("c1", False, True),
        ("c2", False, False),
    ]
    (row,) = draft["items"]
    assert row["spans"] == [
        {
            "first_idx": 1,
            "last_idx": 1,
            "start_ms": 5_000,
            "end_ms": 10_000,
            "quote": "Hello, my order is late and I am furious, this is terrible.",
        }
    ]
    assert await desk.events("moment.matched") == []
    missing = await desk.told("POST", path, 404, json={"callids": ["c1", "nowhere"]})
    assert missing["error_code"] == "CALL_NOT_FOUND"


async def test_a_changed_rule_is_told_as_whole_as_a_new_one(desk: Any) -> None:
    made = await desk.told("POST", "/moments/BID", 201, json=NOTICE)
    silence = {"rule": {"kind": "silence", "min_ms": 1500}}

    changed = await desk.told("PATCH", f"/moments/BID/{made['id']}", json=silence)

    assert changed["rule"].keys() == made["rule"].keys()
    assert (changed["rule"]["kind"], changed["rule"]["min_ms"]) == ("silence", 1500)


@pytest.mark.both_databases
async def test_rules_are_listed_changed_and_forgotten(desk: Any) -> None:
    made = await desk.told("POST", "/moments/BID", 201, json=NOTICE)
    path = f"/moments/BID/{made['id']}"
    changed = await desk.ask("PATCH", path, json={"enabled": False}, headers={"If-Match": '"1"'})
    late = await desk.ask("PATCH", path, json={"name": "x"}, headers={"If-Match": '"1"'})
    await desk.analysed("c1", *SILENT)

    listed = await desk.told("GET", "/moments/BID")

    assert (changed.status_code, changed.headers["etag"], late.status_code) == (200, '"2"', 412)
    assert [(row["key"], row["enabled"], row["version"]) for row in listed["items"]] == [
        ("notice", False, 2)
    ]
    assert await desk.events("moment.matched") == []
    taken = await desk.told("POST", "/moments/BID", 409, json=NOTICE)
    assert taken["error_code"] == "MOMENT_TAKEN"
    await desk.told("DELETE", path, 204)
    await desk.told("DELETE", path, 404)
    assert (await desk.told("GET", "/moments/BID"))["items"] == []
    assert await desk.deeds("moment:notice") == ["moment.create", "moment.update", "moment.delete"]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "phrase"},
        {"kind": "phrase", "phrases": ["!!"]},
        {"kind": "sentiment"},
        {"kind": "silence"},
        {"kind": "silence", "min_ms": 1000, "present": False},
        {"kind": "dance"},
        {"kind": "silence", "min_ms": 1000, "colour": "red"},
    ],
)
async def test_a_rule_that_could_never_match_is_refused(desk: Any, rule: dict[str, Any]) -> None:
    reply = await desk.ask("POST", "/moments/BID", json={"key": "x", "name": "X", "rule": rule})

    assert reply.status_code == 422
