"""Profile pictures: sniffed, kept in the file store under one key a user."""

from uuid import UUID

from locutory.kernel.audit import audit
from locutory.kernel.auth import queries
from locutory.kernel.auth.contract import (
    BlobPutter,
    ImageTooLarge,
    NotAnImage,
    Principal,
    PrincipalKind,
    UserNotFound,
)
from locutory.kernel.auth.gate import Auth
from locutory.kernel.db import Session
from locutory.kernel.errors import ForbiddenError, NotFoundError

MOST_BYTES = 2 * 1024 * 1024


def media_type(data: bytes) -> str | None:
    """The kind of image that these bytes begin like, whatever the sender says they are."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def address_of(user_id: UUID, avatar_key: str | None) -> str | None:
    """Where a user's picture is served, None if there is none."""
    return None if avatar_key is None else _address(user_id)


def _address(user_id: UUID) -> str:
    return f"/api/auth/users/{user_id}/avatar"


async def put_avatar(auth: Auth, blobs: BlobPutter, by: Principal, data: bytes) -> str:
    """Store the caller's picture and return its address. Raises NotAnImage, ImageTooLarge."""
    if by.kind != PrincipalKind.USER:
        raise ForbiddenError("only users have a picture")
    if len(data) > MOST_BYTES:
        raise ImageTooLarge
    if media_type(data) is None:
        raise NotAnImage
    key = f"kernel/avatars/{by.id}"
    await blobs.put(key, data)

    async def store(tx: Session) -> None:
        user = await queries.find_user(tx, by.id)
        if user is None:
            raise UserNotFound
        user.avatar_key = key
        await audit(tx, actor=by.key, action="user.avatar", object=f"user:{by.id}")

    await auth.db.write(store)
    return _address(by.id)


async def find_avatar(auth: Auth, by: Principal) -> str | None:
    """Where the caller's own picture is served, None if there is none."""
    if by.kind != PrincipalKind.USER:
        return None
    async with auth.db.read() as session:
        user = await queries.find_user(session, by.id)
    return None if user is None else address_of(user.id, user.avatar_key)


async def get_avatar(
    auth: Auth, blobs: BlobPutter, by: Principal, user_id: UUID
) -> tuple[bytes, str]:
    """The picture of oneself or of a fellow in the current tenant, and its media type.

    Raises NotFoundError, in the same words for strangers and for people without a picture.
    """
    async with auth.db.read() as session:
        if by.kind == PrincipalKind.USER and by.id == user_id:
            user = await queries.find_user(session, user_id)
            key = None if user is None else user.avatar_key
        else:
            person = await queries.find_person(session, by.tenant.id, user_id)
            key = None if person is None else person.avatar_key
    if key is None:
        raise NotFoundError("there is no such picture here")
    data = await blobs.get(key)
    return data, media_type(data) or "application/octet-stream"
