"""A stored transcript as the shared word."""

from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.provenance import Provenance, Source
from locutory.products.calls.records.models import CallTranscript


def transcript_of(row: CallTranscript) -> Transcript:
    """The redacted transcript."""
    return Transcript(
        turns=tuple(
            Turn(
                idx=turn["idx"],
                role=Role(turn["role"]),
                text=turn["text"],
                start_ms=turn["start_ms"],
                end_ms=turn["end_ms"],
                speaker=turn["speaker"],
                channel=turn["channel"],
                confidence=turn["confidence"],
                flags=tuple(turn["flags"]),
            )
            for turn in row.turns
        ),
        duration_ms=row.duration_ms,
        provenance=Provenance(source=Source(row.origin), engine=row.engine),
        language=row.language,
    )
