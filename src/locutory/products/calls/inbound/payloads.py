"""What providers say of calls, in our words. Pure.

Field names are those of the providers' own pages (calls spec, W9). MCube's are not published; what
is read is what the old relay's senders name. Numbers of callers never land in `custom`, which is
not encrypted, and neither do addresses of recordings or words that were spoken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from locutory.kernel.errors import InvalidError
from locutory.products.calls.inbound.contract import Provider
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.sources.mapping import known_direction
from locutory.products.calls.sources.moments import NoTime, moment_of, seconds_of

Said = Mapping[str, Any]

_ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_GOES_ON = frozenset({"queued", "initiated", "ringing", "in-progress", "answered"})
_WITHOUT = frozenset({"absent", "failed"})  # recordings that will not come
_NEVER_KEPT = frozenset(
    {
        *("From", "To", "Caller", "Called", "ForwardedFrom", "CallFrom", "CallTo", "from", "to"),
        *("RecordingUrl", "PublicRecordingUrl", "recording_urls", "public_recording_urls"),
        *("TranscriptionText", "TranscriptionUrl", "SpeechResult", "Digits", "transcription_text"),
        *("DialWhomNumber", "CallerName", "caller_id_name"),
    }
)
_MONO = "1"


@dataclass(slots=True)
class Told:
    """A call, or a part of one. `fields` are named as in a push; `guessed` are weaker times.

    `suspect`: a time was told that cannot be read.
    """

    fields: dict[str, Any]
    guessed: dict[str, Any] = field(default_factory=dict)
    suspect: bool = False

    def tell(self, name: str, value: Any) -> None:
        """Note a field unless nothing is told of it."""
        if value is not None and value != "":
            self.fields[name] = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a provider does not say: the zone of its times, and which way calls go here."""

    zone: tzinfo
    direction: Direction = Direction.UNKNOWN


def told(provider: Provider, said: Said, around: Around) -> Told | None:
    """What a delivery tells of a call that has ended; None where it tells of none.

    Raises InvalidError for what is no delivery of this provider.
    """
    return _READERS[provider](said, around)


def _own(said: Said, around: Around) -> Told | None:
    found = Told(dict(said))
    if "direction" not in said and around.direction is not Direction.UNKNOWN:
        found.fields["direction"] = around.direction
    return found


def _mcube(said: Said, around: Around) -> Told | None:
    status = _text(said.get("dialstatus") or said.get("status"))
    if status is not None and status.lower() in _GOES_ON:
        return None
    found = Told(dict(said))
    for name in ("starttime", "start_time", "endtime", "end_time"):
        if name in found.fields:
            moment = _moment(found, found.fields.pop(name), around.zone)
            found.tell("started_at" if name.startswith("start") else "ended_at", moment)
    if found.fields.get("filename") == "":
        del found.fields["filename"]
    _tell_direction(found, found.fields.pop("direction", None), around)
    return found


def _twilio(said: Said, around: Around) -> Told | None:
    return _markup(said, around, _both_channels)


def _signalwire(said: Said, around: Around) -> Told | None:
    return _markup(said, around, lambda url, _: url)


