"""A server whose recordings lie in a bucket is looked at, backed up and set up elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.journeys.test_backup import Site, recording
from tests.stubs.s3 import ACCESS_KEY, BUCKET, DENIED, REGION, SECRET_KEY, S3Stub
from tests.stubs.vendor import served

from locutory.cli.archive import read_manifest

if TYPE_CHECKING:
    from tests.journeys.conftest import Forker

ALWAYS = 1000


@pytest.fixture
def stub() -> Iterator[S3Stub]:
    with served(S3Stub()) as stub:
        yield stub


def at(stub: S3Stub, prefix: str = "one") -> dict[str, str]:
    """Settings that name a place in the bucket."""
    return {
        "BLOBS__URL": f"s3://{BUCKET}/{prefix}",
        "BLOBS__ENDPOINT": stub.url,
        "BLOBS__REGION": REGION,
        "BLOBS__ACCESS_KEY": ACCESS_KEY,
        "BLOBS__SECRET_KEY": SECRET_KEY,
        "JOBS__LEASE_S": "60",
    }


def site(folder: Path, forker: "Forker") -> Site:
    folder.mkdir()
    return Site(folder, f"sqlite+aiosqlite:///{folder}/data/locutory.db", forker)


@pytest.fixture
def old(tmp_path: Path, forker: "Forker", stub: S3Stub) -> Site:
    """A server with one call, whose recording is in the bucket."""
    old = site(tmp_path / "old", forker)
    assert old.run("calls", "register", "--bid", "6004", **at(stub))[0] == 0
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "c1.wav").write_bytes(recording(1, tmp_path))
    code, said = old.run(
        *("calls", "ingest", str(tmp_path / "in"), "--bid", "6004", "--wait"), **at(stub)
    )
    assert code == 0, said
    assert [key.partition("/")[0] for key in stub.objects] == ["one"]
    assert not (old.folder / "data" / "blobs").exists()
    return old


@pytest.fixture
def new(tmp_path: Path, forker: "Forker") -> Site:
    return site(tmp_path / "new", forker)


def doctor(one: Site, **settings: str) -> tuple[dict[str, Any], str]:
    """The finding on recordings, and all that was said."""
    _, said = one.run("doctor", "--json", **settings)
    found = {finding["part"]: finding for finding in json.loads(said)}
    return found["recordings"], said


def placed(stub: S3Stub, prefix: str) -> dict[str, bytes]:
    """What lies below a prefix of the bucket."""
    return {
        key.removeprefix(f"{prefix}/"): content
        for key, content in stub.objects.items()
        if key.startswith(f"{prefix}/")
    }


def test_the_doctor_writes_and_removes_a_file_and_tells_what_is_wrong(
    new: Site, stub: S3Stub
) -> None:
    well, _ = doctor(new, **at(stub))
    stub.fail("", DENIED, method="PUT", times=ALWAYS)
    reads_only, _ = doctor(new, **at(stub))
    stub.heal()
    secret, said = doctor(new, **{**at(stub), "BLOBS__SECRET_KEY": "guessed-wrong"})
    nowhere, _ = doctor(new, **{**at(stub), "BLOBS__URL": "s3://elsewhere"})
    nonsense, _ = doctor(new, BLOBS__URL="ftp://elsewhere")

    assert (well["state"], well["words"]) == ("ok", f"in s3://{BUCKET}/one")
    assert stub.objects == {}
    for finding, word in (
        (reads_only, "AccessDenied"),
        (secret, "SignatureDoesNotMatch"),
        (nowhere, "NoSuchBucket"),
        (nonsense, "LOCUTORY_BLOBS__URL must be"),
    ):
        assert finding["state"] == "must fix"
        assert word in finding["words"]
        assert "LOCUTORY_BLOBS__URL" in finding["mend"]
    assert "guessed-wrong" not in said


def test_a_backup_brings_the_bucket_along_and_fills_another(
    old: Site, new: Site, stub: S3Stub, tmp_path: Path
) -> None:
    code, said = old.run("backup", str(tmp_path / "backup"), "--with-keys", **at(stub))
    assert code == 0, said
    checked = new.run("restore", str(tmp_path / "backup"), "--check")
    restored = new.run("restore", str(tmp_path / "backup"), **at(stub, "two"))
    again = new.run("restore", str(tmp_path / "backup"), **at(stub, "two"))
    stub.objects["two/of-a-former-server"] = b"x"
    forced = new.run("restore", str(tmp_path / "backup"), "--force", **at(stub, "two"))

    manifest = read_manifest(tmp_path / "backup")
    assert (manifest.recordings, manifest.store) == ("copied", f"s3://{BUCKET}/one")
    assert checked[0] == 0
    assert restored[0] == 0, restored[1]
    assert f"recordings are looked for in s3://{BUCKET}/two" in restored[1]
    assert (again[0], "NOT_EMPTY" in again[1]) == (1, True)
    assert forced[0] == 0, forced[1]
    assert placed(stub, "two") == placed(stub, "one")
    assert new.rows("SELECT status FROM calls_record") == [("done",)]


def test_recordings_move_from_a_bucket_to_a_directory_and_back(
    old: Site, new: Site, stub: S3Stub, tmp_path: Path
) -> None:
    assert old.run("backup", str(tmp_path / "a"), "--with-keys", **at(stub))[0] == 0
    assert new.run("restore", str(tmp_path / "a"))[0] == 0
    blobs = new.folder / "data" / "blobs"
    here = {str(f.relative_to(blobs)): f.read_bytes() for f in blobs.rglob("*") if f.is_file()}
    assert new.run("backup", str(tmp_path / "b"), "--with-keys")[0] == 0
    code, said = new.run("restore", str(tmp_path / "b"), "--force", **at(stub, "back"))

    assert code == 0, said
    assert here == placed(stub, "one") == placed(stub, "back")


def test_a_backup_that_leaves_the_recordings_says_so_and_touches_none(
    old: Site, new: Site, stub: S3Stub, tmp_path: Path
) -> None:
    before = dict(stub.objects)
    bare = ("backup", str(tmp_path / "bare"), "--with-keys", "--without-recordings")
    code, said = old.run(*bare, **at(stub))
    assert code == 0, said
    restored = new.run("restore", str(tmp_path / "bare"), **at(stub))

    assert f"they stay in s3://{BUCKET}/one, and only there" in said
    assert read_manifest(tmp_path / "bare").recordings == "left"
    assert not (tmp_path / "bare" / "blobs").exists()
    assert restored[0] == 0, restored[1]
    assert f"it holds no recordings: they were left in s3://{BUCKET}/one" in restored[1]
    assert stub.objects == before
    assert new.rows("SELECT status FROM calls_record") == [("done",)]


def test_a_bucket_that_fails_leaves_the_target_as_it_was(
    old: Site, new: Site, stub: S3Stub, tmp_path: Path
) -> None:
    stub.fail("", DENIED, method="GET", times=ALWAYS)
    unread = old.run("backup", str(tmp_path / "never"), **at(stub))
    stub.heal()
    assert old.run("backup", str(tmp_path / "backup"), "--with-keys", **at(stub))[0] == 0
    stub.fail("", DENIED, method="PUT", times=ALWAYS)
    refused = new.run("restore", str(tmp_path / "backup"), **at(stub, "two"))

    assert (unread[0], "BLOBS_REFUSED" in unread[1]) == (1, True)
    assert not (tmp_path / "never" / "manifest.json").exists()
    assert (refused[0], "BLOBS_REFUSED" in refused[1]) == (1, True)
    assert not list((new.folder / "data").iterdir())
    assert placed(stub, "two") == {}
