"""What an erasure has still to do, as its row keeps it, and what names a person in a call."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from locutory.kernel.clock import from_ms, to_ms
from locutory.kernel.crypto import Aad, KeyRing

# fields of a source that name a person: their values are looked for where no call id stands
_NAMING = re.compile(r"name|mail|contact|customer|address|lead", re.IGNORECASE)
_SHORTEST = 3
_MOST_WORDS = 100


@dataclass(slots=True, kw_only=True)
class Plan:
    """What is to be erased.

    `pending` are the ids of calls that are still listed, `calls` those that are not (id to
    callid), `cleared` those of them that have no row and file left, `gone` the callids of what
    was deleted before. `answers` are ids and `words` texts by which traces are found.
    """

    pending: list[str] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    since_ms: int | None = None

    @property
    def since(self) -> datetime | None:
        """When the oldest of the calls came; None if that is not known."""
        return None if self.since_ms is None else from_ms(self.since_ms)

    @property
    def callids(self) -> list[str]:
        """The calls' own ids, each once."""
        return list(dict.fromkeys([*self.calls.values(), *self.gone]))

    def add(self, call_id: UUID, callid: str, custom: Mapping[str, Any], came: datetime) -> None:
        """Take a call in."""
        self.calls[str(call_id)] = callid
        self.words = list(dict.fromkeys([*self.words, callid, *naming(custom)]))[:_MOST_WORDS]
        self.since_ms = min(to_ms(came), self.since_ms or to_ms(came))


def naming(custom: Mapping[str, Any]) -> Iterable[str]:
    """The texts in a source's own fields that name a person."""
    for key, value in custom.items():
        if isinstance(value, str) and len(value.strip()) >= _SHORTEST and _NAMING.search(key):
            yield value.strip()


def sealed(plan: Plan, ring: KeyRing, tenant_id: UUID, erasure_id: UUID) -> bytes:
    """The plan, encrypted for its row."""
    return ring.encrypt(orjson.dumps(asdict(plan)), aad=_aad(tenant_id, erasure_id))


def opened(token: bytes | None, ring: KeyRing, tenant_id: UUID, erasure_id: UUID) -> Plan:
    """The plan of a row."""
    if token is None:
        return Plan()
    return Plan(**orjson.loads(ring.decrypt(token, aad=_aad(tenant_id, erasure_id))))


def digest(callid: str) -> str:
    """SHA-256 of a call id, in hex."""
    return hashlib.sha256(callid.encode()).hexdigest()


def _aad(tenant_id: UUID, erasure_id: UUID) -> Aad:
    return Aad(tenant_id, "calls_erasure", erasure_id, "plan")
