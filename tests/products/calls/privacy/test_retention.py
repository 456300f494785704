"""What goes by itself: recordings, words and judgements past their days; figures stay."""

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.products.calls.analytics.queries import FENCED, fact
from locutory.products.calls.analytics.upkeep import rebuild
from locutory.products.calls.privacy.words import without_quotes, without_words
from locutory.products.calls.records import queries as records

if TYPE_CHECKING:
    from tests.products.calls.privacy.conftest import House

pytestmark = pytest.mark.both_databases

OLD = "2026-01-05T10:00:00.000Z"
WORD = "zebraquux"
SAID = f"The {WORD} is too expensive for me, I will cancel it."
RECORD = "/call-records/{bid}/old"


async def keep_for(house: "House", **days: int) -> None:
    change = {"retention": {f"{matter}_days": n for matter, n in days.items()}}
    await house.told("PATCH", "/pipeline/{bid}/config", json=change)


async def two_calls(house: "House") -> None:
    await house.hear("old", SAID, started_at=OLD)
    await house.hear("new", SAID)


async def due(house: "House") -> dict[str, tuple[Any, ...]]:
    found = await house.told("GET", "/privacy/{bid}/retention")
    return {
        row["matter"]: (row["days"], row["calls"], row["oldest"], row["held"])
        for row in found["items"]
    }


async def facts(house: "House") -> list[dict[str, Any]]:
    """The calls' figures, all made anew."""
    await rebuild(house.db, ZoneInfo("UTC"))
    async with house.db.read() as session:
        mine = select(fact).where(fact.c.tenant_id == house.tenant_id).order_by(fact.c.id)
        rows = await session.execute(mine, execution_options=FENCED)
    return [{**row._mapping, "created_at": None} for row in rows]


async def test_nothing_goes_unless_it_was_asked_for(house: "House") -> None:
    await two_calls(house)

    await house.night()

    matters = ("audio", "transcript", "analysis")
    assert await due(house) == dict.fromkeys(matters, (None, 0, None, 0))
    assert (await house.ask("GET", f"{RECORD}/audio")).status_code == 200


async def test_the_view_says_what_the_night_then_does(house: "House") -> None:
    await two_calls(house)
    await keep_for(house, audio=30, transcript=40)

    before = await due(house)
    await house.night()
    after = await due(house)

    assert before == {
        "audio": (30, 1, OLD, 0),
        "transcript": (40, 1, OLD, 0),
        "analysis": (None, 0, None, 0),
    }
    assert [count for _, count, _, _ in after.values()] == [0, 0, 0]
    rows = await house.audited("retention.audio")
    assert [row.detail["callids"] for row in rows] == [["old"]]


async def test_old_recordings_go_and_their_calls_stay(house: "House") -> None:
    await two_calls(house)
    await keep_for(house, audio=30)
    assert (await house.ask("GET", f"{RECORD}/peaks")).status_code == 200

    await house.night()

    for what in ("audio", "peaks"):
        reply = await house.ask("GET", f"{RECORD}/{what}")
        assert (reply.status_code, reply.json()["error_code"]) == (410, "AUDIO_PURGED")
    call = await house.told("GET", RECORD)
    assert call["audio"] is None
    assert call["audio_purged_at"] is not None
    assert WORD in call["transcript"]["turns"][1]["text"]
    assert sorted(await house.ids()) == ["new", "old"]
    assert (await house.ask("GET", "/call-records/{bid}/new/audio")).status_code == 200
    folders = {file.parent for file in house.folder.rglob("original-*")}
    assert len(folders) == 1, "one recording is left"
    await house.told("POST", f"{RECORD}/reanalyze", 202, json={})


async def test_old_words_go_from_every_place(house: "House") -> None:
    await two_calls(house)
    await house.told("DELETE", "/call-records/{bid}/new", 202)
    await house.work()
    await keep_for(house, transcript=30, analysis=30)
    assert await house.keeping([WORD]) != {}

    await house.night()

    assert await house.keeping([WORD]) == {}
    for path in ("transcript", "transcript?raw=true"):
        reply = await house.ask("GET", f"{RECORD}/{path}")
        assert (reply.status_code, reply.json()["error_code"]) == (410, "TRANSCRIPT_PURGED")
    call = await house.told("GET", RECORD)
    assert (call["status"], call["transcript"], call["summary_short"]) == ("done", None, None)
    assert call["analysis"]["bant"] is not None
    search = {"query": WORD}
    assert (await house.told("POST", "/rag/{bid}/search", json=search))["hits"] == []
    edit = {"base_version": 1, "edits": [{"idx": 0, "text": "Good morning."}]}
    await house.told("PATCH", f"{RECORD}/transcript", 410, json=edit)
    await house.told("POST", f"{RECORD}/reanalyze", 409, json={})


