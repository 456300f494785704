"""What is done to calls: changed, run again, stopped, deleted, one by one and many at once."""

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from locutory.kernel.db.base import table_of
from locutory.kernel.db.tenants import tables_of
from locutory.kernel.jobs import admin
from locutory.products.calls.records.models import StaleCall

if TYPE_CHECKING:
    from tests.products.calls.records.conftest import House


async def rows_of(house: "House", call_id: str) -> dict[str, int]:
    """How many rows each table still has of a call."""
    left = {}
    async with house.db.read() as session:
        for table in tables_of("call_id"):
            count = select(func.count()).where(table.c.call_id == UUID(call_id))
            left[table.name] = await session.scalar(count, execution_options={"fenced": True})
    return {name: number for name, number in left.items() if number}


async def test_a_call_is_changed_and_found_by_its_tags(house: "House") -> None:
    await house.keep("a", agent_id="a-1")

    changed = await house.told(
        "PATCH",
        "/a",
        json={
            "tags": ["vip", "audit"],
            "agent_id": "a-2",
            "agent_name": "Ravi",
            "disposition": "sold",
            "custom": {"unit": 12},
        },
    )
    await house.told("PATCH", "/a", json={"tags": ["audit"]})

    assert changed["agent"] == "Ravi"
    assert changed["disposition"] == "sold"
    assert changed["custom"] == {"unit": 12}
    assert await house.ids("agent=a-2") == ["a"]
    assert await house.ids("tag=audit") == ["a"]
    assert await house.ids("tag=vip") == []
    assert [row.detail["fields"] for row in await house.audited("call.update")][1] == ["tags"]
    async with house.db.read() as session:
        assert await session.scalar(select(func.count(StaleCall.id))) == 1


async def test_a_change_on_what_was_seen_before_is_refused(house: "House") -> None:
    await house.keep("a")
    seen = (await house.ask("GET", "/a")).headers["etag"]

    first = await house.ask("PATCH", "/a", json={"tags": ["x"]}, headers={"if-match": seen})
    late = await house.ask("PATCH", "/a", json={"tags": ["y"]}, headers={"if-match": seen})

    assert first.status_code == 200
    assert first.headers["etag"] != seen
    assert late.status_code == 412
    assert await house.ids("tag=x") == ["a"]


async def test_only_the_sections_that_are_asked_for_are_sent(house: "House") -> None:
    await house.take_in("a")

    part = await house.told("GET", "/a?include=transcript,audio")
    whole = await house.told("GET", "/a")
    wrong = await house.ask("GET", "/a?include=transcript,weather")

    assert part["transcript"] == whole["transcript"]
    assert part["audio"]["url"] == "/call-records/6004/a/audio"
    assert (part["analysis"], part["metrics"], part["stages"]) == (None, None, [])
    assert whole["analysis"] is not None
    assert wrong.status_code == 422


@pytest.mark.both_databases
async def test_a_deleted_call_is_gone_at_once_and_its_traces_follow(house: "House") -> None:
    call = await house.take_in("gone")
    other = await house.take_in("stays")
    await house.told("PATCH", "/gone", json={"tags": ["vip"]})
    await house.told("POST", "/gone/comments", 201, json={"text": "note"})
    await house.told("GET", "/gone/peaks")
    word = call["transcript"]["turns"][0]["text"].split()[0]
    assert set(await house.ids(f"q={word}")) == {"gone", "stays"}

    await house.told("DELETE", "/gone", 202)

    assert (await house.ask("GET", "/gone")).status_code == 404
    assert await house.ids() == ["stays"]
    assert await house.ids(f"q={word}") == ["stays"]
    hits = await house.resident.ask("POST", "/rag/6004/search", json={"query": word})
    assert {hit["callid"] for hit in hits.json()["hits"]} <= {"stays"}
    assert await rows_of(house, call["id"]) != {}
    await house.work()
    stale = table_of(StaleCall).name
    assert set(await rows_of(house, call["id"])) <= {stale}
    assert len(await rows_of(house, other["id"])) > 3
    assert len({key.rpartition("/")[0] for key in await house.files()}) == 1
    assert [row.object for row in await house.audited("call.delete")] == ["call:gone"]


async def test_a_call_that_comes_again_after_its_deletion_keeps_its_files(house: "House") -> None:
    await house.take_in("again")
    await house.told("DELETE", "/again", 202)

    call = await house.take_in("again")  # the erasing job runs after the second upload

    assert call["status"] == "done"
    assert (await house.ask("GET", "/again/audio")).status_code == 200


