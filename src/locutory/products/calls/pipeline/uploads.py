"""Files that come with a call: looked at before they are kept, kept before the call is."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from locutory.engines.blobs import BlobStore
from locutory.kernel.crypto import Aad, KeyRing
from locutory.kernel.errors import TooLargeError
from locutory.kernel.scratch import work_folder
from locutory.products.calls.pipeline.contract import AudioRef
from locutory.products.calls.records.files import call_prefix

MAX_SIDECAR_BYTES = 32 * 1024 * 1024
_CHUNK = 1024 * 1024
_TOO_LARGE = "AUDIO_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A received file on local disk."""

    path: Path
    sha256: str
    size_bytes: int


@asynccontextmanager
async def spooled(source: BinaryIO, folder: Path, max_bytes: int) -> AsyncIterator[Spooled]:
    """Copy a stream to a temporary file, hashing it. Raises TooLargeError past the limit."""
    async with work_folder(folder) as work:
        yield await asyncio.to_thread(_copy, source, work / "upload", max_bytes)


@asynccontextmanager
async def spooled_file(path: Path, folder: Path, max_bytes: int) -> AsyncIterator[Spooled]:
    """The same for a file of this machine, so that one that changes meanwhile harms nothing."""
    source = await asyncio.to_thread(path.open, "rb")
    try:
        async with spooled(source, folder, max_bytes) as file:
            yield file
    finally:
        source.close()


def _copy(source: BinaryIO, path: Path, max_bytes: int) -> Spooled:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as target:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise TooLargeError(f"more than {max_bytes} bytes", code=_TOO_LARGE)
            digest.update(chunk)
            target.write(chunk)
    return Spooled(path, digest.hexdigest(), size)


async def keep_audio(blobs: BlobStore, tenant_id: UUID, callid: str, file: Spooled) -> AudioRef:
    """Store a recording under its content's hash: the same upload twice is one file."""
    key = f"{call_prefix(tenant_id, callid)}/original-{file.sha256[:16]}"
    if await blobs.size(key) != file.size_bytes:
        await blobs.put_file(key, file.path)
    return AudioRef(key=key, sha256=file.sha256)


async def keep_sidecar(
    blobs: BlobStore, ring: KeyRing, tenant_id: UUID, callid: str, file: Spooled
) -> str:
    """Store a transcript that came along, encrypted, since it is raw text; return its key."""
    key = f"{call_prefix(tenant_id, callid)}/sidecar-{file.sha256[:16]}"
    text = await asyncio.to_thread(file.path.read_bytes)
    await blobs.put(key, ring.encrypt(text, aad=_sidecar_aad(tenant_id, key)))
    return key


async def kept_sidecar(blobs: BlobStore, ring: KeyRing, tenant_id: UUID, key: str) -> bytes:
    """The transcript that came along. Raises BlobMissing, CryptoError."""
    return ring.decrypt(await blobs.get(key), aad=_sidecar_aad(tenant_id, key))


def _sidecar_aad(tenant_id: UUID, key: str) -> Aad:
    return Aad(tenant_id, "blob", key, "content")
