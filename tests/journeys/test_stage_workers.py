"""One stage of one business as a process of its own."""

import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile
from sqlalchemy import NullPool, create_engine, text
from tests.conftest import free_port

from locutory.products.calls.demo import path

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Process


class Office:
    """A data directory with two businesses, and commands on it."""

    def __init__(self, folder: Path, forker: "Forker") -> None:
        self.folder, self.forker, self.count = folder, forker, 0
        sound, rate = soundfile.read(path("audio/hc-0009.ogg"), frames=24_000, dtype="int16")
        soundfile.write(folder / "talk.wav", sound, rate, subtype="PCM_16")

    def start(self, *run: str) -> "Process":
        self.count += 1
        env = {"LOCUTORY_DATA_DIR": str(self.folder / "data")}
        return self.forker.start(*run, env=env, log=self.folder / f"{self.count}.log")

    def run(self, *run: str) -> tuple[int, str]:
        process = self.start(*run)
        return process.end(), process.log.read_text()

    def statuses(self) -> dict[str, str]:
        engine = create_engine(f"sqlite:///{self.folder}/data/locutory.db", poolclass=NullPool)
        query = text(
            "SELECT t.slug, r.status FROM calls_record r JOIN kernel_tenant t ON t.id = r.tenant_id"
        )
        with engine.connect() as connection:
            return dict(connection.execute(query).all())


def test_a_stage_of_one_business_is_worked_alone_and_sigterm_drains(
    tmp_path: Path, forker: "Forker", until: Callable[[Callable[[], Any], str], Any]
) -> None:
    office = Office(tmp_path, forker)
    for bid in ("6004", "7417"):
        assert office.run("calls", "register", "--bid", bid)[0] == 0
        assert office.run("calls", "ingest", str(tmp_path / "talk.wav"), "--bid", bid)[0] == 0

    once = office.run("calls", "run", "--bid", "6004", "--stage", "transcribe")
    after_once = office.statuses()
    lasting = office.start("calls", "run", "--continuous", "--bid", "7417", "--stage", "transcribe")
    until(lambda: office.statuses()["7417"] == "transcribed", "the second business's transcript")
    lasting.send(signal.SIGTERM)
    assert lasting.end() == 0
    after_lasting = office.statuses()
    rest = office.run("calls", "run")

    assert once[0] == 0
    assert once[1].startswith("1 jobs run, nothing is left\n")
    assert after_once == {"6004": "transcribed", "7417": "pending"}
    assert after_lasting == {"6004": "transcribed", "7417": "transcribed"}
    assert rest[0] == 0
    assert office.statuses() == {"6004": "done", "7417": "done"}


def test_a_slip_names_what_there_is(tmp_path: Path, forker: "Forker") -> None:
    office = Office(tmp_path, forker)
    office.run("calls", "register", "--bid", "6004")

    stage = office.run("calls", "run", "--stage", "transcription")
    queue = office.run("worker", "--queue", "transcription")
    bid = office.run("calls", "run", "--bid", "nobody")

    assert stage[0] == queue[0] == bid[0] == 1
    assert "there are transcribe, analyze, index" in stage[1]
    assert "there is no queue transcription" in queue[1]
    assert len(bid[1].strip().splitlines()) == 1


def test_a_worker_shows_its_figures(
    tmp_path: Path, forker: "Forker", until: Callable[[Callable[[], Any], str], Any]
) -> None:
    office, port = Office(tmp_path, forker), free_port()
    office.run("calls", "register", "--bid", "6004")
    office.run("calls", "ingest", str(tmp_path / "talk.wav"), "--bid", "6004")

    worker = office.start("worker", "--metrics-port", str(port))
    until(lambda: office.statuses() == {"6004": "done"}, "the call's end")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
        shown = reply.read().decode()
    worker.send(signal.SIGTERM)

    assert worker.end() == 0
    assert "calls_transcribed_total{" in shown or "stt_duration_seconds_count" in shown
