"""A watched folder: whole files are taken once, the others are told apart and told why."""

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.conftest import Resident
from tests.products.calls.sources.conftest import NOON, WORDS, Intake, sound

from locutory.kernel.db import Session
from locutory.kernel.errors import StorageUnavailableError
from locutory.kernel.settings import PipelineSettings
from locutory.products.calls.pipeline.service.backlog import Backlog
from locutory.products.calls.sources import watching

pytestmark = pytest.mark.both_databases


async def test_a_file_is_taken_at_the_second_look_that_finds_it_alike(intake: Intake) -> None:
    await intake.watch(direction="inbound")
    intake.put("one.wav")

    await intake.look()
    at_first = await intake.stems()
    await intake.look()
    calls = await intake.calls()

    assert at_first == []
    assert [call["callid"].rpartition("-")[0] for call in calls] == ["one"]
    assert calls[0]["direction"] == "inbound"
    assert calls[0]["started_at"] == "2026-01-05T12:00:00.000Z"
    assert (intake.lie(), intake.lie("done")) == ([], ["one.wav"])
    assert (await intake.health())["taken"] == 1


async def test_a_person_may_have_the_folders_looked_at_now(intake: Intake) -> None:
    nothing = await intake.told("POST", "/pipeline/{bid}/sync")
    await intake.watch()
    intake.put("one.wav")
    asked = []
    for _ in range(2):
        asked.append(await intake.told("POST", "/pipeline/{bid}/sync"))
        await intake.work()

    assert (nothing, asked) == ({"looks": 0}, [{"looks": 1}] * 2)
    assert await intake.stems() == ["one"]


async def test_a_file_that_still_grows_is_left_alone(intake: Intake) -> None:
    await intake.watch()
    file = intake.put("one.wav", sound()[:8000])
    await intake.look()
    file.write_bytes(sound())

    await intake.look()
    grown = await intake.stems()
    await intake.look()

    assert grown == []
    assert await intake.stems() == ["one"]


async def test_looks_that_follow_too_soon_do_not_count(intake: Intake) -> None:
    intake.settings.settle_s = 3600
    await intake.watch()
    intake.put("one.wav")

    await intake.look(3)

    assert await intake.stems() == []
    assert (await intake.health())["waiting"] == 1


async def test_uploads_that_are_not_whole_are_not_looked_at(intake: Intake) -> None:
    await intake.watch()
    names = [".hidden.wav", "a.wav.part", "b.tmp", "c.filepart", "d.wav~"]
    for name in names:
        intake.put(name)

    await intake.look(2)

    assert await intake.stems() == []
    assert intake.lie() == sorted(names)
    assert (await intake.health())["refused"] == 0


async def test_a_recording_waits_for_its_transcript_and_takes_it_along(intake: Intake) -> None:
    intake.settings.sidecar_wait_s = 3600
    await intake.watch()
    intake.put("one.wav")
    intake.put("alone.wav")
    await intake.look(2)
    waiting = await intake.stems()
    intake.put("one.vtt", WORDS)

    await intake.look(2)
    taken = await intake.stems()
    intake.settings.sidecar_wait_s = 0
    await intake.look()

    assert waiting == []
    assert taken == ["one"]
    assert await intake.stems() == ["alone", "one"]
    assert intake.lie("done") == ["alone.wav", "one.vtt", "one.wav"]
    await intake.server.worker().drain(skip_delays=True)
    heard = next(call for call in await intake.calls() if call["callid"].startswith("one"))
    assert heard["has_words"]


async def test_what_is_no_recording_is_put_away_with_the_reason(intake: Intake) -> None:
    await intake.watch()
    intake.put("page.wav", b"<html>log in first</html>")
    intake.put("page.vtt", WORDS)
    intake.put("empty.wav", b"")

    await intake.look(2)

    assert await intake.stems() == []
    assert intake.lie() == []
    assert intake.lie("failed") == [
        *("empty.wav", "empty.wav.txt", "page.vtt", "page.vtt.txt"),
        *("page.wav", "page.wav.txt"),
    ]
    why = (intake.folder / "failed" / "page.wav.txt").read_text()
    assert why.startswith("AUDIO_NOT_AUDIO: ")
    assert (await intake.health())["refused"] == 2


