"""A floor agent sees calls of their own, and nobody else's, on every path."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from locutory.app import create_app

if TYPE_CHECKING:
    from tests.products.calls.records.conftest import House

pytestmark = pytest.mark.both_databases

PATHS = ("", "/transcript", "/transcript/versions", "/timeline", "/comments", "/audio", "/peaks")


async def floor(house: "House") -> str:
    """Asha, floor agent a-1, with a call of her own and one of Ravi's: her token."""
    roster = {"items": [{"external_id": "a-1", "name": "Asha"}]}
    bid = house.resident.bid
    put = await house.resident.ask("PUT", f"/businesses/{bid}/floor-agents", json=roster)
    assert put.status_code == 200, put.text
    user_id, token = await house.person("asha", "floor_agent")
    link = {"floor_agent": "a-1"}
    linked = await house.resident.ask("PATCH", f"/businesses/{bid}/users/{user_id}", json=link)
    assert linked.json()["floor_agent"] == "a-1"
    await house.take_in("mine", agent_id="a-1", agent_name="Asha")
    await house.take_in("his", "hc-0012", agent_id="a-2", agent_name="Ravi")
    return token


async def test_lists_facets_and_search_by_words_show_own_calls_only(house: "House") -> None:
    token = await floor(house)

    mine = await house.ids(token=token)
    filtered = await house.ids("agent=a-2", token=token)
    counted = await house.told("GET", "/facets", token=token)
    across = await house.resident.ask("GET", "/calls", token=token)
    said = await house.ids("q=the", token=token)

    assert mine == ["mine"]
    assert filtered == []
    assert counted["counted"] == 1
    assert [row["callid"] for row in across.json()["items"]] == ["mine"]
    assert said in (["mine"], [])


async def test_a_colleagues_call_is_as_unknown_as_one_that_is_not_there(house: "House") -> None:
    token = await floor(house)
    for path in PATHS:
        own = await house.ask("GET", f"/mine{path}", token=token)
        his = await house.ask("GET", f"/his{path}", token=token)
        never = await house.ask("GET", f"/never{path}", token=token)

        assert own.status_code == 200, (path, own.text)
        assert his.status_code == 404, path
        assert his.json()["detail"] == never.json()["detail"]


async def test_own_calls_may_be_commented_but_not_changed(house: "House") -> None:
    token = await floor(house)
    note = {"text": "as agreed"}

    await house.told("POST", "/mine/comments", 201, json=note, token=token)
    his = await house.ask("POST", "/his/comments", json=note, token=token)
    denied: list[Any] = [
        await house.ask("PATCH", "/mine", json={"tags": ["x"]}, token=token),
        await house.ask("DELETE", "/mine", token=token),
        await house.ask("POST", "/mine/retranscribe", token=token),
        await house.ask(
            "POST",
            "/bulk",
            json={"action": "tag", "filter": {}, "confirm_count": 1},
            token=token,
        ),
    ]

    assert his.status_code == 404
    assert [reply.status_code for reply in denied] == [403] * 4


async def test_the_stream_tells_of_own_calls_only(house: "House") -> None:
    token = await floor(house)
    await house.server.sealer.seal()

    mine = await _events(house, token)
    all_ = await _events(house, house.resident.token)

    assert b'"callid":"his"' in all_
    assert b'"callid":"mine"' in mine
    assert b'"callid":"his"' not in mine


async def test_a_login_without_a_floor_agent_sees_nothing(house: "House") -> None:
    await house.keep("a", agent_id="a-1")
    _, token = await house.person("nobody", "floor_agent")

    assert await house.ids(token=token) == []
    assert (await house.ask("GET", "/a", token=token)).status_code == 404


async def test_search_and_chat_know_own_calls_only(house: "House") -> None:
    roster = {"items": [{"external_id": "a-1", "name": "Asha"}]}
    bid = house.resident.bid
    await house.resident.ask("PUT", f"/businesses/{bid}/floor-agents", json=roster)
    user_id, token = await house.person("asha", "floor_agent")
    link = {"floor_agent": "a-1"}
    await house.resident.ask("PATCH", f"/businesses/{bid}/users/{user_id}", json=link)
    _, unlinked = await house.person("nobody", "floor_agent")
    said = "The harbour villa has a garden with a pool."
    await house.keep("mine", agent_id="a-1", said=[said])
    await house.keep("his", agent_id="a-2", said=[said])

    async def ask(path: str, who: str, **body: Any) -> dict[str, Any]:
        reply = await house.resident.ask("POST", path, json=body, token=who)
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told

    for path, body in ((f"/rag/{bid}", {}), ("/rag", {"bids": [bid]})):
        found = await ask(f"{path}/search", token, query="villa garden pool", **body)
        all_ = await ask(f"{path}/search", house.resident.token, query="villa garden pool", **body)
        nothing = await ask(f"{path}/search", unlinked, query="villa garden pool", **body)
        answer = await ask(f"{path}/chat", token, message="What does the villa have?", **body)
        count = await ask(f"{path}/chat", token, message="How many calls were there?", **body)
        named = await ask(
            f"{path}/search", token, query="villa", filters={"callids": ["his"]}, **body
        )

        assert {hit["callid"] for hit in found["hits"]} == {"mine"}
        assert {hit["callid"] for hit in all_["hits"]} == {"mine", "his"}
        assert (nothing["hits"], named["hits"]) == ([], [])
        assert {citation["callid"] for citation in answer["citations"]} == {"mine"}
        assert [row["value"] for row in count["data"]["rows"]] == [1], count["data"]


async def _events(house: "House", token: str) -> bytes:
    """What a stream says that begins at the log's start, until its client hangs up."""
    heard: list[bytes] = []
    done = False

    async def receive() -> dict[str, Any]:
        nonlocal done
        if not done:
            done = True
            return {"type": "http.request", "body": b"", "more_body": False}
        while not heard or b"analysis.ready" not in b"".join(heard):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        heard.append(message.get("body", b""))

    path = f"/call-records/{house.resident.bid}/stream"
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"since=0",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "client": ("127.0.0.1", 1),
        "server": ("locutory.test", 80),
    }
    await create_app(house.server, work=False)(scope, receive, send)
    return b"".join(heard)
