"""Erasing what is known of a person: at once from sight, then from every place."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from tests.stubs.qdrant import API_KEY as QDRANT_KEY
from tests.stubs.qdrant import QdrantStub
from tests.stubs.vendor import Answer, served

from locutory.capabilities.knowledge.api import CopyCounters, Knowledge, Outside
from locutory.capabilities.knowledge.contract import COPIES
from locutory.engines.vectors.registry import get_vectors
from locutory.kernel.http.client import HttpClient
from locutory.kernel.jobs import JobSpec, enqueue
from locutory.kernel.settings import VectorSettings
from locutory.kernel.telemetry.metrics import Metrics
from locutory.products.calls.analytics.upkeep import refresh

if TYPE_CHECKING:
    from tests.products.calls.privacy.conftest import House

pytestmark = pytest.mark.both_databases

PHONE = "+91 98123 45678"
FORMS = ("+919812345678", "919812345678", "9812345678", "98123 45678", "45678")
NAME, WORD = "Quillonia", "zebraquux"
TRACES = (*FORMS, NAME, WORD)
SAID = f"My name is {NAME}, I bought the {WORD} and you call me at 98123 45678."


async def leave_traces(house: "House") -> None:
    """One person's call, and whatever people and the program make of it."""
    await house.told("POST", "/webhooks/{bid}", 201, json=HOOK)
    news = {"news": ["call.done", "call.transcribed"], "score_below": 100}
    await house.told("PUT", "/notices/{bid}/settings", json=news)
    await house.hear("p-1", SAID, customer_phone=PHONE)
    path = "/call-records/{bid}/p-1"
    own = {"customer_name": NAME, "callback": "9812345678", "note": f"about {WORD}"}
    await house.told("PATCH", path, json={"custom": own, "tags": [WORD]})
    key = {"Idempotency-Key": "once"}
    note = {"text": f"{NAME} sounded cross"}
    await house.told("POST", f"{path}/comments", 201, json=note, headers=key)
    await house.told("POST", f"{path}/reviews", 201, json={})
    for kind in ("calls", "segments"):
        ask = {"kind": kind, "format": "csv"}
        await house.told("POST", "/exports/{bid}", 202, json=ask)
    trial = {"callids": ["p-1", "o-1"], "wait_s": 0}
    await house.told("POST", "/agents/{bid}/summary/test-run", 202, json=trial)
    question = {"message": f"What did {NAME} say about the {WORD}?"}
    await house.told("POST", "/rag/{bid}/chat", json=question)
    await house.work()
    await count(house)


HOOK = {"name": "Tickets", "url": "https://hooks.invalid/x", "events": ["call.done"]}


async def count(house: "House") -> None:
    """Keep the read models, as a worker process does."""
    while await refresh(house.db, ZoneInfo("UTC")):
        pass


async def test_nothing_of_an_erased_person_is_left_anywhere(house: "House") -> None:
    await house.hear("o-1", "I want to cancel my order.", customer_phone="+911111111111")
    await leave_traces(house)
    before = await house.keeping(TRACES)
    assert {"9812345678", NAME, WORD} <= before.keys(), "what is not stored cannot be erased"

    request = await house.erase(phone=PHONE)
    await house.work()
    await count(house)
    done = await house.receipt(request)

    assert (done["state"], done["total"], done["done"], done["held"]) == ("done", 1, 1, [])
    assert await house.keeping(TRACES) == {}
    assert await house.ids() == ["o-1"]
    counts = done["counts"]
    assert counts["calls"] == counts["calls_comment"] == counts["calls_review"] == 1
    for store in ("passages", "files", "exports", "notices", "deliveries", "trial_items"):
        assert counts[store] > 0, store
    for store in ("calls_transcript", "calls_tag", "replies", "questions", "events", "jobs"):
        assert counts[store] > 0, store


async def test_the_receipt_names_nobody(house: "House") -> None:
    await house.hear("p-1", SAID, customer_phone=PHONE)

    request = await house.erase(phone="9198123 45678", reason="asked by +91 98123 45678, case 12")
    await house.work()
    done = await house.receipt(request)

    assert done["callid_hashes"] == [hashlib.sha256(b"p-1").hexdigest()]
    assert len(done["subject_hash"]) == 64
    assert done["subject_hash"] != hashlib.sha256(b"919812345678").hexdigest()
    assert done["reason"] == "asked by [PHONE_1], case 12"
    assert done["requested_by"].endswith(str(house.resident.user_id))
    assert done["finished_at"] >= done["created_at"]
    for action in ("privacy.erase", "privacy.erased"):
        [row] = await house.audited(action)
        assert row.object == f"erasure:{request['id']}"


