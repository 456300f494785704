import asyncio
from pathlib import Path

import pytest

from locutory.kernel.scratch import sweep, work_folder


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_folder_goes_with_its_work(tmp_path: Path) -> None:
    async def fail() -> None:
        async with work_folder(tmp_path / "tmp") as folder:
            (folder / "half").write_bytes(b"1")
            raise ValueError("the work failed")

    with pytest.raises(ValueError, match="the work failed"):
        await fail()

    assert left_in(tmp_path / "tmp") == []


async def test_sweeping_takes_what_nobody_holds_and_leaves_the_rest(tmp_path: Path) -> None:
    left = tmp_path / "of-a-dead-process"
    left.mkdir()
    (left / "half").write_bytes(b"1")

    async with work_folder(tmp_path) as mine:
        swept = sweep(tmp_path)

        assert (swept, left.exists(), mine.exists()) == (1, False, True)


def test_there_is_nothing_to_sweep_before_the_first_work(tmp_path: Path) -> None:
    assert sweep(tmp_path / "tmp") == 0


async def test_a_folder_that_nobody_waits_for_any_more_goes_too(tmp_path: Path) -> None:
    async def work() -> None:
        async with work_folder(tmp_path):
            raise AssertionError("it was cancelled before")

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await task
    await asyncio.sleep(0)

    assert working.cancelled()
    assert left_in(tmp_path) == []
