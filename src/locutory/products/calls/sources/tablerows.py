"""From a row of a source's table to an offer, or to the reason why it is none."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from locutory.kernel.clock import rfc3339
from locutory.kernel.errors import InputError, InvalidError, LocutoryError
from locutory.kernel.http.gate import Gate
from locutory.kernel.http_errors import faults
from locutory.kernel.telemetry.masking import mask_text
from locutory.products.calls.sources.contract import CallOffer
from locutory.products.calls.sources.mapping import PHONES, TableMapping
from locutory.products.calls.sources.moments import NoTime, moment_of, seconds_of
from locutory.products.calls.sources.schemas import CallPush
from locutory.products.calls.sources.service import checked

_SHOWN = 200
_HIDDEN_BUT = 4


class RowUnusable(InputError):
    """This row is no call."""

    code = "ROW_UNUSABLE"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was judged: an offer, or the error that it meets."""

    values: Mapping[str, Any]
    offer: CallOffer | None = None
    error: LocutoryError | None = None

    @property
    def why(self) -> str:
        """The error in a line, with every fault, and no value that names a person."""
        assert self.error is not None
        said = [f"{one['field']}: {one['message']}" for one in self.error.extra.get("errors", ())]
        return mask_text("; ".join(said) or self.error.detail)[:500]


def judged(values: Mapping[str, Any], mapping: TableMapping, zone: tzinfo, gate: Gate) -> Row:
    """Look at one row by itself."""
    try:
        return Row(values, offer=_offer(values, mapping, zone, gate))
    except ValidationError as error:
        return Row(values, error=InvalidError(errors=faults(error.errors())))
    except LocutoryError as error:
        return Row(values, error=error)


def _offer(values: Mapping[str, Any], mapping: TableMapping, zone: tzinfo, gate: Gate) -> CallOffer:
    told = {name: values[column] for name, column in mapping.columns().items()}
    times = {}
    suspect = False
    for name in ("started_at", "answered_at", "ended_at"):
        try:
            times[name], odd = moment_of(told.get(name), zone)
        except NoTime as error:
            shown = mask_text(str(told[name])[:40])
            raise RowUnusable(f"{name}: {error}: {shown}", code="ROW_TIME_INVALID") from error
        suspect |= odd
    started, ended = times["started_at"], times["ended_at"]
    duration_s = seconds_of(told.get("duration"))
    if ended is None and started is not None and duration_s is not None:
        ended = started + timedelta(seconds=duration_s)
    callid = text_of(told["callid"])
    if callid is None:
        raise RowUnusable("the call id is empty", code="CALLID_INVALID")
    phone = text_of(told.get("agent_phone"))
    agent = text_of(told.get("agent_id")) or phone
    answered = times["answered_at"]
    custom = {
        "answered_at": None if answered is None else rfc3339(answered),
        "duration_s": duration_s,
        "agent_phone": phone if phone != agent else None,
        **{column: plain(values[column]) for column in mapping.extra},
    }
    push = CallPush.model_validate(
        {
            "callid": callid,
            "audio_url": _address(text_of(told.get("audio_url")), mapping.audio_base),
            "direction": mapping.direction_of(text_of(told.get("direction"))),
            "customer_phone": text_of(told.get("customer_phone")),
            "agent_id": agent,
            "agent_name": text_of(told.get("agent_name")),
            "disposition": text_of(told.get("disposition")),
            "started_at": started,
            "ended_at": ended,
            "custom": {name: value for name, value in custom.items() if value is not None},
        }
    )
    return replace(checked(push, gate), time_suspect=suspect)


def _address(recording: str | None, base: str | None) -> str | None:
    if recording is None or "://" in recording or base is None:
        return recording
    return f"{base.rstrip('/')}/{recording.lstrip('/')}"


def text_of(value: Any) -> str | None:
    """A value as text; None for nothing, blanks included."""
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, float | Decimal) and value == value and value == int(value):
        value = int(value)
    return str(plain(value)).strip() or None


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, datetime):
        return rfc3339(value.astimezone(UTC)) if value.tzinfo else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode(errors="replace").replace("\0", "")
    return orjson.loads(orjson.dumps(value, default=str))


def shown(values: Mapping[str, Any], mapping: TableMapping) -> dict[str, str | None]:
    """A row for people's eyes: of phones the last four digits, the rest masked by its shape."""
    phones = {mapping.columns().get(name) for name in PHONES}
    seen = {column: text_of(value) for column, value in values.items()}
    return {
        column: _last_digits(text) if column in phones else _masked(text)
        for column, text in seen.items()
    }


def _masked(text: str | None) -> str | None:
    return None if text is None else _storable(mask_text(text[:_SHOWN]))


def _last_digits(text: str | None) -> str | None:
    if text is None:
        return None
    rest = text[:32]
    return _storable("•" * max(0, len(rest) - _HIDDEN_BUT) + rest[-_HIDDEN_BUT:])


def _storable(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()


def digest_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of a row as it was read, in hex."""
    body = {column: repr(value) for column, value in values.items()}
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def letter_key(source_id: UUID, values: Mapping[str, Any]) -> str:
    """What a row's dead letter is known by: the same row, unchanged, has one."""
    return f"row:{source_id}:{digest_of(values)}"
