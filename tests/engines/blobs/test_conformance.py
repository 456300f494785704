"""What every blob store must do."""

from pathlib import Path

import pytest

from locutory.engines.blobs import BlobMissing, BlobStore, LocalBlobs


@pytest.fixture(params=["local"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return {"local": LocalBlobs}[request.param](tmp_path / "blobs")


async def test_what_is_put_is_got(blobs: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(b"from a file")

    await blobs.put("t1/a/one", b"from memory")
    await blobs.put_file("t1/b/two", source)

    assert await blobs.get("t1/a/one") == b"from memory"
    async with blobs.local_copy("t1/b/two") as path:
        assert path.read_bytes() == b"from a file"
    assert await blobs.size("t1/b/two") == 11
    assert sorted([key async for key in blobs.keys("t1")]) == ["t1/a/one", "t1/b/two"]


async def test_a_second_put_replaces_the_first(blobs: BlobStore) -> None:
    await blobs.put("k", b"1")
    await blobs.put("k", b"2")

    assert await blobs.get("k") == b"2"


async def test_what_is_missing_or_deleted_says_so(blobs: BlobStore) -> None:
    await blobs.put("k", b"1")
    await blobs.delete("k")
    await blobs.delete("k")

    assert await blobs.size("k") is None
    with pytest.raises(BlobMissing):
        await blobs.get("k")
    with pytest.raises(BlobMissing):
        async with blobs.local_copy("k"):
            pass


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", ""])
async def test_a_key_cannot_leave_the_store(blobs: BlobStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.put(key, b"x")


async def test_a_half_written_file_is_no_blob_and_goes_at_the_next_start(tmp_path: Path) -> None:
    half = tmp_path / "blobs" / ".partial" / "of-a-dead-process" / "blob"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"ha")

    blobs = LocalBlobs(tmp_path / "blobs")

    assert [key async for key in blobs.keys("")] == []
    assert not half.exists()
    with pytest.raises(ValueError, match="not a blob key"):
        await blobs.get(".partial/of-a-dead-process/blob")
