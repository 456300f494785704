"""Which call is which: agents, customers, layouts, transcripts and times of the demo's calls."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from demo_audio import clinic, homes
from demo_audio.casting import CLINIC, HOMES, Agent, Business, Customer, cast
from demo_audio.dialogue import Scenario
from demo_audio.mixing import Layout
from demo_audio.transcripts import Form

_MONO, _FALSE_STEREO, _UNTRANSCRIBED = 4, 2, 16
_AGENT_RIGHT = 0.15  # share of stereo calls with the agent on the right channel
_DAYS_AGO = (1, 28)
_OFFICE_HOURS_S = (9 * 3600, 18 * 3600)
_FORMS: tuple[Form, ...] = ("srt", "vtt", "json")
_CARD = "4242 4242 4242 4242"


@dataclass(frozen=True, slots=True)
class Plan:
    """A call before it is spoken; `transcript` is None where the server has to listen itself."""

    callid: str
    business: Business
    scenario: Scenario
    row: Mapping[str, str]
    agent: Agent
    customer: Customer
    layout: Layout
    agent_channel: int
    transcript: Form | None
    days_ago: int
    seconds_of_day: int

    @property
    def slots(self) -> dict[str, str]:
        return {
            "agent": self.agent.first,
            "customer": self.customer.name,
            "first": self.customer.first,
            "phone": self.customer.phone,
            "email": self.customer.email,
            "card": _CARD,
            **self.row,
        }


@dataclass(frozen=True, slots=True)
class _Draft:
    callid: str
    business: Business
    scenario: Scenario
    row: Mapping[str, str]
    agent: Agent


def plans(seed: int) -> list[Plan]:
    """All calls; equal seeds give equal plans."""
    rng = random.Random(seed)
    drafts = [
        *_drafts(CLINIC, clinic.SCENARIOS, rng),
        *_drafts(HOMES, homes.SCENARIOS, rng),
    ]
    customers = cast([draft.agent for draft in drafts], rng)
    # The first call of each scenario is stereo and has a transcript, so that every kind has both.
    spare = [index for index, draft in enumerate(drafts) if draft.row is not draft.scenario.rows[0]]
    single = rng.sample(spare, _MONO + _FALSE_STEREO)
    untranscribed = set(rng.sample(spare, _UNTRANSCRIBED))
    return [
        Plan(
            callid=draft.callid,
            business=draft.business,
            scenario=draft.scenario,
            row=draft.row,
            agent=draft.agent,
            customer=customer,
            layout=_layout(index, single),
            agent_channel=int(index not in single and rng.random() < _AGENT_RIGHT),
            transcript=None if index in untranscribed else _FORMS[index % len(_FORMS)],
            days_ago=rng.randint(*_DAYS_AGO),
            seconds_of_day=rng.randint(*_OFFICE_HOURS_S),
        )
        for index, (draft, customer) in enumerate(zip(drafts, customers, strict=True))
    ]


def _drafts(business: Business, scenarios: Sequence[Scenario], rng: random.Random) -> list[_Draft]:
    calls = [(scenario, row) for scenario in scenarios for row in scenario.rows]
    rng.shuffle(calls)
    return [
        _Draft(
            f"{business.prefix}-{number:04d}",
            business,
            scenario,
            row,
            business.agents[number % len(business.agents)],
        )
        for number, (scenario, row) in enumerate(calls, start=1)
    ]


def _layout(index: int, single: Sequence[int]) -> Layout:
    if index not in single:
        return "stereo"
    return "mono" if single.index(index) < _MONO else "false_stereo"
