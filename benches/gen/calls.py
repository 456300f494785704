"""Any number of finished calls straight into a database, the same ones for the same seed.

    python -m benches.gen.calls --data DIR --calls 1000000 [--url postgresql://…]

Records, figures, judgements, findings and transcripts go in past the program; the read models'
days are summed by the program's own code, so that a bench reads what an upkeep would have left.
"""

import argparse
import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from benches.gen.shapes import Shape, shape
from benches.gen.sinks import Sink, sink_of
from locutory.kernel.db import Session, Storage
from locutory.kernel.ids import new_id
from locutory.products.calls.analytics.contract import Granularity
from locutory.products.calls.analytics.periods import bucket_start, month_of
from locutory.products.calls.analytics.upkeep import sum_days

SHAPES = 400
BATCH = 20_000
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)  # the last generated call begins before this
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many calls over how many days, by how many agents; shares (0-1) of calls with long texts.

    A call without judgement keeps its fact: what lists and views read is there for all of them.
    The last `fresh` calls are judged in any case, so that an upkeep has something to read.
    """

    calls: int
    days: int = 365
    agents: int = 50
    judged: float = 1.0
    transcribed: float = 0.1
    fresh: int = 500
    seed: int = 1


class Table:
    """Rows that wait for one table."""

    def __init__(self, sink: Sink, name: str) -> None:
        self._sink, self._name = sink, name
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)

    def flush(self) -> None:
        if self._rows:
            columns = list(self._rows[0])
            rows = ([row[name] for name in columns] for row in self._rows)
            self._sink.put(self._name, columns, rows)
            self._rows.clear()


def generate(
    url: str, tenant_id: UUID, plan: Plan, say: Callable[[str], None] = lambda _: None
) -> None:
    """Fill the tables of a business that has no calls yet; its time zone must be UTC."""
    rng = random.Random(plan.seed)
    shapes = [shape(rng) for _ in range(SHAPES)]
    names = ("record", "metric", "analysis", "transcript", "objection", "topic", "fact")
    sink = sink_of(url)
    tables = {name: Table(sink, f"calls_{name}") for name in names}
    pairs: dict[int, set[str]] = defaultdict(set)
    began = time.monotonic()
    for n in range(plan.calls):
        _call(tables, tenant_id, plan, n, rng, shapes, pairs)
        if (n + 1) % BATCH == 0 or n + 1 == plan.calls:
            for table in tables.values():
                table.flush()
            say(f"{n + 1} calls, {time.monotonic() - began:.0f} s")
    sink.close()
    asyncio.run(_sum(url, tenant_id, pairs))
    say(f"days summed, {time.monotonic() - began:.0f} s")


def _call(
    tables: dict[str, Table],
    tenant_id: UUID,
    plan: Plan,
    n: int,
    rng: random.Random,
    shapes: list[Shape],
    pairs: dict[int, set[str]],
) -> None:
    one = rng.choice(shapes)
    id_ = new_id()
    step = plan.days * 86_400 / plan.calls
    started = UNTIL - timedelta(seconds=(plan.calls - n - rng.random()) * step)
    ended = started + timedelta(seconds=one.duration_s)
    done = ended + timedelta(seconds=one.lag_s)
    number = int(plan.agents * rng.random() ** 1.5)  # some have more calls than others
    agent, agent_name = f"a{number}", f"Agent {number}"
    own = {"tenant_id": tenant_id, "created_at": done}
    callid = f"call-{n:07d}"
    tables["record"].add(
        {
            **own,
            **one.record,
            "id": id_,
            "callid": callid,
            "kind": "call",
            "customer_phone_hash": f"{rng.getrandbits(128):032x}",
            "phone_last4": f"{rng.randrange(10_000):04d}",
            "agent_id": agent,
            "agent_name": agent_name,
            "started_at": started,
            "ended_at": ended,
            "source_hash": f"{n:064x}",
            "epoch": 1,
            "tags": "[]",
            "legal_hold": False,
            "custom": "{}",
            "updated_at": done,
            "done_at": done,
        }
    )
    tables["fact"].add(
        {
            **own,
            **one.fact,
            "id": id_,
            "callid": callid,
            "zone": "UTC",
            "day": started.toordinal(),
            "month": month_of(started),
            "hour": started.hour,
            "weekday": started.weekday(),
            "agent": agent,
            "agent_name": agent_name,
            "seen_at": done,
        }
    )
    pairs[started.toordinal()].add(agent)
    for row, name in _long(one, id_, own, plan, n, rng):
        tables[name].add(row)
    for key, handled in one.objections:
        tables["objection"].add(
            {
                **own,
                "id": new_id(),
                "call_id": id_,
                "type_key": key,
                "turn_idx": 2,
                "start_ms": 24_000,
                "quote": "that is more than we had in mind",
                "handled": handled,
                "response_idx": 3,
                "source": "rules",
                "evidence_ok": True,
            }
        )
    for key, share in one.topics:
        tables["topic"].add(
            {
                **own,
                "id": new_id(),
                "call_id": id_,
                "topic_key": key,
                "label": key.title(),
                "share": share,
                "source": "rules",
            }
        )


def _long(
    one: Shape, id_: UUID, own: Row, plan: Plan, n: int, rng: random.Random
) -> Iterator[tuple[Row, str]]:
    fresh = n >= plan.calls - plan.fresh
    if fresh or rng.random() < plan.judged:
        yield (
            {
                **own,
                "id": new_id(),
                "call_id": id_,
                "transcript_version": 1,
                "basis": "channel",
                "figures": one.figures,
            },
            "metric",
        )
        yield (
            {
                **own,
                "id": new_id(),
                "call_id": id_,
                "version": 1,
                "transcript_version": 1,
                "analysis": one.analysis,
                "meta": one.meta,
            },
            "analysis",
        )
    if fresh or rng.random() < plan.transcribed:
        yield (
            {
                **own,
                "id": new_id(),
                "call_id": id_,
                "version": 1,
                "epoch": 1,
                "origin": "stt",
                "engine": "bench/1",
                "language": "en",
                "duration_ms": one.duration_s * 1000,
                "word_count": one.words,
                "turns": one.turns,
                "quality": one.quality,
            },
            "transcript",
        )


async def _sum(url: str, tenant_id: UUID, pairs: dict[int, set[str]]) -> None:
    storage = Storage(url)
    await storage.open()
    db = storage.database(tenant_id)
    try:
        months: dict[int, set[tuple[int, str]]] = defaultdict(set)
        for number, agents in pairs.items():  # a month at a time: it is summed after its days
            first = bucket_start(number, Granularity.MONTH)
            months[first] |= {(number, agent) for agent in agents}
        for number in sorted(months):

            async def store(tx: Session, number: int = number) -> None:
                await sum_days(tx, months[number])

            await db.write(store)
    finally:
        await storage.close()


def main() -> None:
    from benches.gen.places import place

    parser = argparse.ArgumentParser(description="finished calls in bulk")
    parser.add_argument("--data", type=Path, required=True, help="data directory; made if missing")
    parser.add_argument("--url", help="database; SQLite in the data directory without it")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--judged", type=float, default=1.0)
    parser.add_argument("--transcribed", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    plan = Plan(
        calls=asked.calls,
        days=asked.days,
        agents=asked.agents,
        judged=asked.judged,
        transcribed=asked.transcribed,
        seed=asked.seed,
    )
    made = asyncio.run(place(asked.data, asked.url))
    generate(made.url, made.tenant_id, plan, print)
    print(f"business {made.bid}, key {made.key}")


if __name__ == "__main__":
    main()
