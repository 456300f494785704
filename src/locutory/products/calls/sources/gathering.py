"""From a recording in an open folder to an offer: its files are kept, its call is not yet."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from locutory.engines.blobs import BlobStore
from locutory.engines.media import container_of
from locutory.kernel.crypto import Secrets
from locutory.kernel.services import Services
from locutory.kernel.settings import Settings
from locutory.products.calls.pipeline.uploads import spooled
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.sources.contract import CallOffer
from locutory.products.calls.sources.folder import callid_of
from locutory.products.calls.sources.looking import Ready
from locutory.products.calls.sources.places import open_file
from locutory.products.calls.sources.service import described, receive


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """An open folder of a business, by its descriptor, and what is known of its calls."""

    handle: int
    tenant_id: UUID
    direction: Direction


async def gathered(folder: Folder, ready: Ready, services: Services) -> CallOffer | None:
    """The offer of a recording and its transcript; None if one of them is not as it was seen.

    The file's time counts as the call's. Raises FileUnreadable, TooLargeError, NotAudioError,
    AudioEmptyError.
    """
    settings = services.get(Settings)
    with ExitStack() as stack:
        audio = await asyncio.to_thread(open_file, folder.handle, ready.recording)
        if audio is None:
            return None
        stack.callback(audio.close)
        transcript = None
        if ready.sidecar is not None:
            transcript = await asyncio.to_thread(open_file, folder.handle, ready.sidecar)
            if transcript is None:
                return None
            stack.callback(transcript.close)
        upload = described(
            callid=None,
            direction=folder.direction,
            customer_phone=None,
            agent_id=None,
            agent_name=None,
            started_at=datetime.fromtimestamp(ready.recording.mtime_ns / 1e9, UTC),
        )
        return await receive(
            services.get(BlobStore),
            services.get(Secrets).ring,
            folder.tenant_id,
            upload,
            audio,
            name=ready.recording.name,
            transcript=transcript,
            transcript_name=None if ready.sidecar is None else ready.sidecar.name,
            scratch=settings.data_dir / "tmp",
            max_audio_bytes=settings.media.max_audio_bytes,
        )


async def callid_in(folder: Folder, ready: Ready, services: Services) -> str | None:
    """The call id that a recording would get; nothing is kept. Raises as `gathered`."""
    settings = services.get(Settings)
    audio = await asyncio.to_thread(open_file, folder.handle, ready.recording)
    if audio is None:
        return None
    with audio:
        async with spooled(
            audio, settings.data_dir / "tmp", settings.media.max_audio_bytes
        ) as file:
            await asyncio.to_thread(container_of, file.path)
            return callid_of(ready.recording.name, file.sha256)
