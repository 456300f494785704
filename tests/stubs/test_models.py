"""The stub speaks the vendors' languages: their own clients read what it says."""

from collections.abc import Iterator
from typing import Any

import boto3
import ollama
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.stubs.models import TOKENS_IN, TOKENS_OUT, ModelStub
from tests.stubs.vendor import Answer, served

NOVA = "us.amazon.nova-lite-v1:0"
ASK: Any = {"modelId": NOVA, "messages": [{"role": "user", "content": [{"text": "well?"}]}]}
TALK = [{"role": "user", "content": "well?"}]


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    with served(ModelStub()) as stub:
        stub.text = '{"ok": true}'
        yield stub


@pytest.fixture
def bedrock(stub: ModelStub) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=stub.url,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_boto3_reads_an_answer_of_converse(bedrock: Any, stub: ModelStub) -> None:
    reply = bedrock.converse(**ASK)

    assert reply["output"]["message"] == {"role": "assistant", "content": [{"text": stub.text}]}
    assert reply["stopReason"] == "end_turn"
    assert reply["usage"]["inputTokens"] == TOKENS_IN
    assert reply["usage"]["outputTokens"] == TOKENS_OUT
    assert stub.seen[0].path == f"/model/{NOVA.replace(':', '%3A')}/converse"


def test_boto3_reads_a_tool_that_had_to_be_used(bedrock: Any) -> None:
    tool = {"toolSpec": {"name": "answer", "inputSchema": {"json": {"type": "object"}}}}
    config = {"tools": [tool], "toolChoice": {"tool": {"name": "answer"}}}

    reply = bedrock.converse(**ASK, toolConfig=config)

    [part] = reply["output"]["message"]["content"]
    assert (part["toolUse"]["name"], part["toolUse"]["input"]) == ("answer", {"ok": True})
    assert reply["stopReason"] == "tool_use"


def test_boto3_reads_a_stream_to_its_usage(bedrock: Any, stub: ModelStub) -> None:
    events = list(bedrock.converse_stream(**ASK)["stream"])

    said = [e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e]
    assert "".join(said) == stub.text
    assert len(said) == len(stub.pieces) == 2
    assert events[-1]["metadata"]["usage"]["outputTokens"] == TOKENS_OUT


def test_boto3_reads_a_failure(bedrock: Any, stub: ModelStub) -> None:
    headers = {"x-amzn-errortype": "ThrottlingException"}
    stub.fail("/converse", Answer(429, {"message": "slow down"}, headers))

    with pytest.raises(ClientError) as failed:
        bedrock.converse(**ASK)

    assert failed.value.response["Error"] == {"Code": "ThrottlingException", "Message": "slow down"}


def test_ollamas_client_reads_an_answer(stub: ModelStub) -> None:
    reply = ollama.Client(host=stub.url).chat(model="llama3.2", messages=TALK)

    assert (reply.message.content, reply.done, reply.done_reason) == (stub.text, True, "stop")
    assert (reply.prompt_eval_count, reply.eval_count) == (TOKENS_IN, TOKENS_OUT)
    assert reply.model == "llama3.2"


def test_ollamas_client_reads_a_stream(stub: ModelStub) -> None:
    parts = list(ollama.Client(host=stub.url).chat(model="llama3.2", messages=TALK, stream=True))

    assert "".join(part.message.content or "" for part in parts) == stub.text
    assert [part.done for part in parts] == [False, False, True]
    assert parts[-1].eval_count == TOKENS_OUT


def test_ollamas_client_reads_the_models_and_a_failure(stub: ModelStub) -> None:
    client = ollama.Client(host=stub.url)
    stub.models = ["llama3.2:latest"]
    stub.fail("/api/chat", Answer(404, {"error": "model 'nobody' not found"}))

    with pytest.raises(ollama.ResponseError, match="not found") as failed:
        client.chat(model="nobody", messages=TALK)

    assert failed.value.status_code == 404
    assert [one.model for one in client.list().models] == ["llama3.2:latest"]
