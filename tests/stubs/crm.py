"""What stubs of CRMs hold: leads and what happened with them, told by each in its own words."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass
class Person:
    """A lead in the stub's own store."""

    lead_id: str
    phone: str = ""
    mobile: str = ""
    first: str = "Meera"
    last: str = "Iyer"
    email: str = "meera@example.org"
    stage: str = "Qualified"
    owner: str = "Asha Rao"
    source: str = "Web"
    budget: str = "90 lakh"
    modified_at: datetime = NOON
    deleted: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)


def event(number: int, text: str = "asked for the brochure", **fields: Any) -> dict[str, Any]:
    """Something that happened with a lead, the higher the later."""
    at = NOON + timedelta(minutes=number)
    return {"id": f"event{number:03}", "name": "Enquiry", "at": at, "text": text, **fields}


class Book:
    """The leads of one CRM, by id. The lock is the stub's."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.written = 0

    def put(self, *people: Person) -> None:
        for person in people:
            self.people[person.lead_id] = person

    def changed(self, since: datetime, until: datetime) -> list[Person]:
        """In the order in which they were made."""
        return [p for p in self.people.values() if since <= p.modified_at < until]

    def with_phone(self, phone: str) -> list[Person]:
        wanted = digits(phone)[-10:]
        return [
            person
            for person in self.people.values()
            if wanted and wanted in (digits(person.phone)[-10:], digits(person.mobile)[-10:])
        ]

    def note(self, lead_id: str, text: str, **fields: Any) -> str:
        """Keep what was written; its id."""
        self.written += 1
        made = event(500 + self.written, text, **fields)
        self.people[lead_id].events.append(made)
        return str(made["id"])

    def notes(self, lead_id: str) -> list[str]:
        """The texts that were written on a lead."""
        return [e["text"] for e in self.people[lead_id].events if e["id"] >= "event501"]


def digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdecimal())
