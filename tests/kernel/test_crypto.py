import base64
import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from locutory.kernel.crypto import (
    Aad,
    CryptoError,
    KeyRing,
    Secrets,
    load_or_create_secrets,
    parse_keys,
    phone_hash,
)
from locutory.kernel.errors import ConfigError
from locutory.kernel.settings import CryptoSettings, DatabaseSettings, Settings

HOME = Aad("acme", "calls_call", "row-1", "phone")
RING = KeyRing({"a": os.urandom(32)})


def settings(
    keys: str | None = None, *, production: bool = False, url: str | None = None
) -> Settings:
    return Settings(
        crypto=CryptoSettings(keys=SecretStr(keys) if keys else None),
        database=DatabaseSettings(url=url),
        production=production,
    )


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def fingerprint(secrets: Secrets) -> tuple[bytes, bytes]:
    return secrets.jwt_key, secrets.phone_key


@given(st.binary(max_size=200), st.text(max_size=20), st.text(max_size=20))
def test_what_was_encrypted_for_an_address_opens_there(data: bytes, tenant: str, row: str) -> None:
    aad = Aad(tenant, "calls_call", row, "phone")

    token = RING.encrypt(data, aad=aad)

    assert RING.decrypt(token, aad=aad) == data


@given(st.text(max_size=100))
def test_text_comes_back_as_text(text: str) -> None:
    assert RING.decrypt_text(RING.encrypt(text, aad=HOME), aad=HOME) == text


@pytest.mark.parametrize(
    "elsewhere",
    [
        Aad("other", "calls_call", "row-1", "phone"),
        Aad("acme", "calls_lead", "row-1", "phone"),
        Aad("acme", "calls_call", "row-2", "phone"),
        Aad("acme", "calls_call", "row-1", "name"),
        Aad('acme","calls_call', "", "row-1", "phone"),
    ],
)
def test_a_token_moved_to_another_address_does_not_open(elsewhere: Aad) -> None:
    token = RING.encrypt("secret", aad=HOME)

    with pytest.raises(CryptoError):
        RING.decrypt(token, aad=elsewhere)


