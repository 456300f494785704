"""What every blob store must do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.blobs.stores import bucket_of, stub_settings
from tests.stubs.s3 import S3Stub
from tests.stubs.vendor import served

from locutory.engines.blobs import BlobMissing, BlobStore, LocalBlobs
from locutory.engines.blobs.base import PIECE_BYTES

LONG = bytes(range(256)) * 44 * 1024  # 11 MB: several pieces to read, several parts to send


@pytest.fixture(params=["local", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    if request.param == "local":
        yield LocalBlobs(tmp_path / "blobs")
        return
    with served(S3Stub()) as stub:
        stub.page = 2
        yield bucket_of(stub_settings(stub), tmp_path)


async def test_what_is_put_is_got(blobs: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(b"from a file")

    await blobs.put("t1/a/one", b"from memory")
    await blobs.put_file("t1/b/two", source)

    assert await blobs.get("t1/a/one") == b"from memory"
    async with blobs.local_copy("t1/b/two") as path:
        assert path.read_bytes() == b"from a file"
    assert await blobs.size("t1/b/two") == 11
    assert source.read_bytes() == b"from a file"
    assert sorted([key async for key in blobs.keys("t1")]) == ["t1/a/one", "t1/b/two"]


async def test_a_second_put_replaces_the_first(blobs: BlobStore) -> None:
    await blobs.put("k", b"1")
    await blobs.put("k", b"2")

    assert await blobs.get("k") == b"2"


async def test_a_long_file_comes_back_in_pieces(blobs: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "long.bin"
    source.write_bytes(LONG)

    await blobs.put_file("long", source)
    pieces = [piece async for piece in blobs.read("long")]

    assert b"".join(pieces) == LONG
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert await blobs.size("long") == len(LONG)
    async with blobs.local_copy("long") as path:
        assert path.read_bytes() == LONG
    async with blobs.local_copy("long", least=1000) as path:
        assert path.read_bytes()[:1000] == LONG[:1000]


@pytest.mark.parametrize(
    ("first", "end"),
    [(0, 3), (3, 7), (9, 10), (4, None), (0, 100), (10, None), (50, 60), (5, 5)],
)
async def test_any_stretch_can_be_read(blobs: BlobStore, first: int, end: int | None) -> None:
    await blobs.put("k", b"0123456789")

    read = b"".join([piece async for piece in blobs.read("k", first, end)])

    assert read == b"0123456789"[first:end]


async def test_an_empty_file_is_a_file(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    await blobs.put("a", b"")
    await blobs.put_file("b", tmp_path / "empty")

    assert (await blobs.get("a"), await blobs.size("b")) == (b"", 0)
    async with blobs.local_copy("b") as path:
        assert path.read_bytes() == b""


async def test_keys_are_listed_by_whole_folders(blobs: BlobStore) -> None:
    for key in ("t1/a/1", "t1/a/2", "t1/a/3", "t1/ab/1", "t2/a/1"):
        await blobs.put(key, b"x")

    assert sorted([key async for key in blobs.keys("t1/a")]) == ["t1/a/1", "t1/a/2", "t1/a/3"]
    assert len([key async for key in blobs.keys("")]) == 5
    assert [key async for key in blobs.keys("t3")] == []


async def test_what_is_listed_may_be_deleted_meanwhile(blobs: BlobStore) -> None:
    for number in range(7):
        await blobs.put(f"t1/{number}", b"x")

    async for key in blobs.keys("t1"):
        await blobs.delete(key)

    assert [key async for key in blobs.keys("t1")] == []


async def test_what_is_missing_or_deleted_says_so(blobs: BlobStore, tmp_path: Path) -> None:
    await blobs.put("k", b"1")
    await blobs.delete("k")
    await blobs.delete("k")

    assert await blobs.size("k") is None
    with pytest.raises(BlobMissing):
        await blobs.get("k")
    with pytest.raises(BlobMissing):
        await anext(blobs.read("k", 0, 1))
    with pytest.raises(BlobMissing):
        async with blobs.local_copy("k"):
            pass
    with pytest.raises(FileNotFoundError):
        await blobs.put_file("k", tmp_path / "nothing")
    await blobs.check()


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", ""])
async def test_a_key_cannot_leave_the_store(blobs: BlobStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.put(key, b"x")
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.get(key)


async def test_a_half_written_file_is_no_blob_and_goes_at_the_next_start(tmp_path: Path) -> None:
    half = tmp_path / "blobs" / ".partial" / "of-a-dead-process" / "blob"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"ha")

    blobs = LocalBlobs(tmp_path / "blobs")

    assert [key async for key in blobs.keys("")] == []
    assert not half.exists()
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.get(".partial/of-a-dead-process/blob")
