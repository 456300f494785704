import json
from collections import Counter
from itertools import pairwise

import pytest
from tests.quality.labelled import (
    ELEMENTS,
    FOLDERS,
    OBJECTIONS,
    SENTIMENTS,
    TOPICS,
    Split,
    labelled_calls,
    transcript_of,
)


@pytest.mark.parametrize("split", Split)
def test_each_set_is_large_and_mixed_enough_to_measure_by(split: Split) -> None:
    calls = labelled_calls(split)
    languages = Counter(call.transcript.language for call in calls)

    assert len(calls) >= 66
    assert languages["en"] >= 46
    assert languages["hi"] >= 10
    assert languages["hi-Latn"] >= 10
    assert set(SENTIMENTS) == {call.sentiment for call in calls}
    assert set().union(*(call.objections for call in calls)) == OBJECTIONS
    assert set().union(*(call.topics for call in calls)) == TOPICS


def test_labels_use_only_the_known_words() -> None:
    for path in (path for folder in FOLDERS.values() for path in folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))

        assert data["id"] == path.stem
        assert tuple(data["labels"]["bant"]) == ELEMENTS
        assert data["labels"]["sentiment"] in SENTIMENTS
        assert set(data["labels"]["objections"]) <= OBJECTIONS
        assert set(data["labels"]["topics"]) <= TOPICS


def test_no_call_is_both_blind_and_seen() -> None:
    blind, seen = ({call.id for call in labelled_calls(split)} for split in Split)

    assert not blind & seen


def test_every_call_is_a_talk_of_two_people_in_order() -> None:
    for call in labelled_calls():
        turns = call.transcript.turns

        assert 14 <= len(turns) <= 60, call.id
        assert len({turn.role for turn in turns}) == 2, call.id
        assert [turn.idx for turn in turns] == list(range(len(turns))), call.id
        assert all(a.start_ms <= b.start_ms for a, b in pairwise(turns))
        assert call.transcript.duration_ms >= turns[-1].end_ms


def test_an_interruption_overlaps_and_a_silence_lasts() -> None:
    first, second, third = transcript_of(
        ["A: One two three four five.", "C~: No.", "A+9: Well."], "en"
    ).turns

    assert first.start_ms < second.start_ms < first.end_ms
    assert third.start_ms - second.end_ms > 9_000


def test_a_line_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="not a line"):
        transcript_of(["B: Hello."], "en")
