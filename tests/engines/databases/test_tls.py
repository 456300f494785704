"""TLS to MariaDB, on a private server with a certificate: the name counts, not the address."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.conftest import free_port

from locutory.engines.databases import DatabaseFault, Fault, Place, Query, Tls, get_database

NAME = "db.example.org"
ROWS = Query(table="t", schema=None, columns=("id",))


def certify(folder: Path) -> None:
    """A key and a certificate for NAME that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))


@dataclass(frozen=True)
class Guarded:
    """A server with TLS, and its certificate."""

    place: Place
    certificate: Path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    if not all(map(shutil.which, ("mariadbd", "mariadb-install-db"))):
        pytest.skip("no MariaDB server is installed on this machine")
    folder, port = tmp_path_factory.mktemp("mariadb"), free_port()
    certify(folder)
    plain = ["--no-defaults", f"--datadir={folder}/data", "--user=root"]
    root = "--auth-root-authentication-method=normal"
    make = ["mariadb-install-db", *plain, root, "--skip-test-db"]
    subprocess.run(make, check=True, capture_output=True)
    serve = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/s.sock"]
    tls = [f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(["mariadbd", *plain, *serve, *tls], stdout=log, stderr=log)
    try:
        admin = _admin(port)
        with admin.cursor() as cursor:
            cursor.execute("CREATE DATABASE d")
            cursor.execute("CREATE TABLE d.t (id INT PRIMARY KEY)")
            cursor.execute("CREATE USER r@'%' IDENTIFIED BY 'pw' REQUIRE SSL")
            cursor.execute("GRANT SELECT ON d.t TO r@'%'")
        admin.close()
        place = Place(
            host=NAME,
            addresses=("127.0.0.1",),
            port=port,
            database="d",
            user="r",
            password="pw",
            tls=Tls.VERIFY,
            connect_s=10,
            timeout_s=10,
        )
        yield Guarded(place, folder / "cert.pem")
    finally:
        server.terminate()
        server.wait(30)


def _admin(port: int) -> pymysql.connections.Connection:
    end = time.monotonic() + 60
    while True:
        try:
            return pymysql.connect(host="127.0.0.1", port=port, user="root")
        except pymysql.err.OperationalError:
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.05)


async def read(place: Place) -> None:
    async with get_database("mysql").open(place) as rows:
        await rows.page(ROWS)


async def test_a_certificate_that_holds_is_accepted(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.certificate))

    await read(guarded.place)


async def test_a_certificate_of_another_name_is_refused(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(guarded.certificate))

    with pytest.raises(DatabaseFault) as caught:
        await read(replace(guarded.place, host="other.example.org"))

    assert caught.value.fault is Fault.TLS


async def test_a_certificate_that_nobody_vouches_for_is_refused(guarded: Guarded) -> None:
    with pytest.raises(DatabaseFault) as caught:
        await read(guarded.place)

    assert caught.value.fault is Fault.TLS


async def test_required_is_encrypted_whoever_answers(guarded: Guarded) -> None:
    await read(replace(guarded.place, tls=Tls.REQUIRED, host="other.example.org"))

    with pytest.raises(DatabaseFault) as caught:
        await read(replace(guarded.place, tls=Tls.OFF))

    assert caught.value.fault is Fault.AUTH  # the account asks for TLS
