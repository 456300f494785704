"""How the cost of reading grows with the number of calls: PH3, PH4, PH5 and the upkeep.

    python -m benches.growth [--full] [--only PH3] [--data DIR]
    python -m benches.growth --worst            every list, filter and view at 1e4 and 1e6

A small and a big business are asked in turn, in one process; a request's cost is its CPU time
(threads included), the least of several tries, so that a busy machine changes little. Data is kept
in `--data` and used again.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx2
import orjson
from fastapi import FastAPI
from sqlalchemy import event, select

from benches import cells
from benches.cells import Cell
from benches.common import Options, Report
from benches.gen.calls import Plan, generate
from benches.gen.places import Place, key_to, place, settings_at
from locutory.app import Server, compose, create_app
from locutory.cli.operate import configure_logs
from locutory.kernel.db import Session
from locutory.kernel.settings import Settings
from locutory.products.calls.analytics.upkeep import refresh
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallRecord

UPKEEP_CALLS = 200
_MARK = "place.json"


def stocked(folder: Path, calls: int) -> Place:
    """A data directory with so many calls; one that is there already is used again."""
    own = folder / f"calls-{calls}"
    mark = own / _MARK
    if mark.exists():
        known = orjson.loads(mark.read_bytes())
        return Place(**{**known, "folder": own, "tenant_id": UUID(known["tenant_id"])})
    if own.exists():
        shutil.rmtree(own)
    own.mkdir(parents=True)
    made = asyncio.run(place(own))
    share = min(1.0, 10_000 / calls)
    generate(made.url, made.tenant_id, Plan(calls=calls, judged=share, transcribed=share / 10))
    told = {"url": made.url, "tenant_id": str(made.tenant_id), "bid": made.bid, "key": made.key}
    mark.write_bytes(orjson.dumps(told))
    return made


@dataclass(slots=True, kw_only=True)
class House:
    """A served business, asked in process."""

    place: Place
    key: str
    server: Server
    app: FastAPI
    client: httpx2.AsyncClient
    statements: list[str]

    async def ask(self, target: str) -> Any:
        """The body of an answer. Raises RuntimeError unless it is a 200."""
        headers = {"authorization": f"Bearer {self.key}"}
        reply = await self.client.get(target, headers=headers)
        if reply.status_code != 200:
            raise RuntimeError(f"{target}: {reply.status_code} {reply.text[:300]}")
        return reply.json()

    async def cost_ms(self, target: str, tries: int) -> float:
        """The least CPU time of a request in milliseconds."""
        costs = []
        for _ in range(tries):
            began = time.process_time()
            await self.ask(target)
            costs.append(time.process_time() - began)
        return 1000 * min(costs)


@asynccontextmanager
async def opened(where: Place) -> AsyncIterator[House]:
    """The server on a data directory, without a worker."""
    server = compose(settings_at(where.folder, None))
    statements: list[str] = []

    async with server.running(work=False):
        key = await key_to(server, where.tenant_id)
        engine = server.storage._reader.sync_engine

        @event.listens_for(engine, "before_cursor_execute")
        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            statements.append(statement)

        app = create_app(server, work=False)
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://bench") as client:
            yield House(
                place=where, key=key, server=server, app=app, client=client, statements=statements
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A cell's cost in the big business over that in the small one."""

    cell: Cell
    small_ms: float
    big_ms: float
    rows: tuple[int, int]

    @property
    def value(self) -> float:
        return self.big_ms / self.small_ms


async def compare(small: House, big: House, asked: Iterable[Cell], tries: int) -> list[Ratio]:
    """Each cell in both, warm, the dearest ratio first; in pages that both can fill alike."""
    found = []
    for cell in asked:
        bodies = [await house.ask(cell.target) for house in (small, big)]
        costs = [0.0, 0.0]
        for _ in range(2):  # in turn, so that a slow minute hits both
            for place_, house in enumerate((small, big)):
                cost = await house.cost_ms(cell.target, tries)
                costs[place_] = min(costs[place_] or cost, cost)
        counts = [len(body["items"]) if "items" in body else 0 for body in bodies]
        found.append(
            Ratio(
                cell=cell,
                small_ms=costs[0],
                big_ms=costs[1],
                rows=(counts[0], counts[1]),
            )
        )
    return sorted(found, key=lambda ratio: -ratio.value)


def show(found: list[Ratio], most: int) -> None:
    """The worst cells, one a line."""
    for one in found[:most]:
        print(
            f"  {one.value:5.2f}  {one.small_ms:7.2f} -> {one.big_ms:7.2f} ms"
            f"  rows {one.rows[0]}/{one.rows[1]}  {one.cell.route}  {one.cell.case}",
            flush=True,
        )


async def lists(report: Report, options: Options, folder: Path, big: int) -> None:
    async with opened(stocked(folder, 1000)) as small, opened(stocked(folder, big)) as large:
        asked = list(cells.lists(small.app))
        found = await compare(small, large, asked, 5 if options.full else 3)
        for name in sorted(cells.unfilled(small.app)):
            print(f"  not tried: {name}")
        # a page that the small business cannot fill costs less for that alone
        fair = [one for one in found if one.rows[0] == one.rows[1]]
        show(found, 15)
        worst = fair[0]
        report.value(
            "PH3",
            f"worst of {len(fair)} list cells, {big:g} against 1e3",
            [worst.value],
            "<=1.5",
            note=f"{worst.cell.route} {worst.cell.case}; median"
            f" {statistics.median(one.value for one in fair):.2f}",
        )


