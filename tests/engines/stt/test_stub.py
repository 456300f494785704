import pytest

from locutory.engines.stt.base import Part, Segment, STTRequest
from locutory.engines.stt.stub import StubSTT
from locutory.kernel.errors import EngineUnavailable


def request(call_ref: str) -> STTRequest:
    parts = (Part(role="mixed", object_key="k", ms=4000),)
    return STTRequest(call_ref=call_ref, parts=parts)


async def test_each_call_gets_its_script() -> None:
    ready = (Segment(start_ms=0, end_ms=900, text="yes"),)
    stub = StubSTT(scripts={"a": "hello there", "b": ready}, default="else")

    texts = [(await stub.transcribe(request(ref))).text for ref in ("a", "b", "c")]

    assert texts == ["hello there", "yes", "else"]
    assert stub.calls == ["a", "b", "c"]


async def test_a_scripted_text_covers_the_whole_call() -> None:
    result = await StubSTT(default="hello").transcribe(request("a"))

    assert [(s.start_ms, s.end_ms) for s in result.segments] == [(0, 4000)]
    assert result.usage.audio_ms == 4000


async def test_a_scripted_error_is_raised() -> None:
    stub = StubSTT(scripts={"a": EngineUnavailable("down", engine="stub")})

    with pytest.raises(EngineUnavailable, match="down"):
        await stub.transcribe(request("a"))
