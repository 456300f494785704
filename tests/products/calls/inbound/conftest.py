"""A business that telephony providers tell of calls."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from tests.conftest import Resident

from locutory.app import Server
from locutory.kernel.auth.queries import find_tenant
from locutory.kernel.db import Database
from locutory.products.calls.records.models import CallRecord

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
PHONE = "+15550172001"


@dataclass
class Exchange:
    """Business 6004, and what its providers send."""

    server: Server
    resident: Resident
    db: Database
    telnyx_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def base(self) -> str:
        return "http://locutory.test"

    async def hook(self, provider: str, **fields: Any) -> dict[str, Any]:
        path = f"/pipeline/{self.resident.bid}/webhooks-in/{provider}"
        reply = await self.resident.ask("PUT", path, json=fields)
        assert reply.status_code == 200, reply.text
        shown: dict[str, Any] = reply.json()
        return shown

    async def send(self, path: str, **rest: Any) -> httpx2.Response:
        """As a provider does, without a login."""
        return await self.resident.client.post(path, **rest)

    async def send_form(self, path: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
        body = urlencode(fields)
        kind = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
        return await self.send(path, content=body, headers={**kind, **headers})

    async def send_signed(
        self, path: str, said: dict[str, Any], secret: str, *, at: int | None = None
    ) -> httpx2.Response:
        """Signed as our own webhooks are, by hand."""
        body, unix = json.dumps(said).encode(), int(time.time()) if at is None else at
        mac = hmac.new(secret.encode(), f"{unix}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"x-locutory-signature": f"t={unix},v1={mac}"}
        return await self.send(path, content=body, headers=headers)

    async def calls(self) -> dict[str, CallRecord]:
        async with self.db.read() as session:
            return {row.callid: row for row in await session.scalars(select(CallRecord))}

    async def counted(self, provider: str, result: str) -> float:
        """How often a delivery of that provider ended so."""
        name = f'ingest_webhooks_total{{provider="{provider}",result="{result}"}}'
        page = (await self.resident.client.get("/metrics")).text
        found = [line for line in page.splitlines() if line.startswith(name)]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


@pytest.fixture
async def exchange(server: Server, ours: Resident) -> Exchange:
    async with server.storage.read(None) as session:
        tenant = await find_tenant(session, ours.bid)
    assert tenant is not None
    return Exchange(server, ours, server.storage.database(tenant.id))
