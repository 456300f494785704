import pytest

from locutory.engines.llm.base import LLMRequest
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.kernel.errors import EngineThrottled, EngineUnavailable

ASK = LLMRequest(system="s", user="u")


async def test_a_list_is_answered_in_order_and_requests_are_kept() -> None:
    llm = ScriptedLLM(["one", EngineThrottled(engine="scripted"), "two"])

    first = await llm.complete(ASK)
    with pytest.raises(EngineThrottled):
        await llm.complete(ASK)
    second = await llm.complete(ASK)

    assert [first.text, second.text] == ["one", "two"]
    assert first.engine == "scripted/script"
    assert llm.requests == [ASK, ASK, ASK]


async def test_a_used_up_script_does_not_answer() -> None:
    with pytest.raises(EngineUnavailable):
        await ScriptedLLM([]).complete(ASK)


async def test_a_function_answers_from_the_request() -> None:
    async def echo(request: LLMRequest) -> str:
        return request.user * 2

    assert (await ScriptedLLM(echo).complete(ASK)).text == "uu"