@given(st.data())
def test_a_token_with_one_changed_bit_does_not_open(data: st.DataObject) -> None:
    token = bytearray(RING.encrypt("secret", aad=HOME))
    token[data.draw(st.integers(0, len(token) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(CryptoError):
        RING.decrypt(bytes(token), aad=HOME)


@given(st.integers(0, 40))
def test_a_token_cut_short_does_not_open(length: int) -> None:
    token = RING.encrypt("a longer secret", aad=HOME)[:length]

    with pytest.raises(CryptoError):
        RING.decrypt(token, aad=HOME)


def test_equal_texts_give_different_tokens() -> None:
    assert RING.encrypt("x", aad=HOME) != RING.encrypt("x", aad=HOME)


def test_after_rotation_the_first_key_encrypts_and_the_old_one_still_opens() -> None:
    old, new = os.urandom(32), os.urandom(32)
    before = KeyRing({"old": old}).encrypt("secret", aad=HOME)
    rotated = KeyRing({"new": new, "old": old})

    after = rotated.encrypt("secret", aad=HOME)

    assert rotated.decrypt_text(before, aad=HOME) == "secret"
    assert (rotated.is_current(before), rotated.is_current(after)) == (False, True)
    with pytest.raises(CryptoError, match="not in the ring"):
        KeyRing({"old": old}).decrypt(after, aad=HOME)


def test_bytes_that_are_no_text_are_refused_as_text() -> None:
    token = RING.encrypt(b"\xff\xfe", aad=HOME)

    with pytest.raises(CryptoError, match="not text"):
        RING.decrypt_text(token, aad=HOME)


@pytest.mark.parametrize("keys", [{}, {"a": b"short"}, {"": b"k" * 32}, {"a b": b"k" * 32}])
def test_a_ring_without_fit_keys_is_refused(keys: dict[str, bytes]) -> None:
    with pytest.raises(ConfigError):
        KeyRing(keys)


def test_a_phone_hash_depends_on_number_tenant_and_key() -> None:
    hashes = {
        phone_hash("+919800000000", tenant="a", key=b"k" * 32),
        phone_hash("+919800000001", tenant="a", key=b"k" * 32),
        phone_hash("+919800000000", tenant="b", key=b"k" * 32),
        phone_hash("+919800000000", tenant="a", key=b"q" * 32),
    }

    assert len(hashes) == 4
    assert phone_hash("+919800000000", tenant="a", key=b"k" * 32) in hashes


def test_keys_are_made_once_in_a_file_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    first = load_or_create_secrets(folder, settings())
    again = load_or_create_secrets(folder, settings())

    token = first.ring.encrypt("x", aad=HOME)
    assert again.ring.decrypt_text(token, aad=HOME) == "x"
    assert fingerprint(first) == fingerprint(again)
    assert [entry.name for entry in folder.iterdir()] == ["secrets.json"]
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600


def _load(
    folder: Path, barrier: Callable[[], int], results: "multiprocessing.Queue[bytes]"
) -> None:
    barrier()
    results.put(load_or_create_secrets(folder, settings()).jwt_key)


def test_processes_that_start_together_agree_on_the_keys(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [
        context.Process(target=_load, args=(tmp_path, barrier.wait, results)) for _ in range(4)
    ]
    for process in processes:
        process.start()

    keys = {results.get(timeout=60) for _ in processes}

    for process in processes:
        process.join()
    assert len(keys) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["secrets.json"]


def test_the_setting_overrides_the_file_and_writes_none(tmp_path: Path) -> None:
    key = os.urandom(32)

    secrets = load_or_create_secrets(tmp_path, settings(f"k9:{encoded(key)}"))

    assert KeyRing({"k9": key}).decrypt(secrets.ring.encrypt("x", aad=HOME), aad=HOME) == b"x"
    assert list(tmp_path.iterdir()) == []


def test_prepending_a_key_keeps_sessions_and_the_phone_index(tmp_path: Path) -> None:
    old = f"old:{encoded(os.urandom(32))}"
    before = load_or_create_secrets(tmp_path, settings(old))

    after = load_or_create_secrets(tmp_path, settings(f"new:{encoded(os.urandom(32))},{old}"))

    assert fingerprint(after) == fingerprint(before)
    assert before.jwt_key != before.phone_key


def test_the_files_keys_can_move_into_the_setting(tmp_path: Path) -> None:
    made = load_or_create_secrets(tmp_path, settings())
    stored = json.loads((tmp_path / "secrets.json").read_text())["keys"]

    moved = load_or_create_secrets(
        tmp_path / "elsewhere", settings(",".join(f"{name}:{key}" for name, key in stored.items()))
    )

    assert fingerprint(moved) == fingerprint(made)
    assert moved.ring.decrypt(made.ring.encrypt("x", aad=HOME), aad=HOME) == b"x"


def test_production_on_postgresql_asks_for_the_setting(tmp_path: Path) -> None:
    wanting = settings(production=True, url="postgresql://db/locutory")

    with pytest.raises(ConfigError, match="LOCUTORY_CRYPTO__KEYS"):
        load_or_create_secrets(tmp_path, wanting)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nokey", "written"),
        ("a:%%%", "not base64"),
        pytest.param("a:" + encoded(os.urandom(16)), "16 bytes", id="short"),
        ("a:" + encoded(b"change-me-change-me-change-me-32"), "placeholder"),
        ("a:" + encoded(bytes(32)), "placeholder"),
        ("a:" + encoded(bytes(range(100, 132))), "placeholder"),
        pytest.param(
            f"a:{encoded(os.urandom(32))},a:{encoded(os.urandom(32))}", "twice", id="twice"
        ),
    ],
)
def test_unfit_keys_are_refused_without_being_quoted(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_keys(text)

    assert (text.partition(":")[2] or text) not in caught.value.detail


def test_a_setting_with_only_named_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="empty"):
        load_or_create_secrets(tmp_path, settings(f"jwt:{encoded(os.urandom(32))}"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": 3}', '{"keys": {"a": 3}}'])
def test_a_damaged_secrets_file_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(ConfigError):
        load_or_create_secrets(tmp_path, settings())

    assert path.read_text() == content


def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands here")

    with pytest.raises(ConfigError, match="cannot be made"):
        load_or_create_secrets(tmp_path / "data" / "below", settings())


def test_a_secrets_file_open_to_others_stops_the_start(tmp_path: Path) -> None:
    load_or_create_secrets(tmp_path, settings())
    (tmp_path / "secrets.json").chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 600"):
        load_or_create_secrets(tmp_path, settings())