def _both_channels(url: str, channels: str | None) -> str:
    """The recording as WAV with a channel for each party.

    Twilio refuses to give two channels of what was recorded as one.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # the gate says what is wrong with it
        return url
    path = parts.path if parts.path.endswith(".wav") else f"{parts.path}.wav"
    if channels == _MONO:
        return urlunsplit(parts._replace(path=path))
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(path=path, query=f"{query}RequestedChannels=2"))


def _markup(said: Said, around: Around, address: Callable[[str, str | None], str]) -> Told | None:
    """Callbacks of TwiML and its relatives: the end of a call, or a recording of it."""
    status = (_text(said.get("CallStatus")) or "").lower()
    recording = (_text(said.get("RecordingStatus")) or "").lower()
    url = _text(said.get("RecordingUrl"))
    recorded = url is not None and recording in ("", "completed")
    ended = status in _ENDED
    if not (ended or recorded or recording in _WITHOUT):
        return None
    found = Told({"callid": _text(said.get("CallSid"))})
    if ended:
        found.tell("disposition", status)
        end = _moment(found, said.get("Timestamp"), around.zone)
        found.tell("ended_at", end)
        found.tell("started_at", _away(end, said.get("CallDuration"), back=True))
    if recorded and url is not None:
        found.tell("audio_url", address(url, _text(said.get("RecordingChannels"))))
    began = _moment(found, said.get("RecordingStartTime"), around.zone)
    if began is not None:
        found.guessed["started_at"] = began
        end = _away(began, said.get("RecordingDuration"))
        if end is not None:
            found.guessed["ended_at"] = end
    _tell_parties(found, said, around, ours="our_number")
    used = {"CallSid", "CallStatus", "Direction", "Timestamp", "RecordingStartTime"}
    _keep_rest(found, said, used)
    return found


def _exotel(said: Said, around: Around) -> Told | None:
    status = (_text(said.get("Status") or said.get("CallStatus")) or "").lower()
    if status in _GOES_ON or _text(said.get("EventType")) == "answered":
        return None
    found = Told({"callid": _text(said.get("CallSid"))})
    found.tell("disposition", status)
    url = _text(said.get("RecordingUrl"))
    found.tell("audio_url", url if url is not None and "://" in url else None)
    found.tell("started_at", _moment(found, said.get("StartTime"), around.zone))
    found.tell("ended_at", _moment(found, said.get("EndTime"), around.zone))
    direction = _tell_parties(found, said, around, ours=None)
    agent = said.get("From") if direction is Direction.OUTBOUND else said.get("DialWhomNumber")
    found.tell("agent_id", _text(agent))
    _keep_rest(found, said, {"CallSid", "Status", "StartTime", "EndTime", "Direction"})
    return found


def _telnyx(said: Said, around: Around) -> Told | None:
    if "CallSid" in said:  # TeXML tells as TwiML does
        return _signalwire(said, around)
    data = said.get("data")
    event = data.get("payload") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(event, Mapping):
        message = "a delivery of Telnyx has data.payload, or is a form of TeXML"
        raise InvalidError(message, errors=[_fault("data", message)])
    kind = data.get("event_type")
    if kind not in ("call.recording.saved", "call.hangup"):
        return None
    found = Told({"callid": _text(event.get("call_leg_id"))})
    if kind == "call.hangup":
        found.tell("disposition", _text(event.get("hangup_cause")))
        found.tell("started_at", _moment(found, event.get("start_time"), around.zone))
        end = event.get("end_time") or data.get("occurred_at")
        found.tell("ended_at", _moment(found, end, around.zone))
        _tell_parties(
            found,
            {"Direction": event.get("direction"), "From": event.get("from"), "To": event.get("to")},
            around,
            ours="our_number",
        )
    else:
        found.tell("audio_url", _recording(event))
        for name, at in (
            ("started_at", "recording_started_at"),
            ("ended_at", "recording_ended_at"),
        ):
            moment = _moment(found, event.get(at), around.zone)
            if moment is not None:
                found.guessed[name] = moment
    used = {"call_leg_id", "hangup_cause", "start_time", "end_time", "direction", "state"}
    _keep_rest(found, event, used)
    return found


def _recording(event: Said) -> str | None:
    """The address of a recording, uncompressed if there is one; those for everybody come last."""
    for name in ("recording_urls", "public_recording_urls"):
        urls = event.get(name)
        if isinstance(urls, Mapping):
            url = _text(urls.get("wav")) or _text(urls.get("mp3"))
            if url is not None:
                return url
    return None


_READERS: Mapping[Provider, Callable[[Said, Around], Told | None]] = {
    Provider.GENERIC: _own,
    Provider.COMMS: _own,
    Provider.MCUBE: _mcube,
    Provider.TWILIO: _twilio,
    Provider.SIGNALWIRE: _signalwire,
    Provider.EXOTEL: _exotel,
    Provider.TELNYX: _telnyx,
}


def _tell_direction(found: Told, word: Any, around: Around) -> Direction:
    """Note which way the call went; `outbound-api` and the like are outbound."""
    text = (_text(word) or "").partition("-")[0]
    direction = known_direction(text)
    if direction is Direction.UNKNOWN:
        direction = around.direction
    if direction is not Direction.UNKNOWN:
        found.fields["direction"] = direction
    return direction


def _tell_parties(found: Told, said: Said, around: Around, *, ours: str | None) -> Direction:
    """Note which of the two numbers is the customer's; neither where the direction is not known.

    The other one lands in `custom` under the name `ours`.
    """
    direction = _tell_direction(found, said.get("Direction"), around)
    ends = [_text(said.get("From")), _text(said.get("To"))]
    if direction is Direction.OUTBOUND:
        ends.reverse()
    if direction in (Direction.INBOUND, Direction.OUTBOUND):
        found.tell("customer_phone", ends[0])
        if ours is not None and ends[1] is not None:
            found.fields.setdefault("custom", {})[ours] = ends[1]
    return direction


def _keep_rest(found: Told, said: Said, used: set[str]) -> None:
    rest = {
        name: value
        for name, value in said.items()
        if name not in used | _NEVER_KEPT and value not in (None, "")
    }
    found.fields["custom"] = {**rest, **found.fields.get("custom", {})}


def _moment(found: Told, value: Any, zone: tzinfo) -> datetime | None:
    """A time as providers write it, also by RFC 2822; one that is none makes the call's suspect."""
    try:
        moment, odd = moment_of(value, zone)
    except NoTime:
        try:
            moment, odd = moment_of(parsedate_to_datetime(str(value)), zone)
        except (NoTime, ValueError, TypeError):
            moment, odd = None, True
    found.suspect |= odd
    return moment


def _away(moment: datetime | None, length: Any, *, back: bool = False) -> datetime | None:
    """The time so many seconds after another, or before it; None where one is not known."""
    seconds = seconds_of(length)
    if moment is None or seconds is None:
        return None
    try:
        return moment + timedelta(seconds=-seconds if back else seconds)
    except OverflowError:
        return None


def _text(value: Any) -> str | None:
    """A value as text; None for nothing, blanks and what is no single value."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def _fault(name: str, message: str) -> dict[str, str]:
    return {"field": name, "code": "PAYLOAD_INVALID", "message": message}
