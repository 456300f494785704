"""Leads come in: windows and pages, what is kept of them, and what stands in the way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.stubs import leadsquared, own_crm
from tests.stubs.crm import event
from tests.stubs.vendor import Answer

from locutory.engines.blobs import BlobStore
from locutory.kernel.settings import IntakeSettings

if TYPE_CHECKING:
    from .conftest import Desk

pytestmark = pytest.mark.both_databases


async def test_a_connection_is_kept_and_its_secrets_never_come_back(desk: "Desk") -> None:
    made = await desk.connect()

    reply = await desk.ask("GET", "/crm/{bid}/config")

    assert reply.json() == made
    assert made["configured"]
    assert leadsquared.ACCESS not in reply.text
    assert leadsquared.SECRET not in reply.text
    async with desk.db.read() as session:
        connection = (await session.connection()).engine
    assert connection is not None
    for row in await desk.rows("SELECT settings, health FROM calls_crm_connection"):
        assert leadsquared.SECRET not in str(row)


async def test_leads_are_read_whole_and_then_only_what_changed(desk: "Desk") -> None:
    for number in range(1, 6):
        desk.put(number, modified_at=datetime.now(UTC) - timedelta(days=number))
    await desk.connect()
    await desk.ready()

    assert await desk.leads() == [f"lead-{n}" for n in range(1, 6)]
    status = await desk.crm()
    assert (status["leads"], status["health"]["created"], status["stale"]) == (5, 5, False)
    before = len(desk.stub.asked("POST", "/Leads.RecentlyModified"))
    desk.put(3, stage="Won")
    await desk.sync()

    assert len(desk.stub.asked("POST", "/Leads.RecentlyModified")) == before + 1
    lead = await desk.told("GET", "/crm/{bid}/leads/lead-3")
    assert lead["stage"] == "Won"
    assert (await desk.leads())[0] == "lead-3"
    again = await desk.crm()
    assert again["health"]["updated"] == 1
    assert again["watermark"]["rows_total"] == 6


async def test_the_next_window_begins_two_minutes_before_the_end_of_the_last(
    desk: "Desk",
) -> None:
    await desk.connect()
    await desk.ready()
    await desk.sync()

    asked = [r.json()["Parameter"] for r in desk.stub.asked("POST", "/Leads.RecentlyModified")]
    end, begin = (
        datetime.fromisoformat(text) for text in (asked[0]["ToDate"], asked[1]["FromDate"])
    )
    assert timedelta(seconds=119) <= end - begin <= timedelta(seconds=121)


async def test_one_sync_follows_another_and_there_is_one_at_a_time(desk: "Desk") -> None:
    await desk.connect()
    for _ in range(3):
        await desk.told("POST", "/crm/{bid}/sync")
    await desk.ready()

    jobs = await desk.jobs_of("calls.crm_sync")
    assert sorted(job.state for job in jobs) == ["delayed", "done"]
    await desk.connect(enabled=False)
    await desk.connect()
    await desk.ready()
    await desk.change(
        "UPDATE kernel_job SET state = 'queued', run_at_ms = 0"
        " WHERE state = 'delayed' AND kind = 'calls.crm_sync'"
    )
    await desk.ready()
    jobs = await desk.jobs_of("calls.crm_sync")
    assert [job.state for job in jobs].count("delayed") == 1
    await desk.connect(enabled=False)
    await desk.change(
        "UPDATE kernel_job SET state = 'queued', run_at_ms = 0"
        " WHERE state = 'delayed' AND kind = 'calls.crm_sync'"
    )
    await desk.ready()
    assert {job.state for job in await desk.jobs_of("calls.crm_sync")} == {"done"}


async def test_an_older_change_does_not_undo_a_newer_one(desk: "Desk") -> None:
    desk.put(1, stage="Won")
    await desk.connect()
    await desk.ready()
    desk.put(1, stage="Lost", modified_at=datetime.now(UTC) - timedelta(seconds=60))

    await desk.sync()

    assert (await desk.told("GET", "/crm/{bid}/leads/lead-1"))["stage"] == "Won"


async def test_people_are_masked_in_lists_and_shown_to_whoever_may(desk: "Desk") -> None:
    desk.put(1)
    await desk.connect()
    await desk.ready()

    page = await desk.ask("GET", "/crm/{bid}/leads")
    lead = await desk.told("GET", "/crm/{bid}/leads/lead-1")

    assert "Meera" not in page.text
    assert "98765" not in page.text
    (row,) = page.json()["items"]
    assert (row["name_masked"], row["phone_masked"]) == ("M••• I•••", "•••0001")
    assert (lead["name"], lead["email"]) == ("Meera Iyer", "meera@example.org")
    assert lead["phones"] == ["+91-9876500001"]
    assert lead["attributes"] == {"mx_Budget": "90 lakh"}
    assert await desk.leads(phone="098765 00001") == ["lead-1"]
    assert await desk.leads(phone="098765 00002") == []
    assert await desk.leads(stage="Qualified", owner="Asha Rao") == ["lead-1"]
    assert await desk.leads(stage="Lost") == []
    stored = str(await desk.rows("SELECT * FROM calls_crm_lead"))
    assert "Meera" not in stored
    assert "98765" not in stored


async def test_pages_of_leads_follow_each_other(desk: "Desk") -> None:
    for number in range(1, 6):
        desk.put(number, modified_at=datetime.now(UTC) - timedelta(hours=number))
    await desk.connect()
    await desk.ready()
    seen, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await desk.told("GET", "/crm/{bid}/leads", params=params)
        seen += [item["lead_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == [f"lead-{n}" for n in range(1, 6)]


async def test_refused_keys_shut_the_queue_until_a_test_succeeds(desk: "Desk") -> None:
    wrong = {"access_key": leadsquared.ACCESS, "secret_key": "not-the-secret-key-at-all"}
    await desk.connect(credentials=wrong)
    await desk.ready()
    await desk.watch()

    status = await desk.crm()
    assert status["blocked"].startswith("ENGINE_AUTH")
    assert "not-the-secret-key-at-all" not in str(status)
    (alert,) = [a for a in await desk.alerts() if a["key"] == "AuthBlocked"]
    assert alert["about"] == "crm"
    jobs = await desk.jobs_of("calls.crm_sync")
    assert [job.state for job in jobs] == ["queued"]
    tried = await desk.told("POST", "/crm/{bid}/test")
    assert (tried["ok"], tried["error_code"]) == (False, "ENGINE_AUTH")
    assert (await desk.crm())["blocked"] is not None

    desk.put(1)
    await desk.connect()
    tried = await desk.told("POST", "/crm/{bid}/test")
    await desk.ready()

    assert (tried["ok"], tried["sample"]) == (True, 1)
    assert (await desk.crm())["blocked"] is None
    assert await desk.leads() == ["lead-1"]


async def test_an_outage_is_told_and_the_place_stays(desk: "Desk") -> None:
    for number in range(1, 6):
        desk.put(number, modified_at=datetime.now(UTC) - timedelta(days=1))
    await desk.connect()
    answer = desk.stub.answer
    asked: list[int] = []

    def breaking(request: Any) -> Answer:
        asked.append(1)
        return leadsquared.BROKEN if len(asked) > 2 else answer(request)

    desk.stub.answer = breaking  # type: ignore[method-assign]
    await desk.ready()

    status = await desk.crm()
    assert status["health"]["error"].startswith("ENGINE_UNAVAILABLE")
    assert status["watermark"]["cursor"]["pass"]["page"] is not None
    assert 0 < status["leads"] < 5
    desk.stub.answer = answer  # type: ignore[method-assign]
    await desk.sync()
    assert sorted(await desk.leads()) == [f"lead-{n}" for n in range(1, 6)]


async def test_another_address_needs_its_keys_and_private_ones_are_refused(desk: "Desk") -> None:
    body = desk.connection()
    del body["credentials"]

    refused = await desk.refused("PUT", "/crm/{bid}/config", 422, json=body)
    assert refused["error_code"] == "CRM_CREDENTIALS_MISSING"
    await desk.connect()
    await desk.told("PUT", "/crm/{bid}/config", json=body)
    moved = {**body, "url": "http://127.0.0.1:8443"}
    refused = await desk.refused("PUT", "/crm/{bid}/config", 422, json=moved)
    assert refused["error_code"] == "CRM_CREDENTIALS_MISSING"
    inside = {**desk.connection(), "url": "http://169.254.169.254"}
    refused = await desk.refused("PUT", "/crm/{bid}/config", 422, json=inside)
    assert refused["error_code"] == "URL_BLOCKED"


async def test_nothing_is_connected_at_first(desk: "Desk") -> None:
    for method, path in (("GET", "config"), ("POST", "test"), ("POST", "sync")):
        refused = await desk.refused(method, "/crm/{bid}/" + path, 404)
        assert refused["error_code"] == "CRM_NOT_CONNECTED"
    assert (await desk.crm())["provider"] is None


async def test_a_file_in_a_folder_is_a_crm_too(desk: "Desk", tmp_path: Path) -> None:
    folder = tmp_path / "in" / desk.resident.bid
    folder.mkdir(parents=True)
    desk.server.settings.intake = IntakeSettings(folders=(tmp_path / "in",))
    file = folder / "leads.csv"
    file.write_text("lead_id;phone;name;stage\nL1;9876500001;Meera Iyer;New\n;1;;\n")
    body = {"provider": "csv", "path": str(file), "settings": {"sync_interval_s": 60}}

    await desk.told("PUT", "/crm/{bid}/config", json=body)
    tried = await desk.told("POST", "/crm/{bid}/test")
    await desk.ready()

    assert (tried["ok"], tried["sample"]) == (True, 1)
    assert await desk.leads() == ["L1"]
    assert (await desk.crm())["health"]["refused"] == ["3: no lead_id"]
    file.write_text("lead_id;phone;name;stage;deleted\nL1;9876500001;Meera Iyer;Won;\nL2;1;;;yes\n")
    await desk.sync()
    assert (await desk.told("GET", "/crm/{bid}/leads/L1"))["stage"] == "Won"
    assert await desk.leads() == ["L1"]
    outside = {**body, "path": "/etc/passwd"}
    await desk.told("PUT", "/crm/{bid}/config", json=outside)
    assert not (await desk.told("POST", "/crm/{bid}/test"))["ok"]


async def test_a_crm_of_ones_own_is_described_by_a_mapping(desk: "Desk") -> None:
    bad = {**own_crm.MAPPING, "write": {"path": "/notes", "body": {"text": "no name"}}}
    body = {
        "provider": "http_json",
        "url": f"{desk.stub.url}/api",
        "credentials": {"token": own_crm.TOKEN},
    }

    for settings in ({}, {"mapping": bad}):
        asked = {**body, "settings": settings}
        await desk.refused("PUT", "/crm/{bid}/config", 422, json=asked)
    made = await desk.told(
        "PUT", "/crm/{bid}/config", json={**body, "settings": {"mapping": own_crm.MAPPING}}
    )

    assert made["settings"]["mapping"]["times"] == "unix_ms"
    tried = await desk.told("POST", "/crm/{bid}/test")
    assert not tried["ok"]  # LeadSquared's stub knows no such place


async def test_activities_of_a_lead_that_a_call_has_are_asked_for(desk: "Desk") -> None:
    desk.put(1, events=[event(n, f"said {n}") for n in range(30)])
    desk.put(2, events=[event(99)])
    await desk.connect()
    await desk.ready()
    assert desk.stub.asked("POST", "/ProspectActivity.svc/Retrieve") == []

    await desk.take("c-1")
    await desk.ready()

    page = await desk.told("GET", "/crm/{bid}/leads/lead-1/activities", params={"limit": 10})
    assert [item["data"]["NotableEventDescription"] for item in page["items"]] == [
        f"said {n}" for n in range(29, 19, -1)
    ]
    assert page["next_cursor"] is not None
    (asked,) = desk.stub.asked("POST", "/ProspectActivity.svc/Retrieve")
    assert asked.query["leadId"] == ["lead-1"]
    stored = str(await desk.rows("SELECT * FROM calls_crm_activity"))
    assert "said 1" not in stored
    calls = await desk.told("GET", "/crm/{bid}/leads/lead-1/calls")
    assert [call["callid"] for call in calls["items"]] == ["c-1"]


async def test_a_file_of_leads_is_imported_but_for_its_bad_rows(desk: "Desk") -> None:
    rows = [f"L{n};98765{n:05};Meera {n}" for n in range(1, 601)]
    rows[299] = ";98765;Nobody"
    content = b"\xef\xbb\xbf" + "\n".join(["lead_id;phone;name", *rows]).encode()

    taken = await desk.told(
        "POST", "/crm/{bid}/leads/import", files={"file": ("leads.csv", content)}
    )
    await desk.ready()

    (done,) = (await desk.crm())["imports"]
    assert done["id"] == taken["id"]
    assert (done["state"], done["created"], done["rejected"]) == ("done", 599, 1)
    assert done["faults"] == [{"line": 301, "reason": "no lead_id"}]
    assert (await desk.crm())["leads"] == 599
    blobs = desk.server.services.get(BlobStore)
    assert [key async for key in blobs.keys("imports")] == []
    await desk.told("POST", "/crm/{bid}/leads/import", files={"file": ("leads.csv", content)})
    await desk.ready()
    assert (await desk.crm())["leads"] == 599


async def test_a_file_of_something_else_is_refused_at_once(desk: "Desk") -> None:
    for content in (b"name,phone\nMeera,1\n", b"", b"[1"):
        refused = await desk.refused(
            "POST", "/crm/{bid}/leads/import", 422, files={"file": ("leads.csv", content)}
        )
        assert refused["error_code"] == "LEAD_FILE_INVALID"
