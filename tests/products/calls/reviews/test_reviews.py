"""Reviews: assigned, answered, accepted or disputed, resolved."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from locutory.kernel.audit.models import AuditRow
from locutory.kernel.db import Session
from locutory.kernel.events.models import EventRow
from locutory.products.calls.records.contract import CallNotFound
from locutory.products.calls.reviews.contract import NotYourReview, ReviewNotFound
from locutory.products.calls.reviews.models import CallReview, CallScore
from locutory.products.calls.reviews.schemas import DisputeWrite, ReviewCreate, ReviewQueue
from locutory.products.calls.reviews.service import reading, reviews
from locutory.products.calls.reviews.viewers import Viewer

if TYPE_CHECKING:
    from tests.conftest import Resident
    from tests.products.calls.reviews.conftest import Floor, Person

pytestmark = pytest.mark.both_databases

CALL = "/call-records/6004/one/reviews"
IMPOLITE = {"key": "polite", "value": False}
POLITE = {"key": "polite", "value": True}
DISPUTE = {"reasons": [{"key": "polite", "reason": "I said please"}]}


@pytest.fixture
async def one(floor: "Floor") -> dict[str, Any]:
    """An analysed call of score 100."""
    await floor.publish()
    return await floor.call("one")


async def told(floor: "Floor", kind: str) -> list[str]:
    """The types of events, or the deeds of the audit log, about reviews."""
    async with floor.db.read() as session:
        if kind == "events":
            wanted = select(EventRow.type).where(EventRow.type.like("review.%"))
            return list(await session.scalars(wanted.order_by(EventRow.at_ms, EventRow.id)))
        deeds = select(AuditRow.action).where(AuditRow.action.like("review.%"))
        return list(await session.scalars(deeds.order_by(AuditRow.at_ms, AuditRow.id)))


async def test_a_review_is_assigned_answered_in_parts_and_submitted(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    made = await sam.told("POST", CALL, {"reviewer_id": str(rita.id)})
    path = f"/reviews/{made['id']}"

    kept = await rita.told("PATCH", path, {"answers": [POLITE], "comment": "so far"})
    between = await floor.read("one")
    final = [IMPOLITE, {"key": "care", "na": True}]
    done = await rita.told("PATCH", path, {"answers": final, "state": "submitted"})
    after = await floor.read("one")

    assert (made["state"], made["allowed"]) == ("open", ["edit", "submit"])
    assert (made["callid"], made["agent"], made["bid"]) == ("one", "Asha", "6004")
    assert (kept["state"], kept["answers"][0]["value"]) == ("open", True)
    assert between["score"] == 100
    assert (done["state"], done["total"]) == ("submitted", 0)
    assert done["allowed"] == ["acknowledge", "dispute"]
    assert after["score"] == 0
    assert [review["state"] for review in after["reviews"]] == ["submitted"]
    assert await told(floor, "events") == ["review.assigned", "review.submitted"]
    assert await told(floor, "audit") == ["review.assign", "review.edit", "review.submit"]


async def test_every_answer_that_does_not_fit_is_named(
    floor: "Floor", one: Any, rita: "Person"
) -> None:
    answers = [
        {"key": "charm", "value": True},
        {"key": "care", "value": 5},
        {"key": "care", "value": 4},
        {"key": "offer", "value": "maybe"},
        {"key": "polite", "na": True},
        {"key": "talk", "value": 0.3, "na": True},
        {"key": "greeting", "value": 1},
    ]

    reply = await rita.ask("POST", CALL, {"answers": answers, "state": "submitted"})

    assert reply.status_code == 422
    assert [(f["field"], f["code"]) for f in reply.json()["errors"]] == [
        ("answers.0.key", "PARAMETER_UNKNOWN"),
        ("answers.1.value", "VALUE_INVALID"),
        ("answers.2.key", "PARAMETER_TWICE"),
        ("answers.3.value", "VALUE_INVALID"),
        ("answers.4.na", "NA_NOT_ALLOWED"),
        ("answers.5.value", "VALUE_INVALID"),
        ("answers.6.value", "VALUE_INVALID"),
    ]
    assert (await floor.read("one"))["reviews"] == []
    nothing = await rita.refused("POST", CALL, {"state": "submitted"})
    assert nothing == (422, "ANSWERS_INVALID")


async def test_a_review_without_reviewer_belongs_to_whoever_takes_it(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    made = await sam.told("POST", CALL, {"reviewer_id": None})
    path = f"/reviews/{made['id']}"

    taken = await rita.told("PATCH", path, {"answers": [POLITE]})

    assert (made["reviewer_id"], taken["reviewer_id"]) == (None, str(rita.id))
    late = await sam.refused("PATCH", path, {"answers": [IMPOLITE]})
    assert late == (403, "NOT_YOUR_REVIEW")
    handed = await sam.told("PATCH", path, {"reviewer_id": str(sam.id)})
    assert handed["reviewer_id"] == str(sam.id)
    assert (await sam.ask("PATCH", path, {"state": "submitted"})).status_code == 200


async def test_only_who_may_review_can_be_assigned(
    floor: "Floor", one: Any, sam: "Person", rita: "Person"
) -> None:
    viewer = await floor.person("vera", "viewer")

    for nobody in (viewer.id, uuid4()):
        refused = await sam.refused("POST", CALL, {"reviewer_id": str(nobody)})
        assert refused == (422, "REVIEWER_UNKNOWN")
    await sam.told("POST", CALL, {"reviewer_id": str(rita.id)})
    twice = await sam.refused("POST", CALL, {"reviewer_id": str(rita.id)})
    assert twice == (409, "ALREADY_ASSIGNED")
    assert await viewer.refused("POST", CALL, {}) == (403, "SCOPE_MISSING")
    assert await viewer.refused("GET", CALL) == (403, "SCOPE_MISSING")


async def test_each_state_says_what_it_allows(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    made = await rita.told("POST", CALL, {})
    path = f"/reviews/{made['id']}"
    resolve = {"outcome": "uphold"}

    async def refused(person: "Person", method: str, tail: str, body: Any) -> list[str]:
        reply = await person.ask(method, path + tail, body)
        assert (reply.status_code, reply.json()["error_code"]) == (409, "REVIEW_STATE")
        allowed: list[str] = reply.json()["allowed"]
        return allowed

    assert await refused(rita, "POST", "/acknowledge", None) == ["edit", "submit"]
    assert await refused(rita, "POST", "/dispute", DISPUTE) == ["edit", "submit"]
    await rita.told("PATCH", path, {"answers": [IMPOLITE], "state": "submitted"})
    assert await refused(rita, "PATCH", "", {"comment": "x"}) == ["acknowledge", "dispute"]
    assert await refused(sam, "POST", "/resolve", resolve) == ["acknowledge", "dispute"]
    await sam.told("POST", f"{path}/dispute", DISPUTE)
    assert await refused(sam, "POST", "/acknowledge", None) == ["resolve"]
    await sam.told("POST", f"{path}/resolve", resolve)
    assert await refused(sam, "POST", "/resolve", resolve) == []
    assert await refused(sam, "POST", "/dispute", DISPUTE) == []


async def test_a_dispute_that_is_upheld_leaves_the_score(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    review = await floor.review(rita, "one", IMPOLITE)
    path = f"/reviews/{review['id']}"

    disputed = await sam.told("POST", f"{path}/dispute", DISPUTE)
    mixed = await sam.refused("POST", f"{path}/resolve", {"outcome": "uphold", "answers": [POLITE]})
    resolved = await sam.told("POST", f"{path}/resolve", {"outcome": "uphold", "comment": "no"})

    assert disputed["dispute"]["reasons"] == {"polite": "I said please"}
    assert disputed["state"] == "disputed"
    assert mixed == (422, "ANSWERS_INVALID")
    assert (resolved["state"], resolved["resolution"]["outcome"]) == ("resolved", "uphold")
    assert (await floor.read("one"))["score"] == 0
    assert await told(floor, "events") == [
        "review.assigned",
        "review.submitted",
        "review.disputed",
        "review.resolved",
    ]


async def test_a_dispute_that_is_overturned_changes_the_score(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    review = await floor.review(rita, "one", IMPOLITE)
    path = f"/reviews/{review['id']}"
    await sam.told("POST", f"{path}/dispute", DISPUTE)

    without = await sam.refused("POST", f"{path}/resolve", {"outcome": "overturn"})
    final = {"outcome": "overturn", "answers": [POLITE]}
    resolved = await sam.told("POST", f"{path}/resolve", final)

    assert without == (422, "ANSWERS_INVALID")
    assert resolved["resolution"]["answers"][0]["value"] is True
    call = await floor.read("one")
    assert call["score"] == 100
    assert call["scores"][0]["parameters"][-1]["value"] is True


async def test_a_dispute_names_parameters_and_comes_within_seven_days(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    review = await floor.review(rita, "one", IMPOLITE)
    path = f"/reviews/{review['id']}/dispute"
    unknown = {"reasons": [{"key": "charm", "reason": "I have it"}]}

    assert await sam.refused("POST", path, unknown) == (422, "ANSWERS_INVALID")
    assert (await sam.ask("POST", path, {"reasons": []})).status_code == 422
    await ago(floor, CallReview, "submitted_at", timedelta(days=7, seconds=1))
    assert await sam.refused("POST", path, DISPUTE) == (409, "DISPUTE_TOO_LATE")
    await ago(floor, CallReview, "submitted_at", timedelta(days=6, hours=23))
    assert (await sam.ask("POST", path, DISPUTE)).status_code == 200


async def test_a_score_that_nobody_reviewed_can_be_disputed(
    floor: "Floor", one: Any, sam: "Person"
) -> None:
    body = {"kind": "dispute", "reasons": [{"key": "talk", "reason": "the line was bad"}]}

    made = await sam.told("POST", CALL, body)
    again = await sam.refused("POST", CALL, body)
    final = {"outcome": "overturn", "answers": [{"key": "talk", "na": True}, IMPOLITE]}
    await sam.told("POST", f"/reviews/{made['id']}/resolve", final)

    assert (made["kind"], made["state"], made["allowed"]) == ("dispute", "disputed", ["resolve"])
    assert again == (409, "ALREADY_ASSIGNED")
    assert (await floor.read("one"))["score"] == 0
    await ago(floor, CallScore, "scored_at", timedelta(days=8))
    assert await sam.refused("POST", CALL, body) == (409, "DISPUTE_TOO_LATE")
    assert (await sam.ask("POST", CALL, {"kind": "dispute"})).status_code == 422


async def test_a_dispute_is_news(floor: "Floor", one: Any, rita: "Person", sam: "Person") -> None:
    review = await floor.review(rita, "one", IMPOLITE)

    await sam.told("POST", f"/reviews/{review['id']}/dispute", DISPUTE)
    await floor.settle()

    news = [item["news"] for item in (await sam.told("GET", "/notices/6004"))["items"]]
    assert "review.disputed" in news


async def ago(floor: "Floor", model: Any, column: str, age: timedelta) -> None:
    async def move(tx: Session) -> None:
        await tx.execute(update(model).values({column: datetime.now(UTC) - age}))

    await floor.db.write(move)


async def test_an_acknowledged_review_is_over(floor: "Floor", one: Any, rita: "Person") -> None:
    review = await floor.review(rita, "one", POLITE)

    done = await rita.told("POST", f"/reviews/{review['id']}/acknowledge")

    assert (done["state"], done["allowed"]) == ("acknowledged", [])
    assert done["acknowledged_at"] is not None


async def test_the_answers_of_a_calibration_stay_blind_until_one_s_own(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    olga = await floor.person("olga", "reviewer")
    mine = {}
    for person in (rita, olga):
        body = {"kind": "calibration", "reviewer_id": str(person.id)}
        mine[person.id] = (await sam.told("POST", CALL, body))["id"]
    submit = {"answers": [IMPOLITE], "comment": "rude", "state": "submitted"}
    await rita.told("PATCH", f"/reviews/{mine[rita.id]}", submit)

    async def seen_by(person: "Person") -> list[tuple[bool, int, str, bool]]:
        listed = (await person.told("GET", CALL))["items"]
        queued = (await person.told("GET", "/reviews?kind=calibration"))["items"]
        assert {row["id"]: row for row in queued} == {row["id"]: row for row in listed}
        return [
            (row["hidden"], len(row["answers"]), row["comment"], row["total"] is None)
            for row in listed
        ]

    passer_by = await floor.person("paul", "reviewer")
    assert await seen_by(olga) == [(True, 0, "", True), (False, 0, "", True)]
    assert await seen_by(passer_by) == [(True, 0, "", True), (True, 0, "", True)]
    assert (await seen_by(sam))[0] == (False, 1, "rude", False)
    call = await floor.read("one")
    assert call["score"] == 100
    assert [review["total"] for review in call["reviews"]] == [None, None]

    await olga.told("PATCH", f"/reviews/{mine[olga.id]}", {**submit, "answers": [POLITE]})

    assert [row[:2] for row in await seen_by(olga)] == [(False, 1), (False, 1)]
    assert (await floor.read("one"))["score"] == 100
    twice = await sam.refused("POST", CALL, {"kind": "calibration", "reviewer_id": str(olga.id)})
    assert twice == (409, "ALREADY_ASSIGNED")


async def test_the_queue_shows_what_is_due_first(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    await floor.call("two")
    made = []
    for callid, day, kind, person in (
        ("one", 3, "review", rita),
        ("two", 1, "review", rita),
        ("one", 2, "calibration", sam),
    ):
        body = {
            "kind": kind,
            "reviewer_id": str(person.id),
            "due_at": f"2026-02-0{day}T00:00:00Z",
        }
        made.append(await sam.told("POST", f"/call-records/6004/{callid}/reviews", body))
    one_, two, three = (review["id"] for review in made)

    async def queue(query: str) -> list[str]:
        page = await rita.told("GET", f"/reviews?{query}")
        return [row["id"] for row in page["items"]]

    assert await queue("") == [two, three, one_]
    assert await queue("mine=true") == [two, one_]
    assert await queue("kind=calibration") == [three]
    assert await queue("due=2026-02-02T00:00:00Z") == [two]
    assert await queue("state=submitted") == []
    assert await queue("bid=6004&state=open&kind=review&mine=true") == [two, one_]
    first = await rita.told("GET", "/reviews?limit=2")
    rest = await rita.told("GET", f"/reviews?limit=2&cursor={first['next_cursor']}")
    assert [row["id"] for row in first["items"] + rest["items"]] == [two, three, one_]
    assert rest["next_cursor"] is None
    assert await rita.refused("GET", "/reviews?bid=7417") == (404, "BID_NOT_FOUND")
    assert (await rita.ask("GET", "/reviews?colour=red")).status_code == 422


async def test_another_business_s_review_is_as_unknown_as_none(
    floor: "Floor", one: Any, rita: "Person", theirs: "Resident"
) -> None:
    review = await floor.review(rita, "one", POLITE)

    for id_ in (review["id"], str(UUID(int=1))):
        for method, tail, body in (
            ("PATCH", "", {}),
            ("POST", "/acknowledge", None),
            ("POST", "/dispute", DISPUTE),
            ("POST", "/resolve", {"outcome": "uphold"}),
        ):
            reply = await theirs.ask(method, f"/reviews/{id_}{tail}", json=body)
            assert (reply.status_code, reply.json()["error_code"]) == (404, "REVIEW_NOT_FOUND")
    assert (await theirs.ask("GET", "/reviews")).json()["items"] == []


async def test_of_two_who_resolve_at_once_one_does(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    review = await floor.review(rita, "one", IMPOLITE)
    path = f"/reviews/{review['id']}"
    await sam.told("POST", f"{path}/dispute", DISPUTE)
    bodies = ({"outcome": "uphold"}, {"outcome": "overturn", "answers": [POLITE]})

    replies = await asyncio.gather(*(sam.ask("POST", f"{path}/resolve", b) for b in bodies))

    assert sorted(reply.status_code for reply in replies) == [200, 409]
    won = next(reply.json() for reply in replies if reply.status_code == 200)
    expected = 100 if won["resolution"]["outcome"] == "overturn" else 0
    assert (await floor.read("one"))["score"] == expected


async def test_an_agent_sees_and_disputes_what_was_said_of_their_own_calls(
    floor: "Floor", one: Any, rita: "Person", sam: "Person"
) -> None:
    await floor.call("two", agent_id="a2")
    said = await floor.review(rita, "one", IMPOLITE)
    open_ = await sam.told("POST", CALL, {"reviewer_id": str(rita.id)})
    blind = await floor.review(rita, "one", IMPOLITE, kind="calibration")
    foreign = await floor.review(rita, "two", IMPOLITE)
    asha = Viewer(id=uuid4(), key="user:asha", bid="6004", supervises=False, own=("a1",))
    everything, data = ReviewQueue(), DisputeWrite.model_validate(DISPUTE)

    listed = await reading.of_call(floor.db, asha, "one")
    queued = await reading.queue(floor.server.storage, [(floor.tenant_id, asha)], everything)
    with pytest.raises(CallNotFound):
        await reading.of_call(floor.db, asha, "two")
    for unseen in (open_, blind, foreign):
        with pytest.raises(ReviewNotFound):
            await floor.db.write(lambda tx, r=unseen: reviews.acknowledge(tx, asha, UUID(r["id"])))
    with pytest.raises(NotYourReview):
        await floor.db.write(lambda tx: reviews.assign(tx, asha, "one", ReviewCreate()))
    disputed = await floor.db.write(lambda tx: reviews.dispute(tx, asha, UUID(said["id"]), data))

    assert [str(row.id) for row in listed.items] == [said["id"]]
    assert [str(row.id) for row in queued.items] == [said["id"]]
    assert disputed.dispute is not None
    assert disputed.dispute["by"] == "user:asha"


async def test_who_is_no_agent_yet_sees_no_reviews(floor: "Floor", one: Any) -> None:
    agent = await floor.person("asha", "floor_agent")

    assert await agent.refused("GET", CALL) == (404, "CALL_NOT_FOUND")
    assert (await agent.told("GET", "/reviews"))["items"] == []
    review = await floor.review(floor.admin, "one", POLITE)
    path = f"/reviews/{review['id']}"
    assert await agent.refused("POST", f"{path}/dispute", DISPUTE) == (404, "REVIEW_NOT_FOUND")
    assert await agent.refused("PATCH", path, {}) == (403, "SCOPE_MISSING")
    resolve = await agent.refused("POST", f"{path}/resolve", {"outcome": "uphold"})
    assert resolve == (403, "SCOPE_MISSING")
