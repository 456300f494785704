"""Talks that are longer than a model's window."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.analysis.answers import expanded
from locutory.capabilities.analysis.api import BUILT_IN, FINISHERS, RULES
from locutory.capabilities.analysis.runner import AgentRunner, estimated_tokens
from locutory.capabilities.analysis.windows import Piece, cut, merged
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.engines.llm.base import LLMRequest
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.kernel.provenance import Provenance, Source

SPECS = {spec.key: spec for spec in BUILT_IN}
SIDECAR = Provenance(source=Source.SIDECAR, engine="sidecar/json")
WINDOW = 6000


def talk_of(texts: list[str]) -> Transcript:
    turns = tuple(
        Turn(
            idx=n,
            role=(Role.AGENT, Role.CUSTOMER)[n % 2],
            text=text,
            start_ms=n * 1000,
            end_ms=n * 1000 + 1000,
        )
        for n, text in enumerate(texts)
    )
    return Transcript(turns=turns, duration_ms=len(texts) * 1000, provenance=SIDECAR, language="en")


def numbers_in(request: LLMRequest) -> list[int]:
    return [int(n) for n in re.findall(r"^\[#(\d+) ", request.user, re.MULTILINE)]


def runner_with(says: Callable[[LLMRequest], str]) -> tuple[AgentRunner, ScriptedLLM]:
    llm = ScriptedLLM(says)
    return AgentRunner(llm=llm, rules=RULES, finishers=FINISHERS, context_tokens=WINDOW), llm


@given(
    st.lists(
        st.text("ab कख", min_size=1, max_size=120).filter(str.strip), min_size=1, max_size=120
    ),
    st.integers(min_value=120, max_value=2000),
)
def test_pieces_fit_overlap_by_two_turns_and_leave_none_out(texts: list[str], room: int) -> None:
    talk = talk_of(texts)

    def tokens(part: Transcript) -> int:
        return estimated_tokens("The talk: " + part.numbered())

    pieces = cut(talk, tokens, room)

    heard = [[turn.idx for turn in piece.turns] for piece in pieces]
    assert all(tokens(piece) <= room for piece in pieces)
    if pieces:
        assert sorted({n for piece in heard for n in piece}) == list(range(len(texts)))
        assert all(one[-2:] == two[:2] for one, two in pairwise(heard))
        assert all(piece == list(range(piece[0], piece[-1] + 1)) for piece in heard)
    else:
        longest = sorted((tokens(talk_of([text])) for text in texts), reverse=True)
        assert sum(longest[:4]) > room / 2  # only turns of a size near the room cannot be cut


async def test_ten_thousand_turns_are_judged_in_pieces_and_summed_up_once_more() -> None:
    texts = ["It is a fine day, and so we go on about it." for _ in range(9_999)]
    talk = talk_of([*texts, "We agreed on Tuesday."])

    def says(request: LLMRequest) -> str:
        numbers = numbers_in(request)
        text = f"{len(numbers)} turns from {numbers[0]}"
        return json.dumps({"text": text, "bullets": [], "language": "en"})

    runner, llm = runner_with(says)
    runner.context_tokens = 40_000

    [result] = await runner.run(talk, [SPECS["summary"]], tenant="t")

    *parts, last = llm.requests
    assert result.provenance is not None
    assert (result.provenance.source, result.provenance.degraded) == (Source.LLM, False)
    assert result.pieces == len(parts) > 3
    assert {n for part in parts for n in numbers_in(part)} == set(range(10_000))
    assert all(f"turns from {numbers_in(part)[0]}" in last.user for part in parts)
    assert result.result == {
        "text": f"{len(parts)} turns from 0",
        "bullets": [],
        "language": "en",
    }


async def test_evidence_of_a_late_piece_is_checked_against_the_whole_talk() -> None:
    texts = [f"This is sentence number {n} of a long talk." for n in range(600)]
    texts[551] = "Our budget is fifty thousand."
    talk = talk_of(texts)
    silent = {"status": "not_asked", "value": "", "confidence": 0.9, "evidence": []}

    def says(request: LLMRequest) -> str:
        answer: dict[str, Any] = dict.fromkeys(("budget", "authority", "need", "timeline"), silent)
        if 551 in numbers_in(request):
            quote = {"segments": [551], "quote": "Our budget is fifty thousand"}
            told = {"status": "confirmed", "value": "fifty thousand", "confidence": 0.8}
            answer["budget"] = {**told, "evidence": [quote]}
            answer["need"] = {**told, "evidence": [{"segments": [3], "quote": "never said"}]}
        return json.dumps(answer)

    runner, llm = runner_with(says)

    [result] = await runner.run(talk, [SPECS["bant"]], tenant="t")

    assert result.pieces == len(llm.requests) > 1
    assert result.result is not None
    assert result.result["budget"]["status"] == "confirmed"
    assert result.result["budget"]["evidence"][0]["verified"] is True
    assert "need.evidence[0]" in result.unsupported
    assert result.result["timeline"]["status"] == "not_asked"


def pieces_of(*answers: dict[str, Any], turns: int = 10) -> list[Piece]:
    """Answers about stretches of ten seconds each."""
    whole = talk_of(["word"] * turns * len(answers))
    return [
        Piece(replace(whole, turns=whole.turns[n * turns : (n + 1) * turns]), answer)
        for n, answer in enumerate(answers)
    ]


def test_a_mood_is_that_of_its_time_and_the_quarters_are_the_whole_talks() -> None:
    def mood(overall: float, *quarters: float | None) -> dict[str, Any]:
        rest = {"customer": overall, "agent": None, "trend": 0.0, "evidence": []}
        return {"overall": overall, "label": "neutral", "per_quarter": list(quarters), **rest}

    pieces = pieces_of(mood(-1.0, -1, -1, -1, -1), mood(0.5, 0, 0, 1, None))

    found = merged("sentiment", expanded(SPECS["sentiment"].output_schema), pieces)

    assert (found["overall"], found["customer"], found["agent"]) == (-0.25, -0.25, None)
    assert found["label"] == "negative"
    assert found["per_quarter"] == [-1, -1, 0, 1]
    assert found["trend"] == 2


def test_what_two_pieces_both_heard_is_one_thing() -> None:
    def step(text: str, *segments: int) -> dict[str, Any]:
        evidence = {"segments": list(segments), "quote": text}
        return {"owner": "agent", "text": text, "due": "", "evidence": evidence}

    pieces = pieces_of(
        {"next_steps": [step("Send the offer", 3), step("Call on Monday", 9)]},
        {"next_steps": [step("Call on Monday morning", 9), step("Send the offer", 14)]},
    )

    found = merged("next_steps", expanded(SPECS["next_steps"].output_schema), pieces)

    assert [(one["text"], one["evidence"]["segments"]) for one in found["next_steps"]] == [
        ("Send the offer", [3]),
        ("Call on Monday", [9]),
        ("Send the offer", [14]),
    ]


def test_a_scorecard_has_each_question_once() -> None:
    def answer(key: str, value: Any, *segments: int) -> dict[str, Any]:
        evidence = [{"segments": [n], "quote": "q"} for n in segments]
        return {"key": key, "value": value, "reason": f"{value}", "evidence": evidence}

    pieces = pieces_of(
        {"parameters": [answer("greeted", True, 0), answer("care", 2, 4), answer("how", None)]},
        {"parameters": [answer("greeted", False), answer("care", 4, 12), answer("how", "well")]},
    )

    found = merged("quality_score", expanded(SPECS["quality_score"].output_schema), pieces)

    rows = {row["key"]: row for row in found["parameters"]}
    assert {key: row["value"] for key, row in rows.items()} == {
        "greeted": True,
        "care": pytest.approx(3),
        "how": "well",
    }
    assert [e["segments"] for e in rows["care"]["evidence"]] == [[4], [12]]


def test_how_a_talk_ended_is_told_by_its_end() -> None:
    def ending(disposition: str, resolved: bool | None) -> dict[str, Any]:
        rest = {"callback": None, "evidence": []}
        return {"disposition": disposition, "resolved": resolved, **rest}

    pieces = pieces_of(ending("callback", False), ending("sold", True), ending("", None))

    found = merged("outcome", expanded(SPECS["outcome"].output_schema), pieces)

    assert (found["disposition"], found["resolved"], found["callback"]) == ("sold", True, None)
