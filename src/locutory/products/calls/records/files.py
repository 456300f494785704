"""Where a call's files lie in the blob store."""

from uuid import UUID, uuid5

from locutory.products.calls.records.models import CallRecord


def call_prefix(tenant_id: UUID, callid: str) -> str:
    """Where a call's files lie."""
    return f"calls/{tenant_id}/{uuid5(tenant_id, callid)}"


def derived_key(record: CallRecord, role: str) -> str:
    """The place of a file made of the recording: `playback`, `peaks`, `redacted` with a version.

    It is named after the recording's content, so another recording has other files.
    """
    assert record.audio_key is not None
    folder, _, name = record.audio_key.rpartition("/")
    return f"{folder}/{role}-{name.partition('-')[2]}"
