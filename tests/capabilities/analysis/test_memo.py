import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from locutory.capabilities.analysis.api import BUILT_IN, FINISHERS, RULES, AgentRunner
from locutory.capabilities.analysis.cache import MemoryCache
from locutory.capabilities.analysis.contract import AgentResult, AgentSpec
from locutory.capabilities.analysis.memo import Memo, content_of, memo_key
from locutory.capabilities.interactions.contract import Transcript
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.kernel.provenance import Provenance, Source

Talk = Callable[..., Transcript]
SUMMARY = next(spec for spec in BUILT_IN if spec.key == "summary")
ANSWER = json.dumps({"text": "A flat.", "bullets": [], "language": "en"})


def result(source: Source = Source.LLM, *, degraded: bool = False) -> AgentResult:
    return AgentResult(
        key="a",
        version=1,
        result={"said": ["yes"]},
        provenance=Provenance(source=source, engine="scripted/m", degraded=degraded),
        tokens_in=5,
        cost_micros=7,
    )


def runner(*answers: str) -> AgentRunner:
    llm = ScriptedLLM(answers)
    return AgentRunner(llm=llm, rules=RULES, finishers=FINISHERS, cache=MemoryCache())


async def ask(
    runner: AgentRunner, talk: Transcript, spec: AgentSpec = SUMMARY, tenant: str = "t"
) -> AgentResult:
    [found] = await runner.run(talk, [spec], tenant=tenant)
    return found


async def test_the_same_question_is_answered_without_asking_or_checking(talk: Talk) -> None:
    one = runner(ANSWER)
    talked = talk("C: I want a flat")

    first = await ask(one, talked)
    second = await ask(one, talk("C: I want a flat"))

    assert first.provenance is not None
    assert second.provenance is not None
    assert (first.provenance.source, second.provenance.source) == (Source.LLM, Source.CACHE)
    assert second.result == first.result
    assert (second.tokens_in, second.cost_micros) == (0, None)


async def test_whatever_a_result_follows_from_makes_it_another_question(talk: Talk) -> None:
    one = runner(*[ANSWER] * 5)
    talked = talk("C: I want a flat")
    await ask(one, talked)

    await ask(one, talk("C: I want a house"))
    await ask(one, talked, replace(SUMMARY, temperature=0.5))
    await ask(one, talked, tenant="other")
    await ask(one, talked, replace(SUMMARY, prompt_user="Short: {{ transcript }}"))

    assert isinstance(one.llm, ScriptedLLM)
    assert len(one.llm.requests) == 5


def test_a_result_is_forgotten_after_a_quarter_of_an_hour() -> None:
    now = [0.0]
    memo = Memo(clock=lambda: now[0])
    memo.keep(b"k", result())

    now[0] = 899.0
    kept = memo.find(b"k")
    now[0] = 900.0

    assert kept is not None
    assert kept.result == {"said": ["yes"]}
    assert memo.find(b"k") is None


@pytest.mark.parametrize(
    "kept", [result(degraded=True), result(Source.RULES), replace(result(), provenance=None)]
)
def test_what_may_be_better_another_time_is_not_kept(kept: AgentResult) -> None:
    memo = Memo()

    memo.keep(b"k", kept)

    assert memo.find(b"k") is None


def test_nobody_changes_what_others_get() -> None:
    memo = Memo()
    memo.keep(b"k", result())

    first = memo.find(b"k")
    assert first is not None
    assert first.result is not None
    first.result["said"].append("no")

    second = memo.find(b"k")
    assert second is not None
    assert second.result == {"said": ["yes"]}


def test_an_erasure_leaves_nothing() -> None:
    memo = Memo()
    memo.keep(b"k", result())

    memo.clear()

    assert memo.find(b"k") is None


def test_the_oldest_falls_out_when_there_are_too_many() -> None:
    memo = Memo()
    for number in range(513):
        memo.keep(str(number).encode(), result())

    assert memo.find(b"0") is None
    assert memo.find(b"1") is not None


def test_odd_values_have_a_key_too(talk: Talk) -> None:
    odd = content_of(talk("C: hello"), {"a": "\ud800", "n": 10**40})

    assert odd != content_of(talk("C: hello"), {"a": "\ud801", "n": 10**40})
    assert len(memo_key(odd, SUMMARY, {}, "m")) == 32
