"""Getting a call's recording into the store, once."""

from pathlib import Path
from typing import TYPE_CHECKING

from locutory.engines.blobs import BlobStore
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.failpoints import failpoint
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http.gate import UrlBlockedError
from locutory.kernel.jobs import Context
from locutory.kernel.scratch import work_folder
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.addresses import audio_url, note_blocked
from locutory.products.calls.pipeline.contract import (
    AUDIO_TOO_LARGE,
    AUDIO_URL_EXPIRED,
    AudioRef,
)
from locutory.products.calls.pipeline.disk import require_room, require_store
from locutory.products.calls.pipeline.uploads import Spooled, keep_audio
from locutory.products.calls.records import queries
from locutory.products.calls.records.models import CallRecord

if TYPE_CHECKING:
    from locutory.kernel.http.fetching import Fetched

_FETCHER = "pipeline:fetch"


async def stored_audio(ctx: Context, record: CallRecord) -> AudioRef | None:
    """The recording's place in the store, fetched from its address if need be.

    None if the call has no recording. The URL's content is kept under its hash, so a second
    fetch after a crash is the same file. Raises DiskLow and StoreDown, besides what
    fetching raises.
    """
    if record.audio_key is not None:
        return AudioRef(key=record.audio_key, sha256=record.audio_sha256 or "")
    if record.audio_url_enc is None:
        return None
    settings = ctx.services.get(Settings)
    require_room(settings.data_dir, settings.pipeline.disk_stop)
    blobs = ctx.services.get(BlobStore)
    await require_store(blobs)
    url = audio_url(record, ctx.services.get(Secrets))
    async with work_folder(settings.data_dir / "tmp") as folder:
        path = folder / "recording"
        fetched = await _fetched(ctx, record, url, path)
        failpoint("calls.audio.fetched")
        spooled = Spooled(path, fetched.sha256, fetched.size)
        audio = await keep_audio(blobs, record.tenant_id, record.callid, spooled)
    failpoint("calls.audio.stored")

    async def note(tx: Session) -> None:
        current = await queries.get_by_id(tx, record.id)
        current.audio_key, current.audio_sha256 = audio.key, audio.sha256

    await ctx.write(note)
    failpoint("calls.audio.noted")
    return audio


async def _fetched(ctx: Context, record: CallRecord, url: str, path: Path) -> "Fetched":
    """Fetch the recording; an address that leads into a private network is audited."""
    from locutory.kernel.http.fetching import FetchCodes  # noqa: PLC0415 - loads aiohttp

    codes = FetchCodes(gone=AUDIO_URL_EXPIRED, too_large=AUDIO_TOO_LARGE)
    limit = ctx.services.get(Settings).media.max_audio_bytes
    try:
        return await ctx.services.get(HttpClient).fetch(url, to=path, max_bytes=limit, codes=codes)
    except UrlBlockedError as error:
        reason = error.detail
        await ctx.write(lambda tx: note_blocked(tx, record.callid, reason, actor=_FETCHER))
        raise
