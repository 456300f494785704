"""Transcripts as files, and their corrections."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from locutory.products.calls.demo import path

if TYPE_CHECKING:
    from tests.products.calls.records.conftest import House

SAID = {
    "segments": [
        {"speaker": "S1", "start_ms": 0, "end_ms": 4_000, "text": "Good morning, River Homes."},
        {"speaker": "S2", "start_ms": 5_000, "end_ms": 9_000, "text": "Ring me on 98765 43210."},
        {"speaker": "S1", "start_ms": 9_500, "end_ms": 15_000, "text": "I will <surely> ring you."},
    ]
}
SRT = """1
00:00:00,000 --> 00:00:04,000
Agent: Good morning, River Homes.

2
00:00:05,000 --> 00:00:09,000
Customer: Ring me on {phone}.

3
00:00:09,500 --> 00:00:15,000
Agent: I will <surely> ring you.
"""


async def spoken(house: "House", callid: str = "spoken") -> dict[str, Any]:
    """A call of three turns with a phone number in it."""
    files = {
        "file": ("spoken.ogg", path("audio/hc-0001.ogg").read_bytes()),
        "transcript": ("spoken.json", json.dumps(SAID).encode()),
    }
    return await house.send(callid, files)


async def test_subtitles_and_plain_text_say_who_said_what(house: "House") -> None:
    call = await spoken(house)
    assert [turn["role"] for turn in call["transcript"]["turns"]] == ["agent", "customer", "agent"]
    number = call["transcript"]["turns"][1]["text"].removeprefix("Ring me on ").rstrip(".")

    srt = await house.ask("GET", "/spoken/transcript?format=srt")
    vtt = await house.ask("GET", "/spoken/transcript?format=vtt")
    txt = await house.ask("GET", "/spoken/transcript?format=txt")
    rttm = await house.ask("GET", "/spoken/transcript?format=rttm")

    assert number.startswith("[PHONE")
    assert srt.text == SRT.format(phone=number)
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert vtt.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:04.000\n<v Agent>Good morning")
    assert "<v Agent>I will &lt;surely&gt; ring you." in vtt.text
    assert txt.text.splitlines()[1] == f"Customer: Ring me on {number}."
    assert rttm.text.splitlines()[0] == "SPEAKER spoken 1 0.000 4.000 <NA> <NA> S1 <NA> <NA>"


async def test_raw_words_take_the_right_and_leave_a_trace(house: "House") -> None:
    await spoken(house)
    _, viewer = await house.person("vera", "viewer")

    raw = await house.told("GET", "/spoken/transcript?raw=true")
    refused = await house.ask("GET", "/spoken/transcript?raw=true", token=viewer)
    redacted = await house.ask("GET", "/spoken/transcript", token=viewer)

    assert raw["turns"][1]["text"] == "Ring me on 98765 43210."
    assert refused.status_code == 403
    assert refused.json()["error_code"] == "PII_SCOPE_MISSING"
    assert "98765" not in redacted.text
    traces = await house.audited("pii.read")
    assert [(t.object, t.detail["what"]) for t in traces] == [("call:spoken", "transcript")]


async def test_a_correction_is_redacted_and_analysed_anew(house: "House") -> None:
    before = await spoken(house)
    edit = {"idx": 2, "text": "I will ring you, or write to asha@example.org."}

    made = await house.told(
        "PATCH", "/spoken/transcript", json={"base_version": 1, "edits": [edit]}
    )
    waiting = await house.told("GET", "/spoken")
    await house.work()
    after = await house.told("GET", "/spoken")

    assert made["version"] == 2
    assert made["origin"] == "edited"
    assert "asha@" not in made["turns"][2]["text"]
    assert made["turns"][2]["text"].startswith("I will ring you, or write to [EMAIL")
    assert (waiting["status"], waiting["stage"]) == ("transcribed", "analyze")
    assert (after["status"], after["stage_state"]) == ("done", "ok")
    assert after["analysis"]["_meta"] is not None
    runs = [(run["stage"], run["run_no"]) for run in after["stages"]]
    assert runs.count(("transcribe", 1)) == 1
    assert ("transcribe", 2) not in runs
    assert ("analyze", 2) in runs
    assert ("index", 2) in runs
    assert before["epoch"] == after["epoch"]
    raw = await house.told("GET", "/spoken/transcript?raw=true")
    assert raw["turns"][2]["text"].endswith("asha@example.org.")
    assert raw["turns"][1]["text"] == "Ring me on 98765 43210."
    found = await house.ids("q=write")
    assert found == ["spoken"]


async def test_earlier_versions_stay_readable(house: "House") -> None:
    call = await spoken(house)
    edit = {"base_version": 1, "edits": [{"idx": 0, "text": "Good evening."}]}
    await house.told("PATCH", "/spoken/transcript", json=edit)

    first = await house.told("GET", "/spoken/transcript?version=1&raw=true")
    versions = await house.told("GET", "/spoken/transcript/versions")

    assert first["turns"][0]["text"] == "Good morning, River Homes."
    assert [v["version"] for v in versions["items"]] == [2, 1]
    assert [v["origin"] for v in versions["items"]] == ["edited", "sidecar"]
    assert versions["current"] == 2
    assert call["transcript"]["version"] == 1
    missing = await house.ask("GET", "/spoken/transcript?version=9")
    assert (missing.status_code, missing.json()["error_code"]) == (404, "TRANSCRIPT_NOT_FOUND")


async def test_who_edits_an_old_version_loses_nothing_and_is_told(house: "House") -> None:
    await spoken(house)
    edit = {"base_version": 1, "edits": [{"idx": 0, "text": "Good evening."}]}
    await house.told("PATCH", "/spoken/transcript", json=edit)

    late = await house.ask("PATCH", "/spoken/transcript", json=edit)

    assert late.status_code == 409
    assert late.json()["error_code"] == "STALE_VERSION"
    assert late.json()["current_version"] == 2
    assert (await house.told("GET", "/spoken/transcript"))["version"] == 2


async def test_turns_are_split_and_merged(house: "House") -> None:
    await spoken(house)
    edits = [{"idx": 0, "split_ms": 2_000}, {"idx": 1, "merge_next": True, "role": "agent"}]

    made = await house.told("PATCH", "/spoken/transcript", json={"base_version": 1, "edits": edits})

    turns = [(t["idx"], t["start_ms"], t["end_ms"], t["role"]) for t in made["turns"]]
    assert turns == [
        (0, 0, 2_000, "agent"),
        (1, 2_000, 4_000, "agent"),
        (2, 5_000, 15_000, "agent"),
    ]
    assert [t["text"] for t in made["turns"][:2]] == ["Good morning,", "River Homes."]


async def test_every_fault_of_an_edit_is_told_at_once(house: "House") -> None:
    await spoken(house)
    edits = [
        {"idx": 0, "split_ms": 99_000},
        {"idx": 2, "merge_next": True},
        {"idx": 7, "text": "x"},
        {"idx": 0, "text": "y"},
    ]

    reply = await house.ask("PATCH", "/spoken/transcript", json={"base_version": 1, "edits": edits})

    assert reply.status_code == 422
    assert [fault["code"] for fault in reply.json()["errors"]] == [
        "SPLIT_OUTSIDE",
        "NO_NEXT_TURN",
        "TURN_UNKNOWN",
        "TWICE",
    ]
    assert (await house.told("GET", "/spoken"))["transcript_version"] == 1


@pytest.mark.both_databases
async def test_swapped_speakers_change_figures_and_results_without_hearing_again(
    house: "House",
) -> None:
    before = await spoken(house)

    made = await house.told(
        "POST", "/spoken/speakers", json={"map": {"S1": "customer", "S2": "agent"}}
    )
    await house.work()
    after = await house.told("GET", "/spoken")

    assert made["version"] == before["transcript"]["version"] + 1
    assert [t["role"] for t in after["transcript"]["turns"]] == ["customer", "agent", "customer"]
    assert after["metrics"]["talk_agent_ms"] == before["metrics"]["talk_customer_ms"]
    assert after["metrics"]["talk_customer_ms"] == before["metrics"]["talk_agent_ms"]
    assert after["talk_ratio"] == pytest.approx(1 - before["talk_ratio"])
    assert (after["status"], after["epoch"]) == ("done", before["epoch"])
    assert {run["run_no"] for run in after["stages"] if run["stage"] == "transcribe"} == {1}
    assert {run["run_no"] for run in after["stages"] if run["stage"] == "analyze"} == {1, 2}
    texts = [turn["text"] for turn in before["transcript"]["turns"]]
    assert [turn["text"] for turn in after["transcript"]["turns"]] == texts


async def test_a_speaker_that_is_not_there_is_told_with_those_that_are(house: "House") -> None:
    await spoken(house)

    reply = await house.ask("POST", "/spoken/speakers", json={"map": {"S9": "agent"}})

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "map.S9"
    assert "'S1', 'S2'" in reply.json()["errors"][0]["message"]


async def test_an_analysis_of_words_that_were_corrected_meanwhile_is_dropped(
    house: "House",
) -> None:
    """Two analyses wait: that of the first words must not count as one of the corrected ones."""
    await spoken(house)
    for n in (1, 2):
        edit = {"base_version": n, "edits": [{"idx": 0, "text": f"Version {n + 1}."}]}
        await house.told("PATCH", "/spoken/transcript", json=edit)

    await house.work()

    call = await house.told("GET", "/spoken")
    assert (call["status"], call["stage_state"]) == ("done", "ok")
    assert call["transcript"]["turns"][0]["text"] == "Version 3."


async def test_viewers_correct_nothing(house: "House") -> None:
    await spoken(house)
    _, viewer = await house.person("vera", "viewer")
    edit = {"base_version": 1, "edits": [{"idx": 0, "text": "x"}]}

    for method, where, body in (
        ("PATCH", "/spoken/transcript", edit),
        ("POST", "/spoken/speakers", {"map": {"S1": "agent"}}),
        ("PATCH", "/spoken", {"tags": ["x"]}),
    ):
        reply = await house.ask(method, where, json=body, token=viewer)
        assert reply.status_code == 403, (where, reply.text)
