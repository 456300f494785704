"""A call's recording to listen to: the original, a copy that browsers play, its loudness."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
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
from locutory.products.calls.records.muting import Stretch, stretches_of
from locutory.products.calls.records.service.texts import note_pii
from locutory.products.calls.records.sight import Reader

_LISTENING_S = 3600.0
_MOST_LISTENINGS = 10_000
_HEAD_BYTES = 256 * 1024  # what tells of a file lies in there


@dataclass(frozen=True, slots=True)
class Sound:
    """A file to be sent, and what it is."""

    key: str
    media_type: str
    name: str


class Listenings:
    """Who listens to which original: a player fetches it in pieces, beginning anywhere."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._noted: OrderedDict[tuple[str, str], float] = OrderedDict()

    def begins(self, actor: str, call_id: str) -> bool:
        """Whether this is a listening of its own: the first piece within an hour."""
        now, name = self._clock(), (actor, call_id)
        noted = self._noted.get(name)
        if noted is not None and now - noted < _LISTENING_S:
            return False
        self._noted[name] = now
        self._noted.move_to_end(name)
        if len(self._noted) > _MOST_LISTENINGS:
            self._noted.popitem(last=False)
        return True


@dataclass(frozen=True, slots=True)
class Studio:
    """Where recordings lie, and what can work on them."""

    blobs: BlobStore
    pool: CpuPool
    scratch: Path
    listenings: Listenings

    @classmethod
    def of(cls, services: Services) -> "Studio":
        """The process's own."""
        return cls(
            services.get(BlobStore),
            services.get(CpuPool),
            services.get(Settings).data_dir / "tmp",
            services.get(Listenings),
        )


async def get_sound(reader: Reader, callid: str, studio: Studio, *, first: bool) -> Sound:
    """The file for this reader: the original with the right to it, else the redacted one.

    `first` is whether the answer begins at the file's start. A listening to the original is noted
    then, and with its first piece within an hour, not for every piece that a player fetches.
    Raises CallNotFound, AudioNotFound, AudioPurged, AudioNotRedacted, and the media errors.
    """
    record = await _recorded(reader, callid)
    if not reader.sees_pii:
        return await _redacted(reader, record, studio)
    assert record.audio_key is not None
    sound = await _playable(studio, record.audio_key, derived_key(record, "playback"), callid)
    if studio.listenings.begins(reader.actor, str(record.id)) or first:
        await note_pii(reader, record, "audio")
    return sound


async def _redacted(reader: Reader, record: CallRecord, studio: Studio) -> Sound:
    """The copy in which nothing is heard that the transcript hides, made when it is first wanted.

    It is of one version of the transcript: a correction makes another.
    """
    version = record.transcript_version
    async with reader.db.read() as session:
        row = await queries.whole_or_emptied(session, record.id, version)
    silent = None if row is None else stretches_of(row)
    if silent is None:
        raise AudioNotRedacted
    key = derived_key(record, f"redacted{version}")
    if await studio.blobs.size(key) is None:
        assert record.audio_key is not None
        async with studio.blobs.local_copy(record.audio_key) as path:
            await _copied(studio, path, key, silent)
    return Sound(key, playback.COPY_TYPE, record.callid)


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
        record = await queries.get(session, callid, own=reader.own, fixed=reader.fixed)
    if record.audio_purged_at is not None:
        raise AudioPurged
    if record.audio_key is None:
        raise AudioNotFound
    return record


async def _playable(studio: Studio, key: str, copy: str, callid: str) -> Sound:
    async with studio.blobs.local_copy(key, least=_HEAD_BYTES) as path:
        kind = await asyncio.to_thread(playback.media_type, path)
    if kind is not None:
        return Sound(key, kind, callid)
    if await studio.blobs.size(copy) is None:
        async with studio.blobs.local_copy(key) as path:
            await _copied(studio, path, copy, [])
    return Sound(copy, playback.COPY_TYPE, callid)


async def _copied(studio: Studio, path: Path, key: str, silent: Sequence[Stretch]) -> None:
    async with work_folder(studio.scratch) as folder:
        target = folder / "copy.mp3"
        await studio.pool.run(playback.copy_for_browsers, path, target, silent)
        await studio.blobs.put_file(key, target)
