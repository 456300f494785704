"""`locutory calls register FILE | watch | backfill`, also when they are killed in the middle."""

import csv
import io
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locutory.app import compose
from locutory.kernel.settings import Settings
from locutory.products.calls.sources import keeping, operator
from locutory.products.calls.sources.source_schemas import SourceCreate

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker, Ran

AGES = ("--from", "2020-01-01", "--to", "2999-01-01")
KILLED = 137  # what a shell would say of kill -9
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, forker: "Forker") -> Run:
    plain = {
        "COLUMNS": "200",
        "LOCUTORY_DATA_DIR": str(tmp_path / "data"),
        "LOCUTORY_INTAKE__FOLDERS": json.dumps([str(tmp_path / "in")]),
        "LOCUTORY_INTAKE__SETTLE_S": "0",
        "LOCUTORY_INTAKE__SIDECAR_WAIT_S": "0",
    }

    def run(*words: str, **settings: str) -> "Ran":
        more = {f"LOCUTORY_{name}": value for name, value in settings.items()}
        return forker.run("calls", *words, env=plain | more, folder=tmp_path)

    return run


def told(done: "Ran") -> Any:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def is_killed(done: "Ran") -> bool:
    return done.returncode in (KILLED, KILLED - 256, -9)


def counted(run: Run) -> int:
    return sum(told(run("status", "--bid", "demo", "--json"))["status_counts"].values())


def rows(path: Path, number: int) -> None:
    """A CSV of another system, as spreadsheets in Europe write it, with one bad line."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["UniqueID", "direction", "starttime", "Shop"])
        for n in range(number):
            callid = "not a call id" if n == 700 else f"c-{n:05}"
            writer.writerow([callid, "inbound", f"2026-01-05T10:{n % 60:02}:00Z", "North"])


def test_rows_of_a_file_become_calls_and_bad_ones_are_named_by_their_line(
    run: Run, tmp_path: Path
) -> None:
    rows(tmp_path / "calls.csv", 1200)
    ask = ("register", "--bid", "demo", "calls.csv", "--map", "callid=UniqueID", "--json")

    dry = run(*ask, "--dry-run")
    nothing = counted(run)
    done = run(*ask, "--report", "bad.csv")
    again = run(*ask)

    expected = {"line": 1201, "created": 1199, "updated": 0, "known": 0, "rejected": 1}
    assert told(dry) == told(done) == expected
    assert nothing == 0
    assert told(again) == expected | {"created": 0, "known": 1199}
    assert (dry.returncode, done.returncode) == (1, 1)
    assert counted(run) == 1199
    with (tmp_path / "bad.csv").open(newline="") as file:
        bad = list(csv.DictReader(file))
    assert [(row["line"], row["code"]) for row in bad] == [("702", "CALLID_INVALID")]


def test_a_run_that_was_killed_goes_on_where_it_was(run: Run, tmp_path: Path) -> None:
    rows(tmp_path / "calls.csv", 2200)
    ask = ("register", "--bid", "demo", "calls.csv", "--map", "callid=UniqueID", "--json")
    run("register", "--bid", "demo")

    killed = run(*ask, FAILPOINT="calls.ingest.before_commit:3")
    half = counted(run)
    done = told(run(*ask))

    assert is_killed(killed), killed.returncode
    assert half == 999  # two batches of five hundred, one of them with the bad row
    assert (done["created"], done["known"], done["rejected"]) == (2199, 0, 1)
    assert counted(run) == 2199


def test_json_lines_are_rows_too(run: Run, tmp_path: Path) -> None:
    lines = ['{"id": "a", "score": 4}', "{", '["b"]', "", '{"id": "c", "started_at": "never"}']
    (tmp_path / "calls.jsonl").write_text("\n".join(lines))

    done = run("register", "--bid", "demo", "calls.jsonl", "--report", "bad.csv", "--json")

    assert (told(done)["created"], told(done)["rejected"]) == (1, 3)
    with (tmp_path / "bad.csv").open(newline="") as file:
        found = [(row["line"], row["code"]) for row in csv.DictReader(file)]
    assert found == [("2", "ROW_UNREADABLE"), ("3", "ROW_UNREADABLE"), ("5", "INVALID")]


def test_a_slip_is_one_line(run: Run, tmp_path: Path) -> None:
    rows(tmp_path / "calls.csv", 1)
    for words in (
        ("register", "--bid", "demo", "nowhere.csv"),
        ("register", "--bid", "demo", "calls.csv", "--map", "callid=NoSuchColumn"),
        ("register", "--bid", "demo", "calls.csv", "--map", "callid"),
        ("watch", "--bid", "nobody"),
        ("backfill", "--bid", "demo", "--source", "x", *AGES),
    ):
        done = run(*words)

        assert done.returncode == 1, words
        assert done.stderr.startswith("locutory: "), done.stderr
        assert len(done.stderr.splitlines()) == 1


def sound(seed: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 1, 8000, 0, "NONE", ""))
        out.writeframes(bytes((128 + (n * 7 + seed) % 61) % 256 for n in range(8_000)))
    return buffer.getvalue()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def filled(tmp_path: Path, *, watched: bool) -> Path:
    """A folder of business demo with four recordings."""
    folder = tmp_path / "in" / "demo"
    folder.mkdir(parents=True)
    for n in range(4):
        (folder / f"call-{n}.wav").write_bytes(sound(n))
    source = SourceCreate(name="Dialler", kind="folder", path=str(folder), enabled=watched)
    async with compose(Settings(data_dir=tmp_path / "data")).running(work=False) as server:
        tenant = (await operator.business(server.storage, "demo")).tenant
        db = server.storage.database(tenant.id)
        told = {"tenant": tenant, "secrets": server.secrets, "actor": operator.OPERATOR}
        await db.write(lambda tx: keeping.create(tx, source, **told))
    return folder


@pytest.mark.parametrize(
    "failpoint", ["calls.ingest.files_kept", "calls.ingest.before_commit", "calls.ingest.committed"]
)
async def test_a_look_that_is_killed_loses_and_doubles_nothing(
    run: Run, tmp_path: Path, failpoint: str
) -> None:
    folder = await filled(tmp_path, watched=True)
    killed = run("watch", "--bid", "demo", FAILPOINT=f"{failpoint}:2")
    half = counted(run)
    looked = told(run("watch", "--bid", "demo", "--json"))["Dialler"]

    assert is_killed(killed), killed.returncode
    assert half == (2 if failpoint.endswith("committed") else 1)
    assert looked["error"] is None
    assert counted(run) == 4
    assert names_in(folder / "done") == [f"call-{n}.wav" for n in range(4)]
    assert names_in(folder) == ["done"]


async def test_a_past_is_walked_at_the_command_line(run: Run, tmp_path: Path) -> None:
    folder = await filled(tmp_path, watched=False)
    words = ("backfill", "--bid", "demo", "--source", "Dialler", "--wait", "--json")

    dry = told(run(*words, *AGES, "--dry-run"))
    done = told(run(*words, *AGES))

    assert (dry["state"], dry["created"]) == ("done", 4)
    assert (done["created"], done["duplicates"]) == (4, 0)
    assert counted(run) == 4
    assert len(names_in(folder)) == 4
