"""Calls that share a provider's job: packed, heard, and failing each alone."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import CHEAP
from tests.products.calls.pipeline.test_speech import spoken
from tests.stubs import sarvam
from tests.stubs.sarvam import FileTrouble, SarvamStub
from tests.stubs.vendor import served

from locutory import app
from locutory.kernel.settings import (
    DatabaseSettings,
    LimitSettings,
    SarvamSettings,
    Settings,
    SttSettings,
)

if TYPE_CHECKING:
    from tests.products.calls.pipeline.conftest import House

pytestmark = pytest.mark.both_databases

SAID = [line[3] for line in sarvam.TALK]
LONG_S = 60.0


@pytest.fixture(scope="module")
def mono() -> bytes:
    return spoken(channels=1, seconds=3.0)


@pytest.fixture(scope="module")
def stereo() -> bytes:
    return spoken(channels=2, seconds=35.0)


@pytest.fixture
def india() -> Iterator[SarvamStub]:
    with served(SarvamStub()) as stub:
        yield stub


@pytest.fixture
def packing(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Three files make a job: nobody waits any longer than for the third."""
    return getattr(request, "param", {"job_files": 3, "linger_s": LONG_S})


@pytest.fixture
async def server(
    tmp_path: Path, database_url: str, india: SarvamStub, packing: dict[str, Any]
) -> AsyncIterator[app.Server]:
    own = SarvamSettings(api_key=sarvam.KEY, base_url=india.url, poll_s=0.001, **packing)
    settings = Settings(
        data_dir=tmp_path / "data",
        database=DatabaseSettings(url=database_url),
        auth=CHEAP,
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        stt=SttSettings(provider="sarvam", sarvam=own),
    )
    async with app.compose(settings).running(work=False) as server:
        yield server


async def words_of(house: "House", callid: str) -> list[str]:
    call = await house.call(callid)
    return [turn["text"] for turn in call["transcript"]["turns"]]


async def kept(house: "House") -> list[tuple[Any, ...]]:
    rows = await house.rows("SELECT submissions, started IS NOT NULL FROM calls_speech_job")
    return [(row[0], bool(row[1])) for row in rows]


async def test_three_calls_are_one_job_and_each_has_its_own_words(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    for n in range(3):
        await house.upload(f"c-{n}", mono, None)
        india.script[f"{n}-mixed.wav"] = ((str(n), 0.1, 0.9, f"word number {n}"),)
    await house.work()

    (job,) = india.jobs.values()
    assert (sorted(job.files), job.starts) == (["0-mixed.wav", "1-mixed.wav", "2-mixed.wav"], 1)
    said = [await words_of(house, f"c-{n}") for n in range(3)]
    assert sorted(said) == [["word number 0"], ["word number 1"], ["word number 2"]]
    assert await kept(house) == [(1, True)] * 3


async def test_what_does_not_fit_is_the_next_job(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    for n in range(6):
        await house.upload(f"c-{n}", mono, None)
    await house.work()

    assert [len(job.files) for job in india.jobs.values()] == [3, 3]
    assert india.starts == 2
    assert (await house.status())["status_counts"]["done"] == 6


@pytest.mark.parametrize("packing", [{"job_files": 4, "linger_s": LONG_S}], indirect=True)
async def test_only_what_is_asked_for_alike_shares_a_job(
    house: "House", mono: bytes, stereo: bytes, india: SarvamStub
) -> None:
    for n in range(4):
        await house.upload(f"mono-{n}", mono, None)
    for n in range(2):
        await house.upload(f"stereo-{n}", stereo, None)
    await house.work()

    jobs = [(len(job.files), job.parameters["num_speakers"]) for job in india.jobs.values()]
    assert (sorted(jobs), india.starts) == ([(4, 1), (4, 2)], 2)
    assert (await house.status())["status_counts"]["done"] == 6


@pytest.mark.parametrize("packing", [{"job_files": 2, "linger_s": 0.3}], indirect=True)
async def test_businesses_share_no_job(
    house: "House", neighbour: "House", mono: bytes, india: SarvamStub
) -> None:
    await house.upload("c-1", mono, None)
    await neighbour.upload("c-1", mono, None)
    await house.work()

    assert sorted(len(job.files) for job in india.jobs.values()) == [1, 1]
    assert (await house.call("c-1"))["status"] == (await neighbour.call("c-1"))["status"] == "done"


async def test_a_file_fails_alone(house: "House", mono: bytes, india: SarvamStub) -> None:
    india.trouble["1-mixed.wav"] = FileTrouble("API Error", "unsupported audio codec")
    for n in range(3):
        await house.upload(f"c-{n}", mono, None)
    await house.work()

    counts = (await house.status())["status_counts"]
    (letter,) = (await house.told("GET", "/dlq/{bid}"))["items"]
    assert (counts["done"], counts["failed"]) == (2, 1)
    assert letter["code"] == "STT_REFUSED"
    assert (len(india.jobs), india.starts) == (1, 1)


@pytest.mark.parametrize("packing", [{"job_files": 3, "linger_s": 2.0}], indirect=True)
async def test_a_circle_that_breaks_pays_for_nothing_and_forms_anew(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    india.fail("0-mixed.wav", sarvam.BROKEN, times=3)  # one request, with its retries
    for n in range(3):
        await house.upload(f"c-{n}", mono, None)
    await house.work()

    assert (await house.status())["status_counts"]["done"] == 3
    heard = [name for job in india.jobs.values() if job.starts for name in job.files]
    assert len(heard) == 3
    assert [job.starts for job in list(india.jobs.values())[:2]] == [0, 1]
    assert [row[0] for row in await kept(house)] == [1, 1, 1]


@pytest.mark.parametrize("lost", ["/start", "/status"])
async def test_an_answer_that_is_lost_does_not_start_it_again(
    house: "House", mono: bytes, india: SarvamStub, lost: str
) -> None:
    india.fail(lost, sarvam.CUT, times=2, after=True)
    for n in range(3):
        await house.upload(f"c-{n}", mono, None)
    await house.work()

    assert (await house.status())["status_counts"]["done"] == 3
    assert (len(india.jobs), india.starts) == (1, 1)


async def test_a_call_that_was_given_up_elsewhere_keeps_the_job_from_starting(
    house: "House", mono: bytes, india: SarvamStub
) -> None:
    """As if its lease had run out and another process had found the job that is not started."""
    engine: Any = house.server.services.get(app.STTProvider)
    upload, taken = engine.upload, list[str]()

    async def upload_and_lose(request: Any, ref: str) -> None:
        await upload(request, ref)
        if not taken:
            taken.append(ref)
            await house.change(
                "UPDATE calls_speech_job SET ref = NULL, started = NULL, submissions = 0"
                f" WHERE ref = '{ref}'"
            )

    engine.upload = upload_and_lose
    for n in range(3):
        await house.upload(f"c-{n}", mono, None)
    await house.work()

    first, *others = india.jobs.values()
    assert (first.starts, len(first.files)) == (0, 3)
    assert sum(len(job.files) for job in others if job.starts == 1) == 3
    assert (await house.status())["status_counts"]["done"] == 3
