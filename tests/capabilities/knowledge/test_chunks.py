from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.interactions.contract import Role, Turn
from locutory.capabilities.knowledge.chunks import MOST_TOKENS, cut, token_count, written
from locutory.kernel.words import words


def turn(idx: int, text: str, *, length_ms: int = 10_000) -> Turn:
    start_ms = idx * length_ms
    return Turn(idx=idx, role=Role.AGENT, text=text, start_ms=start_ms, end_ms=start_ms + length_ms)


def some_words(count: int) -> str:
    return " ".join(["word", "again"][n % 2] for n in range(count))


texts = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.integers(0, 700).map(some_words),
        st.integers(0, 90).map(lambda n: "One short sentence here. " * n),
    ),
    max_size=12,
)


@given(texts)
def test_no_chunk_is_empty_or_too_long(said: list[str]) -> None:
    chunks = cut([turn(n, text) for n, text in enumerate(said)])

    for lines in chunks:
        assert lines
        assert all(words(line.text) for line in lines)
        assert sum(token_count(line.text) for line in lines) <= MOST_TOKENS


@given(texts)
def test_nothing_that_was_said_is_lost(said: list[str]) -> None:
    turns = [turn(n, text) for n, text in enumerate(said)]

    chunks = cut(turns)

    heard = {(line.idx, line.text) for lines in chunks for line in lines}
    for one in turns:
        pieces = [text for idx, text in heard if idx == one.idx]
        assert set(words(one.text)) <= {word for text in pieces for word in words(text)}


@given(texts)
def test_starts_rise_and_stay_inside_their_turn(said: list[str]) -> None:
    turns = [turn(n, text) for n, text in enumerate(said)]

    for lines in cut(turns):
        starts = [line.start_ms for line in lines]
        assert starts == sorted(starts)
        for line in lines:
            assert turns[line.idx].start_ms <= line.start_ms < turns[line.idx].end_ms


def test_a_chunk_begins_with_the_last_turn_of_the_one_before() -> None:
    chunks = cut([turn(n, some_words(60)) for n in range(5)])

    assert [[line.idx for line in lines] for lines in chunks] == [[0, 1], [1, 2], [2, 3], [3, 4]]


def test_the_overlap_gives_way_to_a_turn_that_fills_a_chunk() -> None:
    chunks = cut([turn(0, some_words(100)), turn(1, some_words(160)), turn(2, "and short")])

    assert [[line.idx for line in lines] for lines in chunks] == [[0], [1, 2]]


def test_a_long_turn_is_split_at_sentence_ends() -> None:
    sentences = [f"Sentence {n} has some more words in it." for n in range(60)]

    chunks = cut([turn(0, " ".join(sentences), length_ms=60_000)])

    assert len(chunks) > 1
    assert all(line.text.endswith("it.") for lines in chunks for line in lines)
    late = chunks[-1][-1]
    number = int(late.text.split()[1])
    assert abs(late.start_ms - 1_000 * number) < 1_500


def test_tokens_are_words_by_three_quarters() -> None:
    assert token_count(some_words(165)) == 220
    assert token_count("…") == 0


def test_what_was_written_has_no_turn() -> None:
    (lines,) = written("The customer wants a refund.")

    assert (lines[0].idx, lines[0].role) == (-1, "")
    assert written(" — ") == []
