"""Pictures: known by their first bytes, small, seen by fellows only."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.kernel.auth.avatars import media_type

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


async def upload(house: Any, tokens: Any, data: bytes, name: str = "me.png") -> Any:
    files = {"file": (name, data, "image/png")}
    return await house.post("/api/auth/profile/avatar", tokens, files=files)


@pytest.fixture
async def ana(house: Any) -> Any:
    await house.member("ana@example.org", await house.tenant("6004"), "calls:viewer")
    return (await house.login("ana@example.org")).json()


@pytest.mark.both_databases
async def test_a_picture_is_kept_and_seen_by_fellows_only(house: Any, ana: Any) -> None:
    await house.join_by_slug(await house.newcomer("eve"), "6004", "calls:viewer")
    await house.member("bob@example.org", await house.tenant("7417"), "calls:viewer")
    fellow = (await house.login("eve@example.org")).json()
    stranger = (await house.login("bob@example.org")).json()

    url = (await upload(house, ana, PNG)).json()["avatar_url"]
    seen = [await house.get(url, who) for who in (ana, fellow, stranger)]
    listed = (await house.get("/api/auth/users", fellow)).json()["items"]

    assert [r.status_code for r in seen] == [200, 200, 404]
    assert seen[0].content == seen[1].content == PNG
    assert seen[0].headers["content-type"] == "image/png"
    assert seen[0].headers["x-content-type-options"] == "nosniff"
    assert (await house.get("/auth/me", ana)).json()["avatar_url"] == url
    assert [u["avatar_url"] for u in listed if u["name"] == "ana"] == [url]


async def test_only_images_are_taken_whatever_they_say_they_are(house: Any, ana: Any) -> None:
    reply = await upload(house, ana, b"<svg onload=alert(1)>")

    assert reply.status_code == 415
    assert reply.json()["error_code"] == "NOT_AN_IMAGE"
    assert (await house.get("/auth/me", ana)).json()["avatar_url"] is None


async def test_a_large_picture_is_refused(house: Any, ana: Any) -> None:
    slightly = await upload(house, ana, PNG + b"\0" * 2 * 1024 * 1024)
    grossly = await upload(house, ana, PNG + b"\0" * 4 * 1024 * 1024)

    assert slightly.json()["error_code"] == "IMAGE_TOO_LARGE"
    assert slightly.status_code == grossly.status_code == 413


async def test_strangers_cannot_upload(house: Any) -> None:
    reply = await house.client.post("/api/auth/profile/avatar", files={"file": PNG})

    assert reply.status_code == 401


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", None),
        (b"", None),
    ],
)
def test_images_are_known_by_their_first_bytes(start: bytes, expected: str | None) -> None:
    assert media_type(start) == expected


@given(st.text())
def test_no_text_is_taken_for_an_image_unless_it_says_gif(text: str) -> None:
    data = text.encode(errors="surrogatepass")

    assert media_type(data) in ({"image/gif", None} if text.startswith("GIF8") else {None})
