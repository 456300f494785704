"""`locutory calls status | pause | resume | redrive` as an operator uses them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Ran


@pytest.fixture
def run(tmp_path: Path, forker: "Forker") -> Callable[..., "Ran"]:
    env = {"LOCUTORY_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}

    def run(*words: str) -> "Ran":
        return forker.run("calls", *words, env=env, folder=tmp_path)

    return run


def test_an_operator_looks_holds_and_lets_go(run, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    run("ingest", "broken.wav", "--bid", "demo", "--wait")

    paused = run("pause", "--bid", "demo", "--stage", "transcribe")
    status = run("status", "--bid", "demo")
    refused = run("redrive", "--bid", "demo")
    redriven = run("redrive", "--bid", "demo", "--provider", "stub")
    resumed = run("resume", "--bid", "demo")
    found = json.loads(run("status", "--bid", "demo", "--json").stdout)

    assert "transcribe: paused, 0 ready, 0 running" in paused.stdout, paused.stderr
    assert "transcribe is paused: PAUSED" in status.stdout
    assert "1 failed" in status.stdout
    assert (refused.returncode, "0 queued again" in refused.stdout) == (1, True)
    assert (redriven.returncode, redriven.stdout) == (0, "1 queued again\n")
    assert "transcribe: open, 1 ready" in resumed.stdout
    assert found["queues"]["transcribe"]["ready"] == 1


def test_a_slip_is_one_line(run) -> None:
    for words in (
        ("status", "--bid", "nobody"),
        ("pause", "--bid", "nobody", "--stage", "dance"),
        ("redrive", "--bid", "nobody", "--code", "a b"),
    ):
        done = run(*words)

        assert done.returncode == 1
        assert done.stderr.startswith("locutory: ")
        assert len(done.stderr.splitlines()) == 1