async def test_erased_calls_are_gone_before_the_answer(house: "House") -> None:
    for number in range(3):
        await house.hear(f"p-{number}", SAID, customer_phone=PHONE)
    search = {"query": WORD}
    assert (await house.told("POST", "/rag/{bid}/search", json=search))["hits"]

    request = await house.erase(phone=PHONE)

    assert (request["state"], request["total"]) == ("running", 3)
    assert await house.ids() == []
    assert (await house.told("POST", "/rag/{bid}/search", json=search))["hits"] == []
    assert await house.ids(f"q={WORD}") == []
    chat = await house.told("POST", "/rag/{bid}/chat", json={"message": f"Who said {WORD}?"})
    assert chat["citations"] == []
    await house.told("GET", "/call-records/{bid}/p-1", 404)


async def test_more_calls_than_one_write_takes_are_gone_too(house: "House") -> None:
    calls = [{"callid": f"m-{n}", "lead_id": "L-9", "customer_phone": PHONE} for n in range(230)]
    others = [{"callid": f"o-{n}", "lead_id": "L-90"} for n in range(3)]
    await house.told("POST", "/ingest/{bid}/calls", json={"calls": calls + others})

    request = await house.erase(lead_id="L-9")

    assert sorted(await house.ids("limit=200")) == ["o-0", "o-1", "o-2"]
    await house.work()
    done = await house.receipt(request)
    assert (done["state"], done["total"], done["done"]) == ("done", 230, 230)
    assert len(set(done["callid_hashes"])) == 230


async def test_a_lead_may_be_a_number(house: "House") -> None:
    calls = [{"callid": "a", "lead_id": 77}, {"callid": "b", "lead_id": "77"}, {"callid": "c"}]
    await house.told("POST", "/ingest/{bid}/calls", json={"calls": calls})

    await house.erase(lead_id="77")

    assert await house.ids() == ["c"]


async def test_held_calls_stay_and_are_named(house: "House") -> None:
    for callid in ("a", "b"):
        await house.hear(callid, SAID, customer_phone=PHONE)
    await house.told("PATCH", "/call-records/{bid}/a", json={"legal_hold": True})

    request = await house.erase(phone=PHONE)
    await house.work()
    again = await house.ask(
        "POST", "/privacy/{bid}/erase", json={"phone": PHONE, "reason": "once more"}
    )

    done = await house.receipt(request)
    assert (done["held"], done["total"], done["state"]) == (["a"], 1, "done")
    assert await house.ids() == ["a"]
    transcript = await house.told("GET", "/call-records/{bid}/a/transcript")
    assert WORD in transcript["turns"][1]["text"]
    assert (again.status_code, again.json()["error_code"]) == (409, "LEGAL_HOLD")
    assert again.json()["callids"] == ["a"]


async def test_a_call_that_was_only_deleted_has_its_traces_erased(house: "House") -> None:
    await house.hear("p-1", SAID, customer_phone=PHONE)
    await house.told("POST", "/exports/{bid}", 202, json={"kind": "segments", "format": "csv"})
    await house.work()
    await house.told("DELETE", "/call-records/{bid}/p-1", 202)
    await house.work()

    request = await house.erase(callid="p-1")
    await house.work()

    done = await house.receipt(request)
    assert (done["total"], done["counts"]["exports"]) == (0, 1)
    assert await house.keeping([WORD]) == {}


async def test_a_number_is_found_however_its_own_country_writes_it(house: "House") -> None:
    await house.told("PATCH", "/businesses/{bid}", json={"country_code": "IN"})
    same = ["+91 98123 45678", "0091-9812345678", "919812345678", "098123 45678", "9812345678"]
    others = ["+33 98123 45678", "+91 98123 45679", "0198123 45678", "anonymous"]
    calls = [
        {"callid": f"n-{n}", "customer_phone": phone} for n, phone in enumerate([*same, *others])
    ]
    await house.told("POST", "/ingest/{bid}/calls", json={"calls": calls})

    found = [
        {
            call["callid"]
            for call in (await house.told("GET", "/call-records/{bid}", params={"phone": phone}))[
                "items"
            ]
        }
        for phone in same
    ]
    request = await house.erase(phone="098123 45678")
    left = (await house.told("GET", "/call-records/{bid}"))["items"]

    assert found == [{f"n-{n}" for n in range(len(same))}] * len(same)
    assert request["counts"]["calls"] == len(same)
    assert {call["callid"] for call in left} == {f"n-{n + len(same)}" for n in range(len(others))}


async def test_a_phone_that_nobody_has_gets_its_receipt(house: "House") -> None:
    await house.hear("o-1")
    export = {"kind": "calls", "format": "csv"}
    made = await house.told("POST", "/exports/{bid}", 202, json=export)
    await house.work()

    request = await house.erase(phone="+15550001111")
    await house.work()

    done = await house.receipt(request)
    assert (done["state"], done["total"], done["counts"]) == ("done", 0, {})
    assert (await house.told("GET", f"/exports/{{bid}}/{made['id']}"))["state"] == "done"