async def test_a_call_under_legal_hold_is_kept(house: "House") -> None:
    await house.keep("held")
    await house.told("PATCH", "/held", json={"legal_hold": True})

    refused = await house.ask("DELETE", "/held")

    assert (refused.status_code, refused.json()["error_code"]) == (409, "LEGAL_HOLD")
    assert await house.ids() == ["held"]
    await house.told("PATCH", "/held", json={"legal_hold": False})
    await house.told("DELETE", "/held", 202)
    assert await house.ids() == []


async def test_only_administrators_delete(house: "House") -> None:
    await house.keep("a")
    _, supervisor = await house.person("sam", "supervisor")

    assert (await house.ask("DELETE", "/a", token=supervisor)).status_code == 403


async def test_hearing_afresh_keeps_the_old_transcript_until_there_is_a_new_one(
    house: "House",
) -> None:
    before = await house.take_in("a")

    answer = await house.told("POST", "/a/retranscribe", 202)
    busy = await house.ask("POST", "/a/retranscribe")
    meanwhile = await house.told("GET", "/a")
    await house.work()
    after = await house.told("GET", "/a")

    assert (answer["status"], answer["epoch"]) == ("pending", 2)
    assert (busy.status_code, busy.json()["error_code"]) == (409, "CALL_BUSY")
    assert meanwhile["transcript"] == before["transcript"]
    assert (after["status"], after["stage_state"]) == ("done", "ok")
    assert after["transcript"]["version"] == 2
    assert (await house.told("GET", "/a/transcript?version=1"))["version"] == 1


