"""A call in the shape of Amazon's Post Call Analytics, for tools that read that."""

from collections import defaultdict
from typing import Any

from locutory.products.calls.records.models import CallRecord, CallTranscript

_NAMES = {"agent": "Agent", "customer": "Customer", "ivr": "IVR"}


def document(
    record: CallRecord, transcript: CallTranscript, blob: dict[str, Any]
) -> dict[str, Any]:
    """`ConversationAnalytics` and `SpeechSegments`; times in seconds, text redacted.

    Figures that we do not measure as that product does (its sentiment per segment on its own
    scale) are left out, not invented.
    """
    speakers = sorted({_speaker(turn) for turn in transcript.turns})
    names = {_speaker(turn): _NAMES.get(turn["role"], "Other") for turn in transcript.turns}
    spoken: dict[str, float] = defaultdict(float)
    for turn in transcript.turns:
        spoken[_speaker(turn)] += (turn["end_ms"] - turn["start_ms"]) / 1000
    summary = (blob.get("summary") or {}).get("text")
    return {
        "ConversationAnalytics": {
            "ConversationTime": record.started_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
            "LanguageCode": transcript.language,
            "Duration": f"{transcript.duration_ms / 1000:.2f}",
            "Agent": record.agent_name or record.agent_id,
            "GUID": record.callid,
            "SpeakerLabels": [{"Speaker": s, "DisplayText": names[s]} for s in speakers],
            "SpeakerTime": {s: {"TotalTimeSecs": round(spoken[s], 2)} for s in speakers},
            "Summary": {} if not summary else {"Summary": summary},
            "SourceInformation": [
                {
                    "TranscribeJobInfo": {
                        "TranscriptionJobName": record.callid,
                        "TranscribeApiType": transcript.engine,
                        "ChannelIdentification": int(bool(record.true_stereo)),
                    }
                }
            ],
        },
        "SpeechSegments": [_segment(turn) for turn in transcript.turns],
    }


def _segment(turn: dict[str, Any]) -> dict[str, Any]:
    return {
        "SegmentStartTime": turn["start_ms"] / 1000,
        "SegmentEndTime": turn["end_ms"] / 1000,
        "SegmentSpeaker": _speaker(turn),
        "OriginalText": turn["text"],
        "DisplayText": turn["text"],
        "TextEdited": 0,
        "EntitiesDetected": [],
        "WordConfidence": [],
    }


def _speaker(turn: dict[str, Any]) -> str:
    label = str(turn["speaker"])
    return label if label.startswith("spk_") else f"spk_{label}"
