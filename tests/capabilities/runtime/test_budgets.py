"""Budgets of a business: a warning, and then cheaper models, rules or none."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from tests.capabilities.runtime.conftest import write
from tests.stubs.models import TOKENS_IN, TOKENS_OUT, ModelStub

from locutory.app import Server
from locutory.capabilities.runtime.api import Runtime
from locutory.capabilities.runtime.budgets import began, left_s
from locutory.capabilities.runtime.models import LlmCall
from locutory.engines.llm.configured import ConfiguredLLM
from locutory.kernel.auth.queries import find_tenant
from locutory.kernel.events.models import EventRow

if TYPE_CHECKING:
    from tests.conftest import Resident

CHAT = "/api/runtime/llm/chat"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello?"}]}
ONE = 1000 * TOKENS_IN + 2000 * TOKENS_OUT  # micros of an answer of the large model


async def limited(server: Server, path: Path, stubs: tuple[ModelStub, ModelStub], **budget: Any):
    """Put a budget of two and a half answers in force."""
    terms = {"limit_usd": 2.5 * ONE / 1_000_000, "period": "day", **budget}
    write(path, *stubs, budgets=[terms])
    routed = server.services.get(Runtime).routed
    assert isinstance(routed, ConfiguredLLM)
    assert await routed.look()


async def spent(server: Server, resident: "Resident") -> list[Any]:
    """(model, cost) of all attempts, and the budget's warnings, as they are stored."""
    await server.services.get(Runtime).ledger.flush()
    async with server.storage.read(None) as session:
        tenant = await find_tenant(session, resident.bid)
        told = select(EventRow.payload).where(EventRow.type == "llm.budget_near")
        warnings = (await session.scalars(told, execution_options={"fenced": True})).all()
    assert tenant is not None
    async with server.storage.read(tenant.id) as session:
        rows = (await session.execute(select(LlmCall.model, LlmCall.cost_micros))).all()
    return [sorted(tuple(row) for row in rows), warnings]


async def test_a_budget_warns_once_and_then_denies_until_the_next_day(
    ours: "Resident",
    theirs: "Resident",
    server: Server,
    models_file: Path,
    house: ModelStub,
    spare: ModelStub,
) -> None:
    await limited(server, models_file, (house, spare))

    replies = [await ours.ask("POST", CHAT, json=ASK) for _ in range(5)]

    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
    body = replies[-1].json()
    assert body["error_code"] == "BUDGET_EXCEEDED"
    assert 0 < body["retry_after"] <= 86_400
    rows, warnings = await spent(server, ours)
    assert rows == [("large", ONE)] * 3
    assert [(w["period"], w["spent_micros"]) for w in warnings] == [("day", 2 * ONE)], (
        "at four fifths"
    )
    assert (await theirs.ask("POST", CHAT, json=ASK)).status_code == 200, "each has its own"

    openai = {**ASK, "model": "locutory-default"}
    refused = await ours.ask("POST", "/v1/chat/completions", json=openai)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")


async def test_a_spent_budget_may_leave_the_cheaper_model(
    ours: "Resident", server: Server, models_file: Path, house: ModelStub, spare: ModelStub
) -> None:
    await limited(server, models_file, (house, spare), on_limit="cheaper_model", warn_at=0.4)

    models = [(await ours.ask("POST", CHAT, json=ASK)).json()["model"] for _ in range(5)]

    assert models == ["large", "large", "large", "small", "small"]
    assert len((await spent(server, ours))[1]) == 1


async def test_what_was_spent_before_a_restart_counts(
    ours: "Resident", server: Server, models_file: Path, house: ModelStub, spare: ModelStub
) -> None:
    for _ in range(3):
        await ours.ask("POST", CHAT, json=ASK)
    await server.services.get(Runtime).ledger.flush()
    server.services.get(Runtime).ledger._recent.clear()
    await limited(server, models_file, (house, spare), period="month")

    assert (await ours.ask("POST", CHAT, json=ASK)).status_code == 429


@pytest.mark.parametrize(
    ("period", "first", "left"), [("day", "2026-12-31", 3600.0), ("month", "2026-12-01", 3600.0)]
)
def test_periods_are_those_of_utc(period: str, first: str, left: float) -> None:
    now = datetime(2026, 12, 31, 23, tzinfo=UTC)

    assert (began(period, now), left_s(period, now)) == (first, left)
