"""Who speaks in the demo: businesses, agents, customers and their voices, all invented."""

import random
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Voice:
    """A flite voice; `pitch` multiplies its fundamental, `stretch` its durations."""

    name: str
    pitch: float = 1.0
    stretch: float = 0.9


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    name: str
    voice: Voice

    @property
    def first(self) -> str:
        return self.name.split()[0]


@dataclass(frozen=True, slots=True)
class Customer:
    name: str
    phone: str
    voice: Voice

    @property
    def first(self) -> str:
        return self.name.split()[0]

    @property
    def email(self) -> str:
        return self.name.lower().replace(" ", ".") + "@example.com"


@dataclass(frozen=True, slots=True)
class Business:
    bid: str
    prefix: str
    name: str
    timezone: str
    country_code: str
    currency: str
    agents: tuple[Agent, ...]


CLINIC = Business(
    bid="demo",
    prefix="hc",
    name="Harbour Clinic",
    timezone="America/New_York",
    country_code="US",
    currency="USD",
    agents=(
        Agent("hc-a1", "Maya Lindqvist", Voice("slt")),
        Agent("hc-a2", "Owen Baptiste", Voice("rms", stretch=0.85)),
        Agent("hc-a3", "Priya Raman", Voice("slt", pitch=1.12, stretch=0.86)),
        Agent("hc-a4", "Callum Reid", Voice("awb")),
        Agent("hc-a5", "Ruth Okafor", Voice("slt", pitch=0.88, stretch=0.94)),
    ),
)
HOMES = Business(
    bid="northlight",
    prefix="nl",
    name="Northlight Homes",
    timezone="America/Chicago",
    country_code="US",
    currency="USD",
    agents=(
        Agent("nl-a1", "Dana Whitlock", Voice("slt", pitch=0.94)),
        Agent("nl-a2", "Marcus Hale", Voice("rms", pitch=0.95, stretch=0.86)),
        Agent("nl-a3", "Iain Fraser", Voice("awb", pitch=1.06, stretch=0.87)),
        Agent("nl-a4", "Sofia Marin", Voice("slt", pitch=1.08, stretch=0.84)),
    ),
)

_WOMEN = [
    "Ingrid Solberg",
    "Nadia Haddad",
    "Clara Whitfield",
    "Mei Tanaka",
    "Beatrice Holm",
    "Yara Mendes",
    "Hannah Pruitt",
    "Olga Petrova",
    "Leila Farouk",
    "Joan Mercer",
    "Anita Desai",
    "Teresa Vidal",
    "Fiona Burke",
    "Greta Nyman",
    "Paula Stroud",
    "Zofia Kamin",
    "Edith Marlow",
    "Carmen Ortiz",
    "Wanda Frost",
    "Simone Leclair",
    "Alma Brandt",
    "Vera Castell",
    "Nora Ashby",
    "Lucy Pemberton",
]
_MEN = [
    "Peter Ashworth",
    "Samuel Osei",
    "Victor Lindholm",
    "Hugo Marchetti",
    "Daniel Kemp",
    "Rafael Souza",
    "Walter Pike",
    "Anton Weiss",
    "George Talbot",
    "Kenji Mori",
    "Felix Amato",
    "Liam Corrigan",
    "Oscar Bellamy",
    "Dev Malhotra",
    "Martin Sykes",
    "Noel Garnett",
    "Emil Dvorak",
    "Russell Tate",
    "Theo Vance",
    "Ivan Horvat",
    "Gordon Leigh",
    "Pablo Rivas",
    "Stefan Kruse",
    "Alan Whitby",
    "Jonas Eklund",
    "Curtis Boone",
    "Ravi Menon",
    "Harold Finch",
    "Leon Abbott",
    "Miles Garrity",
    "Bruno Salazar",
    "Karl Jensen",
    "Arthur Pell",
    "Tobias Renner",
    "Wesley Dunn",
    "Nigel Croft",
]
_MALE_VOICES = (Voice("awb"), Voice("rms"), Voice("awb", 0.92), Voice("rms", 1.1), Voice("kal"))


def cast(agents: list[Agent], rng: random.Random) -> list[Customer]:
    """A customer for each agent in order, no name or phone twice, never the agent's voice."""
    women, men = rng.sample(_WOMEN, len(_WOMEN)), rng.sample(_MEN, len(_MEN))
    phones = [f"+1-555-01{number:02d}" for number in rng.sample(range(100), len(agents))]
    return [
        _customer(agent, women, men, phone, rng)
        for agent, phone in zip(agents, phones, strict=True)
    ]


def _customer(
    agent: Agent, women: list[str], men: list[str], phone: str, rng: random.Random
) -> Customer:
    # There is one woman's voice; her customers are men so that each party sounds like itself.
    if agent.voice.name != "slt" and women:
        voice = Voice("slt", pitch=rng.choice((0.9, 1.0, 1.12)))
        name = women.pop()
    else:
        voice = rng.choice([voice for voice in _MALE_VOICES if voice.name != agent.voice.name])
        name = men.pop()
    return Customer(name, phone, replace(voice, stretch=rng.choice((0.82, 0.86, 0.9, 0.94))))
