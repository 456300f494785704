"""What differs from run to run, or is nobody's business, becomes fixed and plausible.

Ids are named after the place where they were first seen, so that the same thing has the same id in
all examples, and a new step of the walk changes no other's.
"""

import hashlib
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 5, 18, 12, tzinfo=UTC)
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_HEX = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b")
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+")
_KEY = re.compile(r"\b(lct|lce)_[0-9a-f]{12}_[\w-]{40,}")
_HOOK_SECRET = re.compile(r"\bwh(sec|tok)_[\w-]{20,}")
_WORKER = re.compile(r"-\d+-[0-9a-f]{8}$")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_STEP = timedelta(minutes=5)

# by the name of a field: what varies and has no meaning to a reader
_FIXED: Mapping[str, Any] = {
    "refresh_token": "EXAMPLE-REFRESH-TOKEN",
    "ticket": "EXAMPLE-TICKET",
    "one_time_password": "EXAMPLE-PASSWORD",
    "next_cursor": "EXAMPLE-CURSOR",
    "prefix": "EXAMPLE",
    "exp": int((NOON + timedelta(minutes=15)).timestamp()),
    "latency_ms": 12,
    "took_ms": 9,
    "engine_ms": 60,
    "mean_s": 0.2,
    "oldest_age_s": 4.0,
}
# figures that tell how long this machine took, and what they say instead
_TIMED = {"transcribe_s", "analyze_s"}
_USUAL: Mapping[str, float] = {
    "value": 4.2,
    "sd": 1.1,
    "previous": 4.0,
    "delta_pct": 5.0,
    "p_value": 0.72,
}
# seconds after noon
_AFTER = {
    "started_at": 1,
    "updated_at": 2,
    "tried_at": 2,
    "finished_at": 4,
    "heartbeat_at": 30,
    "submitted_at": 60,
    "disputed_at": 120,
    "acked_at": 300,
    "acknowledged_at": 300,
    "resolved_at": 600,
}


def instant(text: str) -> datetime:
    """The time that a text says. Raises ValueError for another text."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def told_times(value: Any) -> Iterable[datetime]:
    """All times in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from told_times(part)
    elif isinstance(value, str):
        for match in _TIME.finditer(value):
            yield instant(match[0])


@dataclass(slots=True, kw_only=True)
class Disguise:
    """One run's disguise. Times in `given`, which requests named, stay as they are."""

    began: datetime
    given: frozenset[datetime]
    words: Mapping[str, str]  # texts of the run and what to show in their place
    _ids: dict[str, str] = field(default_factory=dict)

    def put_on(self, value: Any, place: str, asked_at: datetime) -> Any:
        """A JSON value or text as it may be shown; `place` says where it stands."""
        return self._worn(value, place, "", asked_at, timedelta())

    def _worn(self, value: Any, place: str, name: str, asked_at: datetime, shift: timedelta) -> Any:
        if isinstance(value, dict):
            timed = _USUAL if value.get("key") in _TIMED else {}
            return {
                key: timed[key]
                if key in timed and part is not None
                else self._worn(part, f"{place}/{key}", key, asked_at, shift)
                for key, part in value.items()
            }
        if isinstance(value, list):
            step = self._pace(value)
            return [
                self._worn(part, f"{place}/{n}", name, asked_at, shift + n * step)
                for n, part in enumerate(value)
            ]
        if name in _FIXED and value is not None and type(value) is type(_FIXED[name]):
            return _FIXED[name]
        if isinstance(value, str):
            return self._text(value, place, name, asked_at, shift)
        return value

    def _text(self, text: str, place: str, name: str, asked_at: datetime, shift: timedelta) -> str:
        for word, shown in self.words.items():
            text = text.replace(word, shown)
        text = _KEY.sub(r"\1_EXAMPLE_not-a-real-key", text)
        text = _HOOK_SECRET.sub(r"wh\1_EXAMPLE-not-a-real-secret", text)
        text = _JWT.sub("EXAMPLE.ACCESS.TOKEN", text)
        text = _UUID.sub(lambda match: self._id(match[0], place), text)
        text = _HEX.sub(lambda match: self._hash(match[0], place), text)
        host = socket.gethostname()
        if text.startswith(f"{host}-"):
            text = _WORKER.sub("-41-5b0c9a1e", text.replace(host, "calls-1", 1))
        text = _TIME.sub(lambda match: self._time(match, name, asked_at, shift), text)
        return _DAY.sub(self._day, text) if not _TIME.search(text) else text

    def _id(self, id_: str, place: str) -> str:
        if set(id_) <= set("0-"):
            return id_
        if id_ not in self._ids:
            digest = hashlib.sha256(place.encode()).hexdigest()
            ms = int(NOON.timestamp() * 1000) + int(digest[:4], 16)
            head, rest = f"{ms:012x}", digest[4:]
            self._ids[id_] = (
                f"{head[:8]}-{head[8:]}-7{rest[:3]}-{'89ab'[int(rest[3], 16) % 4]}{rest[4:7]}"
                f"-{rest[7:19]}"
            )
        return self._ids[id_]

    def _hash(self, value: str, place: str) -> str:
        digest = hashlib.sha256(place.encode()).hexdigest()
        return self._ids.setdefault(value, digest[: len(value)])

    def _time(self, match: re.Match[str], name: str, asked_at: datetime, shift: timedelta) -> str:
        """A time of the run becomes noon; what lies ahead keeps its distance."""
        time = instant(match[0])
        away = (time.date() - self.began.date()).days
        if abs(away) <= 1 and time == datetime.combine(time.date(), datetime.min.time(), UTC):
            return f"{NOON + timedelta(days=away):%Y-%m-%d}{match[0][10:]}"
        if not self._is_ours(time):
            return match[0]
        ahead = round((time - asked_at) / _STEP) * _STEP
        after = timedelta(seconds=_AFTER.get(name, 0)) if not ahead else timedelta()
        shown = NOON + ahead + after + shift
        fraction = "." + "0" * (len(match[1]) - 1) if match[1] else ""
        return f"{shown:%Y-%m-%dT%H:%M:%S}{fraction}{match[2]}"

    def _day(self, match: re.Match[str]) -> str:
        """The day of the run, in whatever zone, becomes the one of the examples."""
        try:
            day = datetime.fromisoformat(match[0]).date()
        except ValueError:
            return match[0]
        is_today = abs((day - self.began.date()).days) <= 1
        return NOON.date().isoformat() if is_today else match[0]

    def _is_ours(self, time: datetime) -> bool:
        return time >= self.began - timedelta(minutes=1) and time not in self.given

    def _pace(self, items: list[Any]) -> timedelta:
        """How far apart items are shown: later ones later where they are in order of time."""
        ends = []
        for item in items[:1] + items[-1:]:
            times = told_times(item) if isinstance(item, dict) else ()
            ends += [time for time in times if self._is_ours(time)][:1]
        if len(ends) < 2 or ends[0] == ends[1]:
            return timedelta()
        return timedelta(seconds=5) if ends[1] > ends[0] else timedelta(minutes=-5)
