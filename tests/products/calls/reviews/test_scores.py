"""What a call's score is: by which template, by whose answers."""

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from locutory.kernel.events.models import EventRow
from locutory.products.calls.records.models import StaleCall

if TYPE_CHECKING:
    from tests.products.calls.reviews.conftest import Floor, Person

pytestmark = pytest.mark.both_databases

STALE = select(StaleCall)
CHANGES = select(EventRow).where(EventRow.type == "call.score_changed")
CARE = {"key": "care", "value": 3}
OFFER = {"key": "offer", "value": "partly"}
POLITE = {"key": "polite", "value": True}


def by_source(call: dict[str, Any]) -> dict[str, Any]:
    return {score["source"]: score for score in call["scores"]}


async def test_the_engine_s_score_is_kept_with_its_answers(floor: "Floor") -> None:
    template_id = await floor.publish()

    call = await floor.call("one")

    [score] = call["scores"]
    assert call["score"] == score["total"] == 100
    assert (score["source"], score["template_id"], score["version"]) == ("ai", template_id, 1)
    assert (score["pass"], score["auto_fail"], score["state"]) == (True, False, "scored")
    assert score["sections"] == [
        {"name": "Opening", "total": 100},
        {"name": "Talk", "total": 100},
    ]
    greeting, talk, care = score["parameters"][:3]
    assert (greeting["value"], greeting["points"], greeting["state"]) == (True, 1, "answered")
    assert greeting["evidence"][0]["quote"] == "Good morning, how can I help?"
    assert greeting["evidence_ok"] is True
    assert (talk["value"], talk["source"], talk["na"]) == (0.4, "metric", False)
    assert (care["points"], care["state"], care["max"]) == (None, "needs_review", 4)


async def test_too_few_answers_give_no_total(floor: "Floor") -> None:
    await floor.publish()

    call = await floor.call("one", talk_ratio=None)

    [score] = call["scores"]
    assert call["score"] is None
    assert (score["state"], score["total"], score["pass"]) == ("insufficient", None, None)
    assert score["parameters"][1]["na"] is True


async def test_a_new_version_leaves_old_scores_alone(floor: "Floor") -> None:
    template_id = await floor.publish()
    await floor.call("old", talk_ratio=0.9)
    lenient = {**floor.template, "parameters": floor.template["parameters"][:1]}
    path = f"/scoring-templates/6004/{template_id}"
    await floor.admin.told("PUT", path, lenient)
    await floor.admin.told("POST", f"{path}/publish")

    new = await floor.call("new", talk_ratio=0.9)
    old = await floor.read("old")

    assert (old["scores"][0]["version"], old["score"]) == (1, 50)
    assert (new["scores"][0]["version"], new["score"]) == (2, 100)
    assert len(old["scores"][0]["parameters"]) == 5


async def test_a_person_s_answers_override_the_engine_s_which_stay(
    floor: "Floor", rita: "Person"
) -> None:
    await floor.publish()
    await floor.call("one")

    greeting = {"key": "greeting", "value": False, "comment": "that was the customer"}
    await floor.review(rita, "one", greeting, CARE, OFFER, POLITE)

    call = await floor.read("one")
    scores = by_source(call)
    # (0·3 + 1·3 + 0.75·2 + 0.5·1 + 1·1) / 10
    assert call["score"] == scores["merged"]["total"] == 60
    assert call["scores"][0]["source"] == "merged"
    assert scores["ai"]["total"] == 100
    assert [row["source"] for row in scores["merged"]["parameters"]] == [
        "human",
        "metric",
        "human",
        "human",
        "human",
    ]
    assert scores["merged"]["parameters"][0]["reason"] == "that was the customer"
    assert len(scores["human"]["parameters"]) == 4


async def test_a_failed_critical_parameter_makes_the_score_zero(
    floor: "Floor", rita: "Person"
) -> None:
    await floor.publish()
    await floor.call("one")

    await floor.review(rita, "one", {"key": "polite", "value": False})

    call = await floor.read("one")
    assert (call["score"], call["scores"][0]["auto_fail"]) == (0, True)