async def test_links_pipes_and_devices_are_refused(intake: Intake, tmp_path: Path) -> None:
    await intake.watch()
    secret = tmp_path / "secret.wav"
    secret.write_bytes(sound())
    (intake.folder / "link.wav").symlink_to(secret)
    (intake.folder / "null.wav").symlink_to("/dev/null")
    os.mkfifo(intake.folder / "pipe.wav")

    await intake.look(2)

    assert await intake.stems() == []
    assert intake.lie() == []
    assert secret.read_bytes() == sound()
    put_away = intake.lie("failed")
    assert [name for name in put_away if not name.endswith(".txt")] == [
        *("link.wav", "null.wav", "pipe.wav"),
    ]
    assert (intake.folder / "failed" / "link.wav.txt").read_text().startswith("FILE_NOT_REGULAR")


async def test_files_may_stay_where_they_are_and_are_remembered(intake: Intake) -> None:
    await intake.watch(after="leave")
    intake.put("one.wav")
    intake.put("page.wav", b"<html>")
    await intake.look(2)
    first = await intake.health()

    await intake.look(2)
    second = await intake.health()

    assert await intake.stems() == ["one"]
    assert intake.lie() == ["one.wav", "page.wav"]
    assert (first["taken"], first["refused"]) == (1, 1)
    assert (second["taken"], second["refused"], second["waiting"]) == (0, 0, 0)


async def test_another_recording_under_a_name_that_was_taken_is_another_call(
    intake: Intake,
) -> None:
    await intake.watch(after="leave")
    intake.put("one.wav", sound(1))
    await intake.look(2)
    intake.put("one.wav", sound(2), at=NOON + timedelta(hours=1))

    await intake.look(2)

    calls = await intake.calls()
    assert [call["callid"].rpartition("-")[0] for call in calls] == ["one", "one"]
    assert calls[0]["callid"] != calls[1]["callid"]


async def test_the_same_file_twice_is_one_call_and_no_file_is_overwritten(
    intake: Intake,
) -> None:
    await intake.watch()
    for _ in range(2):
        intake.put("one.wav")
        await intake.look(2)

    assert await intake.stems() == ["one"]
    assert intake.lie("done") == ["one.wav", "one~2.wav"]
    assert (await intake.health())["duplicates"] == 1


async def test_a_look_that_ended_before_its_moves_is_made_up_for(intake: Intake) -> None:
    """The end of a process after the commit: rows are there, files have not been moved."""
    await intake.watch()
    intake.put("one.wav")
    intake.put("page.wav", b"<html>")
    await intake.look()
    (intake.folder / "done").write_bytes(b"")
    (intake.folder / "failed").write_bytes(b"")

    await intake.look()
    held = await intake.health()
    for name in ("done", "failed"):
        (intake.folder / name).unlink()
    await intake.look()

    assert held["error"].startswith("FOLDER_UNUSABLE")
    assert await intake.stems() == ["one"]
    assert intake.lie("done") == ["one.wav"]
    assert intake.lie("failed") == ["page.wav", "page.wav.txt"]


async def test_a_look_that_dies_in_the_middle_is_gone_on_with(intake: Intake) -> None:
    source = await intake.watch()
    for name in ("a.wav", "b.wav", "c.wav"):
        intake.put(name)
    await intake.look()
    written = 0

    async def dying(fn: Callable[[Session], Awaitable[Any]]) -> Any:
        nonlocal written
        written += 1
        if written == 3:  # the notes, the first recording, and then no more
            raise StorageUnavailableError
        return await intake.db.write(fn)

    with pytest.raises(StorageUnavailableError):
        await watching.look_once(intake.db, intake.server.services, UUID(source), dying)
    half = await intake.stems()
    await intake.look()

    assert half == ["a"]
    assert await intake.stems() == ["a", "b", "c"]
    assert intake.lie("done") == ["a.wav", "b.wav", "c.wav"]