async def test_what_failed_is_tried_again_and_its_dead_letter_is_put_away(house: "House") -> None:
    text = {"file": ("a.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(28))}
    failed = await house.send("a", text)
    assert failed["status"] == "failed"

    answer = await house.told("POST", "/a/retry", 202)
    timeline = await house.told("GET", "/a/timeline")
    await house.work()

    assert (answer["status"], answer["stage"]) == ("pending", "transcribe")
    assert [(job["run_no"], job["state"]) for job in timeline["jobs"]] == [
        (1, "cancelled"),
        (2, "queued"),
    ]
    assert timeline["jobs"][0]["failures"][-1]["error_code"] == failed["status_reason"]
    runs = (await house.told("GET", "/a/timeline"))["runs"]
    assert [(run["run_no"], run["state"]) for run in runs] == [(1, "dead"), (2, "dead")]


async def test_what_is_well_has_nothing_to_retry_or_cancel(house: "House") -> None:
    await house.take_in("a")

    retried = await house.ask("POST", "/a/retry")
    cancelled = await house.ask("POST", "/a/cancel")

    assert (retried.status_code, retried.json()["error_code"]) == (409, "NOTHING_TO_RETRY")
    assert (cancelled.status_code, cancelled.json()["error_code"]) == (409, "CALL_SETTLED")


@pytest.mark.both_databases
async def test_a_cancelled_call_is_left_alone_until_it_is_retried(house: "House") -> None:
    await house.take_in("a")
    await house.told("POST", "/a/retranscribe", 202)

    await house.told("POST", "/a/cancel", 202)
    await house.work()
    stopped = await house.told("GET", "/a")
    await house.told("POST", "/a/retry", 202)
    await house.work()
    after = await house.told("GET", "/a")

    assert (stopped["status"], stopped["status_reason"]) == ("skipped", "cancelled")
    assert stopped["transcript"]["version"] == 1
    assert (after["status"], after["transcript"]["version"]) == ("done", 2)


async def test_another_engine_or_language_is_told_to_the_next_run(house: "House") -> None:
    await house.upload("a", "hc-0001", None)
    wish = {"provider": "stub", "language": "hi"}

    unknown = await house.ask("POST", "/a/retranscribe", json={"provider": "nobody"})
    await house.told("POST", "/a/retranscribe", 202, json=wish)

    assert (unknown.status_code, unknown.json()["error_code"]) == (422, "PROVIDER_UNKNOWN")
    async with house.db.read() as session:
        job = (await admin.jobs_of(session, house.tenant_id, "a"))[0]
    assert job.payload["overrides"] == wish


async def test_a_call_without_a_recording_cannot_be_heard(house: "House") -> None:
    await house.keep("a")

    reply = await house.ask("POST", "/a/retranscribe")

    assert (reply.status_code, reply.json()["error_code"]) == (409, "NO_RECORDING")


async def test_analysts_run_nothing(house: "House") -> None:
    await house.keep("a")
    _, analyst = await house.person("ana", "analyst")
    for deed in ("retranscribe", "retry", "cancel"):
        assert (await house.ask("POST", f"/a/{deed}", token=analyst)).status_code == 403


async def test_comments_come_in_order_with_their_places(house: "House") -> None:
    await house.keep("a")
    _, viewer = await house.person("vera", "viewer")
    for n in range(3):
        token = {"token": viewer} if n == 1 else {}
        body = {"text": f"note {n}, card 4111 1111 1111 1111", "at_ms": n * 1000}
        await house.told("POST", "/a/comments", 201, json=body, **token)

    page = await house.told("GET", "/a/comments?limit=2")
    rest = await house.told("GET", f"/a/comments?limit=2&cursor={page['next_cursor']}")

    notes = [*page["items"], *rest["items"]]
    assert [note["at_ms"] for note in notes] == [0, 1000, 2000]
    assert [note["author"] for note in notes] == ["Admin of 6004", "vera", "Admin of 6004"]
    assert all("4111" not in note["text"] for note in notes)
    assert rest["next_cursor"] is None


async def test_a_comment_that_is_sent_twice_is_kept_once(house: "House") -> None:
    await house.keep("a")
    rest: dict[str, Any] = {"json": {"text": "once"}, "headers": {"idempotency-key": "k"}}

    await house.told("POST", "/a/comments", 201, **rest)
    await house.told("POST", "/a/comments", 201, **rest)

    assert len((await house.told("GET", "/a/comments"))["items"]) == 1


@pytest.mark.both_databases
async def test_many_calls_are_tagged_by_a_job_that_says_how_far_it_is(house: "House") -> None:
    for n in range(45):
        await house.keep(f"c{n:02}", hour=n, direction="inbound" if n % 3 else "outbound")
    ask = {
        "action": "tag",
        "params": {"add": ["march"], "remove": ["none"]},
        "filter": {"direction": "inbound"},
        "confirm_count": 30,
    }

    started = await house.told("POST", "/bulk", 202, json=ask)
    await house.work()
    ended = await house.told("GET", f"/bulk/{started['job_id']}")

    assert (started["state"], started["total"], started["done"]) == ("queued", 30, 0)
    assert (ended["state"], ended["done"], ended["refused"]) == ("done", 30, 0)
    assert len(await house.ids("tag=march&limit=200")) == 30


async def test_another_number_than_was_confirmed_touches_nothing(house: "House") -> None:
    await house.keep("a")
    await house.keep("b")
    ask = {"action": "delete", "filter": {}, "confirm_count": 1}

    reply = await house.ask("POST", "/bulk", json=ask)

    assert (reply.status_code, reply.json()["error_code"]) == (409, "COUNT_MISMATCH")
    assert reply.json()["count"] == 2
    await house.work()
    assert sorted(await house.ids()) == ["a", "b"]


async def test_one_refusal_does_not_hold_up_the_others(house: "House") -> None:
    await house.keep("a")
    await house.keep("held", legal_hold=True)
    await house.keep("c")
    ask = {"action": "delete", "callids": ["a", "held", "c", "never"], "confirm_count": 3}

    started = await house.told("POST", "/bulk", 202, json=ask)
    await house.work()
    ended = await house.told("GET", f"/bulk/{started['job_id']}")

    assert (ended["done"], ended["refused"]) == (2, 1)
    assert ended["refusals"] == [
        {
            "callid": "held",
            "code": "LEGAL_HOLD",
            "detail": "The call is under legal hold; lift that first.",
        }
    ]
    assert await house.ids() == ["held"]


async def test_an_action_that_is_not_there_is_told_with_those_that_are(house: "House") -> None:
    ask = {"action": "juggle", "filter": {}, "confirm_count": 0}

    reply = await house.ask("POST", "/bulk", json=ask)

    assert reply.status_code == 422
    for name in ("cancel", "delete", "retranscribe", "retry", "tag"):
        assert name in reply.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "ask",
    [
        {"action": "tag", "confirm_count": 0},
        {"action": "tag", "filter": {}, "callids": ["a"], "confirm_count": 0},
        {"action": "tag", "filter": {}, "params": {"colour": "red"}, "confirm_count": 0},
        {"action": "retry", "filter": {"colour": "red"}, "confirm_count": 0},
    ],
)
async def test_a_deed_that_is_not_clear_is_refused(house: "House", ask: dict[str, Any]) -> None:
    assert (await house.ask("POST", "/bulk", json=ask)).status_code == 422


async def test_reviewers_do_not_delete_in_bulk(house: "House") -> None:
    await house.keep("a")
    _, reviewer = await house.person("rita", "reviewer")
    ask = {"action": "delete", "filter": {}, "confirm_count": 1}

    assert (await house.ask("POST", "/bulk", json=ask, token=reviewer)).status_code == 403


async def test_a_run_that_is_not_there_is_not_found(house: "House") -> None:
    assert (await house.ask("GET", f"/bulk/{uuid4()}")).status_code == 404