async def test_a_call_that_comes_in_again_is_another_call(house: "House") -> None:
    await house.hear("p-1", SAID, customer_phone=PHONE)

    request = await house.erase(callid="p-1")
    await house.send("p-1", "Hello again.", customer_phone=PHONE)
    await house.work()

    assert (await house.receipt(request))["state"] == "done"
    call = await house.told("GET", "/call-records/{bid}/p-1")
    assert (call["status"], call["transcript"]["turns"][1]["text"]) == ("done", "Hello again.")
    reply = await house.ask("GET", "/call-records/{bid}/p-1/audio")
    assert reply.status_code == 200


async def test_an_export_says_why_it_has_no_file(house: "House") -> None:
    await house.hear("p-1", SAID)
    made = await house.told("POST", "/exports/{bid}", 202, json={"kind": "calls", "format": "csv"})
    audit = await house.told("POST", "/exports/{bid}", 202, json={"kind": "audit", "format": "csv"})
    await house.work()

    await house.erase(callid="p-1")
    await house.work()

    export = await house.told("GET", f"/exports/{{bid}}/{made['id']}")
    assert (export["state"], "erased" in export["error"]) == ("failed", True)
    await house.told("GET", f"/exports/{{bid}}/{made['id']}/download", 409)
    assert (await house.told("GET", f"/exports/{{bid}}/{audit['id']}"))["state"] == "done"


async def test_a_repeated_request_is_one(house: "House") -> None:
    await house.hear("p-1", SAID)
    ask = {"json": {"callid": "p-1", "reason": "ticket 1"}, "headers": {"Idempotency-Key": "k"}}

    first = await house.told("POST", "/privacy/{bid}/erase", 202, **ask)
    again = await house.told("POST", "/privacy/{bid}/erase", 202, **ask)

    assert again == first
    assert [r["id"] for r in (await house.told("GET", "/privacy/{bid}/requests"))["items"]] == [
        first["id"]
    ]


async def test_requests_are_listed_newest_first_in_pages(house: "House") -> None:
    asked = [(await house.erase(callid=f"none-{n}"))["id"] for n in range(3)]

    first = await house.told("GET", "/privacy/{bid}/requests?limit=2")
    second = await house.told("GET", f"/privacy/{{bid}}/requests?cursor={first['next_cursor']}")

    assert [row["id"] for row in first["items"] + second["items"]] == asked[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "why"},
        {"phone": PHONE, "callid": "a", "reason": "why"},
        {"phone": "nobody", "reason": "why"},
        {"callid": "a"},
        {"callid": "a", "reason": " "},
        {"callid": "a", "reason": "why", "more": 1},
    ],
)
async def test_a_request_that_is_not_clear_is_refused(house: "House", body: dict[str, Any]) -> None:
    reply = await house.ask("POST", "/privacy/{bid}/erase", json=body)

    assert reply.status_code == 422
    assert (await house.told("GET", "/privacy/{bid}/requests"))["items"] == []


async def test_only_administrators_erase(house: "House") -> None:
    await house.hear("p-1")
    token = await house.person("sam", "supervisor")
    ask = {"callid": "p-1", "reason": "ticket 1"}

    asked = await house.ask("POST", "/privacy/{bid}/erase", json=ask, token=token)
    listed = await house.ask("GET", "/privacy/{bid}/requests", token=token)

    assert (asked.status_code, listed.status_code) == (403, 403)
    assert await house.ids() == ["p-1"]


async def test_an_erasure_is_done_when_the_store_of_vectors_has_forgotten_too(
    house: "House",
) -> None:
    services = house.server.services
    with served(QdrantStub()) as stub:
        settings = VectorSettings(store="qdrant", url=stub.url, api_key=QDRANT_KEY)
        store = get_vectors(settings, services.get(HttpClient))
        assert store is not None
        outside = Outside(store, CopyCounters(services.get(Metrics)))
        services.add(Knowledge, replace(services.get(Knowledge), outside=outside))
        for callid in ("c1", "c2"):
            await house.hear(callid, "I would like to pay for the tractor.")
        kernel = house.server.storage.database()
        await kernel.write(lambda tx: enqueue(tx, JobSpec(kind=COPIES)))
        await house.work()
        [name] = stub.names()
        copied = len(stub.held(name))
        found = await house.told("POST", "/rag/{bid}/search", json={"query": "tractor"})

        stub.fail("", Answer(503, {}), times=3)
        asked = await house.erase(callid="c1")
        begun = await house.receipt(asked)
        await house.work()
        done = await house.receipt(asked)
        left = len(stub.held(name))

    assert (found["vectors"], found["degraded"]) == ("qdrant", False)
    assert sorted({hit["callid"] for hit in found["hits"]}) == ["c1", "c2"]
    assert (begun["state"], done["state"]) == ("running", "done")
    assert len([r for r in stub.seen if r.path.endswith("/points/delete")]) >= 2
    assert left == copied / 2
