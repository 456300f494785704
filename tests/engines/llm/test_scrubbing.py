"""What a provider is told of people, and what the reader gets back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.engines.llm.base import End, LLMRequest, Piece, Turn
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.engines.llm.scrubbing import ScrubbedLLM, Scrubber, Unveiling, Veil

SAID = "I am ana@example.org, card 4111 1111 1111 1111, call 415-555-0134."
ASK = LLMRequest(
    system="Be kind to ana@example.org.",
    history=(Turn(role="user", text="My MRN-1234567, please."),),
    user=SAID,
)
PATTERNS = {"MRN": r"MRN[- ]?\d{6,10}"}


async def test_the_model_sees_tokens_and_the_reader_the_words() -> None:
    model = ScriptedLLM(["⟦EMAIL_1⟧ pays by ⟦CARD_1⟧; ⟦PHONE_1⟧, ⟦MRN_1⟧, ⟦PHONE_9⟧."])

    reply = await ScrubbedLLM(model, Scrubber(PATTERNS)).complete(ASK)

    [asked] = model.requests
    assert asked.system == "Be kind to ⟦EMAIL_1⟧."
    assert asked.user == "I am ⟦EMAIL_1⟧, card ⟦CARD_1⟧, call ⟦PHONE_1⟧."
    assert asked.history[0].text == "My ⟦MRN_1⟧, please."
    assert reply.text == (
        "ana@example.org pays by 4111 1111 1111 1111; 415-555-0134, MRN-1234567, ⟦PHONE_9⟧."
    )


@given(st.lists(st.integers(1, 40), max_size=12))
def test_tokens_are_restored_however_the_stream_is_cut(cuts: list[int]) -> None:
    veil = Veil(Scrubber(PATTERNS), SAID)
    answer = f"Well: {veil.hide(SAID)} ⟦ is a bracket, ⟦PHONE_1⟧⟦EMAIL_1⟧ and ⟦"
    unveiling, shown, at = Unveiling(veil), "", 0
    for cut in [*cuts, len(answer)]:
        shown += unveiling.take(answer[at : at + cut])
        at += cut
    shown += unveiling.rest()

    assert shown == veil.show(answer)
    assert "PHONE_1" not in shown


async def test_a_stream_ends_with_the_text_of_its_pieces() -> None:
    model = ScriptedLLM(["Dial ⟦PHONE_1⟧ now, or write to ⟦EMAIL_1⟧"])
    pieces, reply = "", None
    async for event in ScrubbedLLM(model, Scrubber()).stream(ASK):
        if isinstance(event, Piece):
            pieces += event.text
        elif isinstance(event, End):
            reply = event.reply

    assert reply is not None
    assert pieces == reply.text == "Dial 415-555-0134 now, or write to ana@example.org"


async def test_a_token_that_somebody_writes_is_never_taken_for_one_of_ours() -> None:
    model = ScriptedLLM(["⟦EMAIL_1⟧ and ⟦EMAIL_1001⟧"])
    ask = replace(ASK, user=f"What is ⟦EMAIL_1⟧? {SAID}")

    reply = await ScrubbedLLM(model, Scrubber()).complete(ask)

    assert reply.text == "⟦EMAIL_1⟧ and ana@example.org"


async def test_within_json_a_restored_text_stays_within_its_string() -> None:
    patterns = {"NAME": 'Ana "the fox" Ortega'}
    model = ScriptedLLM(['{"name": "⟦NAME_1⟧"}'])
    ask = replace(ASK, user='I am Ana "the fox" Ortega.', schema={"type": "object"})

    reply = await ScrubbedLLM(model, Scrubber(patterns)).complete(ask)

    assert reply.text == '{"name": "Ana \\"the fox\\" Ortega"}'


@pytest.mark.parametrize("text", ["", "nothing personal", "⟦", "at 10:30 for 20 dollars"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert Veil(Scrubber(), text).hide(text) == text
