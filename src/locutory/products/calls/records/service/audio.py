"""A call's recording to listen to: the original, a copy that browsers play, its loudness."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from locutory.engines.blobs import BlobStore
from locutory.engines.media import playback
from locutory.kernel.cpu import CpuPool
from locutory.kernel.scratch import work_folder
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import AudioNotFound, AudioNotRedacted, AudioPurged
from locutory.products.calls.records.files import derived_key
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.records.service.texts import note_pii
from locutory.products.calls.records.sight import Reader


@dataclass(frozen=True, slots=True)
class Sound:
    """A file to be sent, and what it is."""

    key: str
    media_type: str
    name: str


@dataclass(frozen=True, slots=True)
class Studio:
    """Where recordings lie, and what can work on them."""

    blobs: BlobStore
    pool: CpuPool
    scratch: Path

    @classmethod
    def of(cls, services: Services) -> "Studio":
        """The process's own."""
        return cls(
            services.get(BlobStore),
            services.get(CpuPool),
            services.get(Settings).data_dir / "tmp",
        )


async def get_sound(reader: Reader, callid: str, studio: Studio, *, first: bool) -> Sound:
    """The file for this reader: the original with the right to it, else the redacted one.

    `first` is whether the answer begins at the file's start, so that a listening is noted once
    and not for every piece that a player fetches. Raises CallNotFound, AudioNotFound,
    AudioNotRedacted, and the media errors.
    """
    record = await _recorded(reader, callid)
    if not reader.sees_pii:
        redacted = derived_key(record, "redacted")
        if await studio.blobs.size(redacted) is None:
            raise AudioNotRedacted
        return await _playable(studio, redacted, derived_key(record, "redacted_playback"), callid)
    assert record.audio_key is not None
    sound = await _playable(studio, record.audio_key, derived_key(record, "playback"), callid)
    if first:
        await note_pii(reader, record, "audio")
    return sound


async def get_peaks(reader: Reader, callid: str, studio: Studio) -> bytes:
    """The recording's loudness as JSON, made once. Raises as `get_sound`, without its rights."""
    record = await _recorded(reader, callid)
    assert record.audio_key is not None
    key = derived_key(record, "peaks")
    if await studio.blobs.size(key) is not None:
        return await studio.blobs.get(key)
    async with studio.blobs.local_copy(record.audio_key) as path:
        made = await studio.pool.run(playback.peaks, path)
    await studio.blobs.put(key, made)
    return made


async def _recorded(reader: Reader, callid: str) -> CallRecord:
    async with reader.db.read() as session:
        record = await queries.get(session, callid, own=reader.own)
    if record.audio_purged_at is not None:
        raise AudioPurged
    if record.audio_key is None:
        raise AudioNotFound
    return record


async def _playable(studio: Studio, key: str, copy: str, callid: str) -> Sound:
    async with studio.blobs.local_copy(key) as path:
        kind = await asyncio.to_thread(playback.media_type, path)
        if kind is not None:
            return Sound(key, kind, callid)
        if await studio.blobs.size(copy) is None:
            async with work_folder(studio.scratch) as folder:
                target = folder / "copy.mp3"
                await studio.pool.run(playback.copy_for_browsers, path, target)
                await studio.blobs.put_file(copy, target)
    return Sound(copy, playback.COPY_TYPE, callid)