async def views(report: Report, options: Options, folder: Path, big: int) -> None:
    async with (
        opened(stocked(folder, 10_000)) as small,
        opened(stocked(folder, big)) as large,
    ):
        found = await compare(small, large, cells.views(small.app), 5 if options.full else 3)
        show(found, 15)
        middle = statistics.median(one.value for one in found)
        report.value(
            "PH4",
            f"worst of {len(found)} view cells, {big:g} against 1e4",
            [found[0].value],
            "<=2",
            note=f"{found[0].cell.route} {found[0].cell.case}; median {middle:.2f}",
        )
        slowest = max(found, key=lambda one: one.big_ms)
        print(f"  slowest: {slowest.big_ms:.1f} ms {slowest.cell.route} {slowest.cell.case}")


async def statements(report: Report, folder: Path) -> None:
    async with opened(stocked(folder, 1000)) as house:
        listed = (f"/call-records/{house.place.bid}?limit=50", "list")
        one = (await house.ask(listed[0]))["items"][0]["callid"]
        for target, what in (listed, (f"/call-records/{house.place.bid}/{one}", "detail")):
            await house.ask(target)
            house.statements.clear()
            await house.ask(target)
            report.value("PH5", f"SQL statements, {what}", [len(house.statements)], "<=3")
        for cell in {c.route: c for c in cells.lists(house.app)}.values():
            await house.ask(cell.target)
            house.statements.clear()
            await house.ask(cell.target)
            print(f"  {len(house.statements)}  {cell.route}")


async def upkeep(report: Report, folder: Path, big: int) -> None:
    """What it costs to bring the read models up to date with the newest calls."""
    costs: dict[int, list[float]] = {}
    for calls in (10_000, big):
        async with opened(stocked(folder, calls)) as house:
            db = house.server.storage.database(house.place.tenant_id)
            newest = select(CallRecord.id).order_by(CallRecord.started_at.desc())
            async with db.read() as session:
                ids = (await session.scalars(newest.limit(UPKEEP_CALLS))).all()
            for _ in range(4):

                async def mark(tx: Session, ids: Any = ids) -> None:
                    await mark_stale(tx, *ids)

                await db.write(mark)
                began = time.process_time()
                while await refresh(db, ZoneInfo("UTC")):
                    pass
                costs.setdefault(calls, []).append(
                    1000 * (time.process_time() - began) / UPKEEP_CALLS
                )
    small, large = (min(costs[calls][1:]) for calls in (10_000, big))
    report.value(
        "PH4",
        f"upkeep of the read models per call, {big:g} against 1e4",
        [large / small],
        "<=2",
        note=f"{small:.2f} -> {large:.2f} ms",
    )


@contextmanager
def folder_of(given: Path | None) -> Iterator[Path]:
    """The folder for data: one that stays, or one that is gone afterwards."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    made = Path(tempfile.mkdtemp(prefix="locutory-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def run(report: Report, options: Options, data: Path | None, big: int) -> None:
    """All cases, or the one that is asked for."""
    with folder_of(data) as folder:
        for calls in (1000, 10_000, big):
            stocked(folder, calls)
        if options.only in (None, "PH5"):
            asyncio.run(statements(report, folder))
        if options.only in (None, "PH3"):
            asyncio.run(lists(report, options, folder, big))
        if options.only in (None, "PH4"):
            asyncio.run(views(report, options, folder, big))
            asyncio.run(upkeep(report, folder, big))


async def worst(folder: Path, big: int) -> None:
    """The worst ratios of every list, filter and view, 1e4 against `big`."""
    async with (
        opened(stocked(folder, 10_000)) as small,
        opened(stocked(folder, big)) as large,
    ):
        asked = [*cells.lists(small.app), *cells.views(small.app)]
        found = await compare(small, large, asked, 3)
        beyond = sum(one.value > 1.5 for one in found)
        print(f"{len(found)} cells, {beyond} beyond 1.5, 1e4 -> {big:g} calls")
        show(found, 30)


def main() -> int:
    parser = argparse.ArgumentParser(description="how the cost of reading grows")
    parser.add_argument("--quick", action="store_true", help="up to 3e4 calls")
    parser.add_argument("--full", action="store_true", help="up to 1e6 calls; judges")
    parser.add_argument("--worst", action="store_true", help="only list the worst cells")
    parser.add_argument("--only", help="PH3, PH4 or PH5")
    parser.add_argument("--calls", type=int, help="of the big business")
    parser.add_argument("--data", type=Path, help="keep the data here")
    parser.add_argument("--json", type=Path, dest="json_path")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    configure_logs(Settings(log_level="error"))
    big = asked.calls or (1_000_000 if asked.full or asked.worst else 30_000)
    if asked.worst:
        with folder_of(asked.data) as folder:
            for calls in (10_000, big):
                stocked(folder, calls)
            asyncio.run(worst(folder, big))
        return 0
    options = Options(
        full=asked.full,
        rounds=1,
        scale=1.0 if asked.full else 0.1,
        seed=asked.seed,
        only=asked.only,
        json_path=asked.json_path,
    )
    report = Report("growth", options)
    run(report, options, asked.data, big)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
