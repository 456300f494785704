"""What others may name of leads: how one is found, and the errors."""

from dataclasses import dataclass

from locutory.kernel.errors import NotFoundError

FETCH_ACTIVITIES = "calls.crm_activities"
"""The job that asks a CRM what happened with a lead; its kind is the connection's."""
CRM_QUEUE = "crm"
"""The queue of all that asks CRMs; it is shut while one refuses our credentials."""
IMPORTED = "import"
"""The provider of leads that came in a file."""
LAST_ACTIVITIES = 10  # so many an agent sees (calls spec, 5.4.3)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a number is found by: keyed hashes of its international form and of its last digits.

    `tail` is None for a number of fewer than ten digits.
    """

    full: str
    tail: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """The lead that has a number. `row` is our id of it."""

    row: str
    lead_id: str


class LeadNotFound(NotFoundError):
    """There is no such lead here."""

    code = "LEAD_NOT_FOUND"