async def test_files_from_before_the_day_that_a_source_names_are_left_to_backfills(
    intake: Intake,
) -> None:
    await intake.watch(since="2026-01-05T00:00:00Z")
    intake.put("old.wav", at=NOON - timedelta(days=1))
    intake.put("new.wav")

    await intake.look(2)

    assert await intake.stems() == ["new"]
    assert intake.lie() == ["old.wav"]


async def test_a_source_that_is_off_or_deleted_is_not_looked_at(intake: Intake) -> None:
    source = await intake.watch()
    path = f"/pipeline/{{bid}}/sources/{source}"
    await intake.told("PATCH", path, json={"enabled": False})
    intake.put("one.wav")
    await intake.look(2)
    off = await intake.stems()
    await intake.told("PATCH", path, json={"enabled": True})
    await intake.look()
    await intake.told("DELETE", path)
    await intake.look(2)

    assert off == []
    assert await intake.stems() == []
    assert intake.lie() == ["one.wav"]


async def test_no_more_is_taken_while_too_much_waits(intake: Intake) -> None:
    await intake.watch()
    pushed = {"callid": "pushed", "audio_url": "https://example.org/a.wav"}
    await intake.told("POST", "/ingest/{bid}/calls", json={"calls": [pushed]})
    full = Backlog(intake.server.storage, PipelineSettings(most_queued=1))
    intake.server.services.add(Backlog, full)
    intake.put("one.wav")

    await intake.look(2)

    assert [call["callid"] for call in await intake.calls()] == ["pushed"]
    assert intake.lie() == ["one.wav"]
    assert (await intake.health())["held"] == "BACKLOG_FULL"


async def test_a_business_watches_its_own_folders_only(
    intake: Intake, theirs: Resident, tmp_path: Path
) -> None:
    (intake.root / theirs.bid).mkdir()
    (tmp_path / "outside").mkdir()
    (intake.folder / "way-out").symlink_to(tmp_path / "outside")
    (intake.folder / "inner").mkdir()
    foreign = str(intake.root / theirs.bid)
    forbidden = {
        foreign: "FOLDER_NOT_ALLOWED",
        str(intake.root): "FOLDER_NOT_ALLOWED",
        str(tmp_path / "outside"): "FOLDER_NOT_ALLOWED",
        f"{intake.folder}/../{theirs.bid}": "FOLDER_NOT_ALLOWED",
        f"{intake.folder}/way-out": "FOLDER_NOT_ALLOWED",
        "/etc": "FOLDER_NOT_ALLOWED",
        f"{intake.folder}/not-there": "FOLDER_UNREADABLE",
    }
    for path, code in forbidden.items():
        body = {"name": "x", "kind": "folder", "path": path}
        reply = await intake.ask("POST", "/pipeline/{bid}/sources", json=body)
        assert (reply.status_code, reply.json()["error_code"]) == (422, code), path

    assert await intake.watch(path=f"{intake.folder}/inner")
    intake.settings.folders = ()
    body = {"name": "y", "kind": "folder", "path": str(intake.folder)}
    reply = await intake.ask("POST", "/pipeline/{bid}/sources", json=body)
    assert "LOCUTORY_INTAKE__FOLDERS" in reply.json()["detail"]


async def test_a_folder_that_becomes_a_link_later_is_not_followed(
    intake: Intake, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes(sound())
    inner = intake.folder / "inner"
    inner.mkdir()
    await intake.watch(path=str(inner))
    inner.rmdir()
    inner.symlink_to(outside)

    await intake.look(2)

    assert await intake.stems() == []
    assert (await intake.health())["error"].startswith("FOLDER_NOT_ALLOWED")
