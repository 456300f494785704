"""The demo's recordings of two invented businesses, with transcripts and true timelines."""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class DemoBusiness:
    bid: str
    name: str
    timezone: str
    country_code: str
    currency: str


@dataclass(frozen=True, slots=True)
class DemoFact:
    """A question to the calls and the words that the passage answering it contains."""

    question: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One recorded call; `audio`, `transcript` and `timeline` are names for `path`.

    It began `days_ago` days before today at `seconds_of_day` after local midnight. Without a
    transcript there are no facts. `layout` is what the file holds: a party per channel, both in
    one channel, or both in two equal channels.
    """

    bid: str
    callid: str
    audio: str
    transcript: str | None
    timeline: str
    direction: Literal["inbound", "outbound"]
    agent_id: str
    agent_name: str
    customer_phone: str
    days_ago: int
    seconds_of_day: int
    disposition: str
    scenario: str
    layout: Literal["stereo", "mono", "false_stereo"]
    facts: tuple[DemoFact, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    businesses: tuple[DemoBusiness, ...]
    calls: tuple[DemoCall, ...]


@dataclass(frozen=True, slots=True)
class DemoTurn:
    """Speech of one party between its true limits; channel 0 is left, or the only signal."""

    role: Literal["agent", "customer"]
    channel: int
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was said when, in order of beginning; turns may overlap."""

    duration_ms: int
    turns: tuple[DemoTurn, ...]


def manifest() -> Manifest:
    content = json.loads(path("manifest.json").read_text(encoding="utf-8"))
    return Manifest(
        businesses=tuple(DemoBusiness(**business) for business in content["businesses"]),
        calls=tuple(
            DemoCall(**{**call, "facts": tuple(_fact(fact) for fact in call["facts"])})
            for call in content["calls"]
        ),
    )


def timeline(call: DemoCall) -> Timeline:
    content = json.loads(path(call.timeline).read_text(encoding="utf-8"))
    return Timeline(content["duration_ms"], tuple(DemoTurn(**turn) for turn in content["turns"]))


def path(name: str) -> Path:
    """A file of the demo by its name in the manifest. Raises FileNotFoundError if it is absent."""
    found = Path(str(resources.files(__name__))) / name
    if not found.is_file():
        raise FileNotFoundError(found)
    return found


def _fact(content: dict[str, list[str] | str]) -> DemoFact:
    return DemoFact(question=str(content["question"]), words=tuple(content["words"]))
