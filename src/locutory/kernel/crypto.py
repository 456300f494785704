"""Encryption of secrets and personal columns, and the keys that it stands on.

A token is `version (1 byte) | length of key id (1) | key id | nonce (12) | ciphertext and tag`.
Header and row address are authenticated: a token moved to another row does not open.
"""

import base64
import binascii
import hmac
import itertools
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from locutory.kernel.errors import ConfigError, ErrorClass, LocutoryError
from locutory.kernel.settings import Settings

VERSION: Final = 1
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
FILE_NAME: Final = "secrets.json"

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_JWT, _PHONE = "jwt", "phone"


class CryptoError(LocutoryError):
    """A stored secret cannot be opened: its key is missing or its bytes were changed."""

    status, code, cls = 500, "CRYPTO_FAILED", ErrorClass.PERMANENT_CONFIG


@dataclass(frozen=True, slots=True)
class Aad:
    """The address that a token is bound to."""

    tenant: UUID | str
    table: str
    row: UUID | str
    column: str

    def encode(self) -> bytes:
        """An unambiguous text: no two addresses give the same bytes."""
        parts = [str(self.tenant), self.table, str(self.row), self.column]
        return json.dumps(parts, separators=(",", ":")).encode()


class KeyRing:
    """AES-256-GCM keys by id. The first one encrypts, all decrypt."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` in order of preference, 32 bytes each. Raises ConfigError."""
        if not keys:
            raise ConfigError("the key ring is empty")
        for key_id, key in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise ConfigError("a key id is 1-32 letters, digits, '_' or '-'")
            if len(key) != KEY_BYTES:
                raise ConfigError(f"key {key_id!r} has {len(key)} bytes, {KEY_BYTES} are needed")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._first = next(iter(keys))

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._ciphers)})"

    def encrypt(self, plaintext: bytes | str, *, aad: Aad) -> bytes:
        """Seal with the first key; the same text gives another token each time."""
        data = plaintext.encode() if isinstance(plaintext, str) else plaintext
        key_id = self._first.encode()
        header = bytes((VERSION, len(key_id))) + key_id
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, data, header + aad.encode())
        return header + nonce + sealed

    def decrypt(self, token: bytes, *, aad: Aad) -> bytes:
        """Open a token. Raises CryptoError on another address, changed bytes, a missing key."""
        header, key_id = _split_header(token)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CryptoError("the key of a stored secret is not in the ring")
        start = len(header)
        nonce, sealed = token[start : start + NONCE_BYTES], token[start + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, header + aad.encode())
        except InvalidTag as error:
            raise CryptoError from error

    def decrypt_text(self, token: bytes, *, aad: Aad) -> str:
        """Open a token that holds UTF-8 text. Raises CryptoError."""
        try:
            return self.decrypt(token, aad=aad).decode()
        except UnicodeDecodeError as error:
            raise CryptoError("a stored secret is not text") from error

    def is_current(self, token: bytes) -> bool:
        """Whether the first key made it; a rotation job seals the others anew."""
        return _split_header(token)[1] == self._first


def _split_header(token: bytes) -> tuple[bytes, str]:
    """The header's bytes and the key id in it. Raises CryptoError when it cannot be a token."""
    if len(token) < 2 or token[0] != VERSION:
        raise CryptoError("a stored secret has an unknown format")
    end = 2 + token[1]
    if len(token) < end + NONCE_BYTES + TAG_BYTES:
        raise CryptoError("a stored secret is cut short")
    return token[:end], token[2:end].decode("ascii", errors="replace")


def phone_hash(phone: str, *, tenant: UUID | str, key: bytes) -> str:
    """HMAC-SHA256 in hex over a normalised phone number, for equality search.

    The tenant is part of it, so that equal numbers of two tenants cannot be joined.
    """
    message = json.dumps([str(tenant), phone], separators=(",", ":")).encode()
    return hmac.new(key, message, sha256).hexdigest()


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """The keys of an installation; 32 bytes each."""

    ring: KeyRing
    jwt_key: bytes
    phone_key: bytes


def load_or_create_secrets(data_dir: Path, settings: Settings) -> Secrets:
    """The keys from `LOCUTORY_CRYPTO__KEYS`, else from `secrets.json`, made at first start.

    Both hold `id: base64`. The ids `jwt` and `phone` are set apart from the ring; where the setting
    leaves them out they are derived from its last (oldest) key, so that prepending a new key
    neither ends sessions nor loses the phone index. Raises ConfigError on unfit keys, and in
    production on PostgreSQL without the setting: its machines must share one ring.
    """
    given = settings.crypto.keys
    if given is not None and given.get_secret_value().strip():
        return _to_secrets(parse_keys(given.get_secret_value()))
    if settings.production and settings.database_url.startswith("postgresql"):
        raise ConfigError("LOCUTORY_CRYPTO__KEYS must be set in production on PostgreSQL")
    path = data_dir / FILE_NAME
    if not path.exists():
        try:
            _create(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be made: {error.strerror}") from error
    return _to_secrets(_read(path))


def parse_keys(text: str) -> dict[str, bytes]:
    """Read `id:base64,id:base64`, in order. Raises ConfigError, which never quotes a key."""
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        key_id, separator, encoded = entry.partition(":")
        if not separator:
            raise ConfigError("LOCUTORY_CRYPTO__KEYS is written id:base64,id:base64")
        if key_id in keys:
            raise ConfigError(f"key id {key_id!r} occurs twice")
        keys[key_id] = _decode_key(key_id, encoded)
    return keys


def _decode_key(key_id: str, encoded: str) -> bytes:
    """32 random bytes from base64, plain or URL-safe. Raises ConfigError on anything less."""
    plain = encoded.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise ConfigError(f"key {key_id!r} is not base64") from error
    if len(key) != KEY_BYTES:
        raise ConfigError(f"key {key_id!r} has {len(key)} bytes, {KEY_BYTES} are needed")
    if _looks_typed(key):
        raise ConfigError(f"key {key_id!r} is a placeholder; take {KEY_BYTES} random bytes")
    return key


def _looks_typed(key: bytes) -> bool:
    """Whether a person wrote it: readable text, few distinct bytes, or a plain sequence.

    Each holds for 32 random bytes with a probability below 1e-13.
    """
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    return all(32 <= byte < 127 for byte in key) or len(set(key)) < 12 or len(steps) == 1


def _to_secrets(keys: Mapping[str, bytes]) -> Secrets:
    ring = {key_id: key for key_id, key in keys.items() if key_id not in (_JWT, _PHONE)}
    if not ring:
        raise ConfigError("the key ring is empty")
    oldest = list(ring.values())[-1]
    return Secrets(
        ring=KeyRing(ring),
        jwt_key=keys.get(_JWT) or _derive(oldest, _JWT),
        phone_key=keys.get(_PHONE) or _derive(oldest, _PHONE),
    )


def _derive(key: bytes, purpose: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt: the input is uniformly random already."""
    info = f"locutory/{purpose}/1".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _create(path: Path) -> None:
    """Write new keys, whole or not at all; of several processes exactly one file stays."""
    names = ("k1", _JWT, _PHONE)
    keys = {name: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() for name in names}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump({"keys": keys}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails when another process was first: its keys then hold.
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, bytes]:
    """The keys of a secrets file. Raises ConfigError when it is open to others or damaged."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"{path} can be read by others; chmod 600 it")
    try:
        stored = json.loads(path.read_text())["keys"]
        return {str(key_id): _decode_key(key_id, key) for key_id, key in stored.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is damaged; restore it from a backup") from error
