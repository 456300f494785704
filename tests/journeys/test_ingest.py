"""`locutory calls ingest` as a person uses it: real files, a real process, an empty data folder."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import soundfile

from locutory.app import compose, create_app
from locutory.kernel.settings import Settings
from locutory.products.calls.demo import path

PROGRAM = Path(sys.executable).with_name("locutory")
TIMEOUT_S = 60

# name, demo call, format, subtype, mixed to one channel, what lies beside it
RECORDINGS = (
    ("eight-bit.wav", "hc-0004", "WAV", "PCM_U8", True, None),
    ("sixteen-bit.wav", "hc-0001", "WAV", "PCM_16", False, "hc-0001.srt"),
    ("twenty-four-bit.wav", "hc-0003", "WAV", "PCM_24", False, "hc-0003.json"),
    ("mu-law.wav", "hc-0005", "WAV", "ULAW", False, "hc-0005.vtt"),
    ("a-law.wav", "hc-0013", "WAV", "ALAW", True, None),
    ("false-stereo.wav", "hc-0026", "WAV", "PCM_16", False, "hc-0026.vtt"),
    ("stereo.mp3", "hc-0006", "MP3", "MPEG_LAYER_III", False, None),
    ("mono.mp3", "hc-0008", "MP3", "MPEG_LAYER_III", True, "hc-0008.vtt"),
    ("vorbis.ogg", "hc-0009", "OGG", "VORBIS", False, "another shape"),
    ("opus of a call.ogg", "hc-0002", "OGG", "OPUS", False, None),
)
WITH_WORDS = {"sixteen-bit", "twenty-four-bit", "mu-law", "false-stereo", "mono"}


def make_recordings(folder: Path) -> None:
    folder.mkdir()
    for name, call, container, subtype, mixed, beside in RECORDINGS:
        sound, rate = soundfile.read(path(f"audio/{call}.ogg"), always_2d=True)
        samples = sound.mean(axis=1) if mixed else sound
        soundfile.write(folder / name, samples, rate, format=container, subtype=subtype)
        if beside == "another shape":
            (folder / name).with_suffix(".json").write_text('{"exported_by": "the switchboard"}')
        elif beside is not None:
            sidecar = (folder / name).with_suffix(Path(beside).suffix)
            shutil.copy(path(f"transcripts/{beside}"), sidecar)


@dataclass
class Desk:
    """A folder of recordings and an installation of its own."""

    home: Path
    calls: Path

    def environment(self, **more: str) -> dict[str, str]:
        own = {"LOCUTORY_DATA_DIR": str(self.home / "data"), "COLUMNS": "200"}
        return {**os.environ, **own, **more}

    def ingest(self, *args: str | Path, bid: str = "demo") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, "calls", "ingest", *args, "--bid", bid],
            cwd=self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "data" / "locutory.db")) as database:
            return database.execute(sql).fetchall()

    def settings(self) -> Settings:
        return Settings(data_dir=self.home / "data", auth={"mode": "open_loopback"})

    async def read(self, callid: str) -> dict[str, Any]:
        server = compose(self.settings())
        async with server.running(work=False):
            transport = httpx2.ASGITransport(create_app(server, work=False))
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                reply = await client.get(f"/call-records/demo/{callid}")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found


@dataclass
class Done:
    """An installation that has taken the folder in once."""

    desk: Desk
    first: subprocess.CompletedProcess[str]

    def callid(self, stem: str) -> str:
        found = [row[0] for row in self.desk.rows("SELECT callid FROM calls_record")]
        [one] = [callid for callid in found if callid.startswith(f"{stem}-")]
        return one


@pytest.fixture(scope="module")
def make_desk(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Desk]:
    calls = tmp_path_factory.mktemp("ingest") / "calls"
    make_recordings(calls)
    return lambda: Desk(tmp_path_factory.mktemp("desk"), calls)


@pytest.fixture(scope="module")
def done(make_desk: Callable[[], Desk]) -> Done:
    desk = make_desk()
    return Done(desk, desk.ingest(desk.calls, "--wait"))


def test_a_folder_of_ten_recordings_is_taken_in_and_shown_as_a_table(done: Done) -> None:
    assert done.first.returncode == 0, done.first.stderr
    assert "made the business demo" in done.first.stderr
    head, *lines = done.first.stdout.splitlines()
    assert " ".join(head.split()) == "call speakers minutes talk ratio sentiment score status"
    assert len(lines) == 10
    assert all(" done" in line for line in lines)
    assert sum(line.rstrip().endswith("no words") for line in lines) == 5


def test_a_second_run_doubles_nothing_and_prints_an_object_a_call(done: Done) -> None:
    second = done.desk.ingest(done.desk.calls, "--wait", "--json")

    assert second.returncode == 0, second.stderr
    rows = [json.loads(line) for line in second.stdout.splitlines()]
    assert len(rows) == 10
    assert {row["status"] for row in rows} == {"done"}
    assert {row["callid"].rpartition("-")[0] for row in rows if row["has_words"]} == WITH_WORDS
    assert all(row["speakers"] >= 1 and row["minutes"] > 0.4 for row in rows)
    assert all(row["score"] is not None for row in rows if row["has_words"])
    assert "made the business" not in second.stderr
    for table in ("calls_record", "calls_transcript", "calls_analysis"):
        assert done.desk.rows(f"SELECT count(*) FROM {table}") == [(10,)]


async def test_a_call_with_words_reads_with_turns_figures_scores_and_their_origin(
    done: Done,
) -> None:
    call = await done.desk.read(done.callid("sixteen-bit"))

    assert call["transcript"]["origin"] == "sidecar"
    assert call["transcript"]["engine"].startswith("sidecar/")
    assert call["transcript"]["turns"][0]["role"] == "agent"
    assert "Harbour Clinic" in call["transcript"]["turns"][0]["text"]
    assert call["true_stereo"] is True
    assert call["metrics"]["basis"] == "channel"
    assert 0 < call["metrics"]["talk_ratio"] < 1
    [quality] = call["scores"]
    assert quality["total"] == call["score"]
    quotes = [one for row in quality["parameters"] for one in row["evidence"]]
    said = " ".join(turn["text"] for turn in call["transcript"]["turns"])
    assert quotes
    assert all(one["verified"] and one["quote"] in said for one in quotes)
    assert call["analysis"]["_meta"]["quality_score"]["source"] == "rules"
    assert call["analysis"]["_meta"]["quality_score"]["engine"] == "locutory-rules/1"
    assert [stage["state"] for stage in call["stages"]] == ["ok", "ok", "ok"]


async def test_a_call_without_words_has_turns_and_figures_and_invents_nothing(done: Done) -> None:
    call = await done.desk.read(done.callid("stereo"))

    assert call["transcript"]["origin"] == "acoustic"
    assert "no_words" in call["flags"]
    assert len(call["transcript"]["turns"]) > 4
    assert {turn["text"] for turn in call["transcript"]["turns"]} == {""}
    assert call["metrics"]["talk_ratio"] is not None
    assert call["sentiment"] is None


async def test_a_sidecar_of_another_shape_is_said_on_the_call(done: Done) -> None:
    call = await done.desk.read(done.callid("vorbis"))

    assert "sidecar_ignored" in call["flags"]
    assert call["transcript"]["origin"] == "acoustic"


async def test_two_channels_with_one_sound_are_flagged(done: Done) -> None:
    call = await done.desk.read(done.callid("false-stereo"))

    assert "false_stereo" in call["flags"]
    assert call["true_stereo"] is False
    assert call["has_words"] is True


def test_an_unknown_business_is_an_error_where_there_are_others(done: Done) -> None:
    run = done.desk.ingest(done.desk.calls, "--wait", bid="nobody")

    assert run.returncode == 1
    assert "there is no business 'nobody'" in run.stderr
    assert "BID_NOT_FOUND" in run.stderr
    assert "Traceback" not in run.stderr
    assert done.desk.rows("SELECT count(*) FROM calls_record") == [(10,)]


def test_a_place_without_recordings_is_an_error(done: Done, tmp_path: Path) -> None:
    run = done.desk.ingest(tmp_path)

    assert run.returncode == 1
    assert "NOTHING_TO_INGEST" in run.stderr


def test_a_transcript_is_given_to_one_recording_by_hand(make_desk: Callable[[], Desk]) -> None:
    desk = make_desk()
    words = path("transcripts/hc-0002.vtt")

    run = desk.ingest(desk.calls / "opus of a call.ogg", "--transcript", words, "--wait", "--json")

    assert run.returncode == 0, run.stderr
    [row] = [json.loads(line) for line in run.stdout.splitlines()]
    assert row["has_words"] is True
    assert row["callid"].startswith("opus-of-a-call-")


def test_a_file_that_is_no_recording_fails_alone_and_the_exit_code_says_so(
    make_desk: Callable[[], Desk], tmp_path: Path
) -> None:
    page = tmp_path / "page.wav"
    page.write_text("<html><body>Please log in</body></html>")
    desk = make_desk()

    run = desk.ingest(page, desk.calls / "stereo.mp3", "--wait", "--json")

    assert run.returncode == 1
    bad, good = [json.loads(line) for line in run.stdout.splitlines()]
    assert (bad["status"], bad["reason"]) == ("failed", "AUDIO_NOT_AUDIO")
    assert "an HTML page" in bad["detail"]
    assert good["status"] == "done"


def test_an_interrupted_wait_leaves_jobs_queued_that_a_later_run_finishes(
    make_desk: Callable[[], Desk],
) -> None:
    desk = make_desk()
    with subprocess.Popen(
        [PROGRAM, "calls", "ingest", desk.calls, "--bid", "demo", "--wait"],
        cwd=desk.home,
        env=desk.environment(LOCUTORY_STT__CONCURRENCY="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if "has ended" in line)
        run.send_signal(signal.SIGINT)
        out, rest = run.communicate(timeout=TIMEOUT_S)

    assert run.returncode == 1
    assert "Traceback" not in rest
    assert "pending" in out
    [(queued,)] = desk.rows("SELECT count(*) FROM kernel_job WHERE state = 'queued'")
    assert queued > 0
    assert desk.rows("SELECT count(*) FROM calls_record") == [(10,)]

    later = desk.ingest(desk.calls, "--wait", "--json")

    assert later.returncode == 0, later.stderr
    statuses = [json.loads(line)["status"] for line in later.stdout.splitlines()]
    assert statuses == ["done"] * 10
    assert desk.rows("SELECT count(*) FROM calls_transcript") == [(10,)]
