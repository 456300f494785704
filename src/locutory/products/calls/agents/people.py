"""What people answered on the scorecards of calls, as an agent's answers."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from locutory.kernel.db import Session
from locutory.products.calls.agents.contract import HumanAnswers
from locutory.products.calls.reviews import queries

_GRADER = "quality_score"


class Graded(HumanAnswers):
    """Submitted reviews; of all agents only the one that grades has people who do the same."""

    async def of(
        self, session: Session, agent_key: str, call_ids: Sequence[UUID]
    ) -> Mapping[UUID, Mapping[str, Any]]:
        """By call, the values and what did not apply, by template as it is in force."""
        if agent_key != _GRADER:
            return {}
        return {
            found.call_id: dict(_place(row) for row in found.answers)
            for found in await queries.answers_of_people(session, call_ids)
        }


def _place(row: Mapping[str, Any]) -> tuple[str, Any]:
    if row["na"]:
        return f"parameters.{row['key']}.state", row["state"]
    return f"parameters.{row['key']}.value", row["value"]