async def test_what_people_said_counts_again_after_a_new_analysis(
    floor: "Floor", rita: "Person"
) -> None:
    await floor.publish()
    call = await floor.call("one")
    await floor.review(rita, "one", CARE, POLITE)
    before = await floor.read("one")

    await floor.analyse(call["id"])
    await floor.analyse(call["id"])

    after = await floor.read("one")
    # (3 + 3 + 0.75·2 + 1) / 9
    assert before["score"] == after["score"] == 94.44
    assert by_source(after).keys() == {"ai", "human", "merged"}
    rows = by_source(after)["merged"]["parameters"]
    assert rows == by_source(before)["merged"]["parameters"]


async def test_a_new_version_takes_over_the_answers_that_it_still_asks_for(
    floor: "Floor", rita: "Person"
) -> None:
    template_id = await floor.publish()
    call = await floor.call("one")
    await floor.review(rita, "one", CARE, OFFER)
    parameters = [p for p in floor.template["parameters"] if p["key"] != "offer"]
    stricter = [{**p, "options": {"max": 6}} if p["key"] == "care" else p for p in parameters]
    path = f"/scoring-templates/6004/{template_id}"
    await floor.admin.told("PUT", path, {**floor.template, "parameters": stricter})
    await floor.admin.told("POST", f"{path}/publish")

    await floor.analyse(call["id"])

    after = await floor.read("one")
    # care is 3 of 6 now: (3 + 3 + 0.5·2) / 8
    assert after["score"] == 87.5
    assert after["scores"][0]["version"] == 2


async def test_a_suggested_score_counts_once_a_person_submits(
    floor: "Floor", rita: "Person"
) -> None:
    await floor.publish(grading_mode="suggest")
    suggested = await floor.call("one")

    await floor.review(rita, "one", POLITE)

    call = await floor.read("one")
    assert (suggested["score"], suggested["scores"][0]["total"]) == (None, 100)
    assert call["score"] == 100


async def test_by_hand_no_engine_answers(floor: "Floor", rita: "Person") -> None:
    await floor.publish(grading_mode="manual")
    call = await floor.call("one")

    answers = [{"key": "talk", "value": 0.45}, {"key": "greeting", "value": True}]
    await floor.review(rita, "one", *answers, CARE)

    after = await floor.read("one")
    assert (call["score"], call["scores"], call["analysis"]["quality"]) == (None, [], None)
    assert call["analysis"]["_meta"]["quality_score"]["error"] == "skipped: manual"
    # (3 + 3 + 0.75·2) / 8
    assert after["score"] == 93.75
    assert by_source(after).keys() == {"human", "merged"}


async def test_another_template_takes_a_call_over_and_the_old_score_stays_readable(
    floor: "Floor", rita: "Person"
) -> None:
    await floor.publish()
    call = await floor.call("one")
    await floor.review(rita, "one", {"key": "polite", "value": False})
    await floor.publish(name="Greeting only", parameters=floor.template["parameters"][:1])

    await floor.analyse(call["id"])

    after = await floor.read("one")
    current = [score for score in after["scores"] if score["current"]]
    assert [(score["template"], score["source"]) for score in current] == [("Greeting only", "ai")]
    assert after["score"] == 100
    assert len(after["scores"]) == 4


async def test_search_knows_the_score_that_a_person_gave(floor: "Floor", rita: "Person") -> None:
    await floor.publish()
    await floor.call("one")
    ask = {"query": "cancel", "filters": {"max_score": 10}}
    before = await rita.told("POST", "/rag/6004/search", ask)

    await floor.review(rita, "one", {"key": "polite", "value": False})
    await floor.settle()

    after = await rita.told("POST", "/rag/6004/search", ask)
    assert before["hits"] == []
    assert {hit["callid"] for hit in after["hits"]} == {"one"}


async def test_a_score_that_changes_marks_the_call_and_says_so(
    floor: "Floor", rita: "Person"
) -> None:
    await floor.publish()
    await floor.call("one")
    async with floor.db.read() as session:
        mark = (await session.scalars(STALE)).one().mark

    await floor.review(rita, "one", {"key": "polite", "value": False})

    async with floor.db.read() as session:
        stale = (await session.scalars(STALE)).one()
        events = (await session.scalars(CHANGES)).all()
    assert stale.mark != mark
    assert [event.payload for event in events] == [
        {"callid": "one", "score": 0.0, "previous": 100.0, "source": "merged"}
    ]
