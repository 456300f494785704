"""One's own chats, and answers that come as a stream."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from locutory.capabilities.knowledge.api import Knowledge
from locutory.engines.embeddings.hashed import HashedEmbedder
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.engines.vectors.embedded import EmbeddedVectors
from locutory.kernel.audit.models import AuditRow

pytestmark = pytest.mark.both_databases

VILLA = ("Good morning.", "The villa costs forty five lakh.", "The garden is too small.")


def events(body: str) -> list[tuple[str, Any]]:
    """(event, data) of a stream that ended."""
    blocks = [block.split("\n") for block in body.strip().split("\n\n")]
    return [
        (head.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for head, data in blocks
    ]


async def test_chats_are_listed_read_and_deleted_by_their_owner_only(
    archive: Any, ana: Any
) -> None:
    await archive.call("6004", "c1", *VILLA)
    bo = await archive.person("bo", "analyst", "6004")
    ids = []
    for message in ("What does the villa cost?", "Is the garden small?", "How many calls failed?"):
        reply = await ana.told("/rag/6004/chat", {"message": message})
        ids.append(reply["session_id"])
    await ana.told("/rag/6004/chat", {"message": "and the price?", "session_id": ids[0]})

    page = await ana.got("/rag/6004/sessions", limit=2)
    rest = await ana.got("/rag/6004/sessions", limit=2, cursor=page["next_cursor"])
    detail = await ana.got(f"/rag/6004/sessions/{ids[0]}")
    path = f"/rag/6004/sessions/{ids[0]}"
    refused = [await bo.ask(method, path) for method in ("GET", "DELETE")]
    deleted = await ana.ask("DELETE", path)
    gone = await ana.ask("GET", path)
    left = await ana.got("/rag/6004/sessions")

    assert [one["session_id"] for one in page["items"]] == [ids[0], ids[2]]
    assert [one["session_id"] for one in rest["items"]] == [ids[1]]
    assert rest["next_cursor"] is None
    assert page["items"][0]["title"] == "What does the villa cost?"
    assert (detail["turns"], detail["bids"]) == (2, ["6004"])
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", detail["created_at"])
    assert [one["question"] for one in detail["questions"]] == [
        "What does the villa cost?",
        "What does the villa cost and the price?",
    ]
    assert [reply.status_code for reply in refused] == [404, 404]
    assert (deleted.status_code, gone.status_code) == (204, 404)
    assert [one["session_id"] for one in left["items"]] == [ids[2], ids[1]]
    assert (await bo.got("/rag/6004/sessions"))["items"] == []


async def test_a_deletion_leaves_a_row_in_the_audit_log(archive: Any, ana: Any) -> None:
    reply = await ana.told("/rag/6004/chat", {"message": "How many calls failed?"})

    await ana.ask("DELETE", f"/rag/6004/sessions/{reply['session_id']}")

    async with archive.storage.read(None) as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.action.like("rag.%")))
        assert [(row.action, row.object) for row in rows] == [
            ("rag.session.delete", f"chat:{reply['session_id']}")
        ]


async def test_an_answer_streams_sentence_by_sentence(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA)
    ask = {"message": "What does the villa cost and is the garden small?"}
    whole = await ana.told("/rag/6004/chat", ask)

    reply = await ana.post("/rag/6004/chat", {**ask, "stream": True})

    assert reply.headers["content-type"].startswith("text/event-stream")
    streamed = events(reply.text)
    tokens = [data["text"] for name, data in streamed if name == "token"]
    assert len(tokens) >= 2
    assert "".join(tokens) == whole["answer"]
    assert [name for name, _ in streamed[-2:]] == ["citations", "done"]
    assert streamed[-2][1]["citations"] == whole["citations"]
    assert streamed[-1][1]["answered"] is True
    done = streamed[-1][1]
    assert (await ana.got(f"/rag/6004/sessions/{done['session_id']}"))["turns"] == 1


async def test_an_unsupported_sentence_is_never_streamed(archive: Any, ana: Any) -> None:
    made_up = {"text": "The villa is haunted.", "passages": [1]}
    said = {"text": "The garden is too small.", "passages": [1]}
    llm = ScriptedLLM([json.dumps({"sentences": [made_up, said]})])
    archive.use(Knowledge.of(HashedEmbedder(), EmbeddedVectors(), llm))
    await archive.call("6004", "c1", *VILLA)

    reply = await ana.post(
        "/rag/6004/chat", {"message": "How is the garden of the villa?", "stream": True}
    )

    assert "haunted" not in reply.text
    assert [data["text"] for name, data in events(reply.text) if name == "token"] == [
        "The garden is too small. [1]"
    ]


async def test_a_count_streams_with_its_numbers(archive: Any, ana: Any) -> None:
    await archive.call("6004", "c1", *VILLA)

    reply = await ana.post("/rag/6004/chat", {"message": "How many calls?", "stream": True})

    streamed = events(reply.text)
    assert streamed[0] == ("token", {"text": "1 call."})
    assert streamed[-1][1]["data"]["rows"][0]["value"] == 1


async def test_a_stream_of_a_strange_chat_is_refused_before_it_begins(ana: Any) -> None:
    ask = {"message": "hello", "stream": True, "session_id": str(uuid4())}

    reply = await ana.post("/rag/6004/chat", ask)

    assert (reply.status_code, reply.json()["error_code"]) == (404, "CHAT_SESSION_NOT_FOUND")


@pytest.mark.parametrize(
    ("worded", "kept"),
    [
        ("Is the villa's garden small?", "Is the villa's garden small?"),
        ("Is the villa's pool small?", "What does the villa cost and the garden small?"),
        ("", "What does the villa cost and the garden small?"),
    ],
)
async def test_a_model_may_word_a_follow_up_but_not_add_to_it(
    archive: Any, ana: Any, worded: str, kept: str
) -> None:
    nothing = json.dumps({"sentences": []})
    llm = ScriptedLLM([nothing, json.dumps({"question": worded}), nothing])
    archive.use(Knowledge.of(HashedEmbedder(), EmbeddedVectors(), llm))
    await archive.call("6004", "c1", *VILLA)
    first = await ana.told("/rag/6004/chat", {"message": "What does the villa cost?"})
    session = {"session_id": first["session_id"]}

    await ana.told("/rag/6004/chat", {"message": "and the garden small?", **session})

    detail = await ana.got(f"/rag/6004/sessions/{first['session_id']}")
    assert detail["questions"][-1]["question"] == kept