async def test_words_may_go_before_judgements(house: "House") -> None:
    await house.hear("old", SAID, started_at=OLD)
    before = await house.told("GET", RECORD)
    await keep_for(house, transcript=30)

    await house.night()

    after = await house.told("GET", RECORD)
    assert after["summary_short"] == before["summary_short"] != ""
    objections = await house.told("GET", "/objections/{bid}")
    assert [one["quote"] for one in objections["items"]] == [""] * len(objections["items"])
    assert len(objections["items"]) > 0
    assert "quote" in str(before["analysis"])
    assert after["analysis"] == without_quotes(before["analysis"])


async def test_figures_do_not_change(house: "House") -> None:
    await two_calls(house)
    before = await facts(house)
    await keep_for(house, audio=30, transcript=30, analysis=30)

    await house.night()
    await house.told("POST", "/objections/{bid}/reclassify", 202, json={})
    await house.work()

    assert await facts(house) == before
    assert len(before) == 2


async def test_legal_hold_wins(house: "House") -> None:
    await two_calls(house)
    await house.told("PATCH", RECORD, json={"legal_hold": True})
    await keep_for(house, audio=30, transcript=30, analysis=30)

    held = await due(house)
    await house.night()
    call = await house.told("GET", RECORD)
    await house.told("PATCH", RECORD, json={"legal_hold": False})
    await house.night()

    assert {row[1:] for row in held.values()} == {(0, None, 1)}
    assert WORD in call["transcript"]["turns"][1]["text"]
    assert call["audio"] is not None
    assert (await house.told("GET", RECORD))["transcript"] is None


async def test_a_round_that_died_halfway_is_finished_by_the_next(house: "House") -> None:
    """The recording is refused already, its file and place are still there."""
    await house.hear("old", SAID, started_at=OLD)
    await keep_for(house, audio=30)

    async def refuse(tx: Session) -> None:
        record = await records.get(tx, "old")
        record.audio_purged_at = utc_now()

    await house.db.write(refuse)
    assert (await house.ask("GET", f"{RECORD}/audio")).status_code == 410

    await house.night()

    assert list(house.folder.rglob("original-*")) == []
    assert await due(house) == {
        "audio": (30, 0, None, 0),
        "transcript": (None, 0, None, 0),
        "analysis": (None, 0, None, 0),
    }


async def test_many_calls_go_in_portions(house: "House") -> None:
    calls = [
        {"callid": f"m-{n}", "started_at": OLD, "audio_url": f"https://calls.invalid/{n}.wav"}
        for n in range(230)
    ]
    filters = {"filters": {"directions": ["inbound"]}}
    await house.told("PATCH", "/pipeline/{bid}/config", json=filters)
    await house.told("POST", "/ingest/{bid}/calls", json={"calls": calls})
    await keep_for(house, audio=30)

    before = await due(house)
    await house.night()

    assert before["audio"][1] == 230
    assert (await due(house))["audio"][1] == 0
    rows = await house.audited("retention.audio")
    assert sorted(len(row.detail["callids"]) for row in rows) == [30, 100, 100]


async def test_only_administrators_see_what_goes(house: "House") -> None:
    token = await house.person("sam", "supervisor")

    assert (await house.ask("GET", "/privacy/{bid}/retention", token=token)).status_code == 403


def test_what_is_left_of_a_judgement_is_figures() -> None:
    blob = {
        "summary": {"text": "They bought it.", "evidence": [{"turns": [1], "quote": "yes"}]},
        "quality": {"score": 80, "pass": True, "template": "Default", "state": "ok"},
        "bant": {"need": {"status": "confirmed", "value": "a house by the sea"}},
        "topics": ["garden", {"label": "price", "share": 0.5}],
        "outcome": {"disposition": "call back on Monday, he said; or else"},
    }

    assert without_words(blob) == {
        "summary": {"text": None, "evidence": [{"turns": [1], "quote": None}]},
        "quality": {"score": 80, "pass": True, "template": "Default", "state": "ok"},
        "bant": {"need": {"status": "confirmed", "value": None}},
        "topics": [{"label": "price", "share": 0.5}],
        "outcome": {"disposition": None},
    }
    assert without_quotes(blob)["summary"]["evidence"] == [{"turns": [1], "quote": ""}]
