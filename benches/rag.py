"""Finding by likeness and by words: recall against exact truth, speed against faiss, weight.

Vectors are seeded clusters of 384 dimensions. Both sides search one query at a time on one
thread. hnswlib has no wheel and Chroma brings some eighty packages: their cases print SKIP.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

# BLAS reads these when numpy is first loaded
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from benches.common import Options, Report, child, options_of  # noqa: E402
from locutory.engines.vectors.embedded import EXACT_LIMIT, EmbeddedIndex  # noqa: E402

D, K, QUERIES, TENANTS = 384, 10, 200, 10
Matrix = NDArray[np.float32]
Search = Callable[[Matrix], Sequence[int]]


def clustered(count: int, seed: int) -> Matrix:
    """Unit vectors around a center for each hundred of them."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(max(1, count // 100), D)).astype(np.float32)
    rows = centers[rng.integers(0, len(centers), count)]
    rows = rows + 0.7 * rng.normal(size=(count, D)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def queries_near(rows: Matrix, seed: int) -> Matrix:
    """Unit vectors near some of the rows."""
    rng = np.random.default_rng(seed + 1)
    near = rows[rng.integers(0, len(rows), QUERIES)]
    near = near + 0.03 * rng.normal(size=near.shape).astype(np.float32)
    return np.asarray(near / np.linalg.norm(near, axis=1, keepdims=True), dtype=np.float32)


def truth_of(rows: Matrix, queries: Matrix) -> list[set[int]]:
    """The K nearest rows of each query, compared one by one."""
    return [set(np.argpartition(-(rows @ query), K)[:K].tolist()) for query in queries]


def recall(search: Search, queries: Matrix, truth: Sequence[set[int]]) -> float:
    shared = sum(len(t & set(search(q))) for q, t in zip(queries, truth, strict=True))
    return shared / (K * len(queries))


def per_second(search: Search, queries: Matrix) -> float:
    began = time.perf_counter()
    for query in queries:
        search(query)
    return len(queries) / (time.perf_counter() - began)


class Ours:
    """An embedded index with its graph grown, asked without an await between."""

    def __init__(
        self,
        rows: Matrix,
        *,
        ids: Sequence[str] | None = None,
        exact_limit: int = EXACT_LIMIT,
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self.index = EmbeddedIndex(D, exact_limit=exact_limit)
        names = ids or [str(n) for n in range(len(rows))]
        self.loop.run_until_complete(self._fill(names, rows))

    async def _fill(self, names: Sequence[str], rows: Matrix) -> None:
        await self.index.add(names, rows)
        await self.index.settled()

    def search(self, query: Matrix, allowed: Sequence[str] | None = None) -> list[int]:
        found = self.index.search(query, K, allowed)
        try:  # nothing in it waits
            found.send(None)
        except StopIteration as done:
            return [int(one) for one, _ in done.value]
        raise RuntimeError("the search waited")


def flat(rows: Matrix) -> Search | None:
    """Exact search by faiss on one thread; None where it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(1)
    index: Any = faiss.IndexFlatIP(D)
    index.add(rows)
    return lambda query: index.search(query[None, :], K)[1][0].tolist()  # type: ignore[no-any-return]


def speed(report: Report, options: Options, id_: str, count: int, floors: tuple[str, str]) -> None:
    rows = clustered(count, options.seed)
    queries = queries_near(rows, options.seed)
    ours, theirs = Ours(rows), flat(rows)
    found = recall(ours.search, queries, truth_of(rows, queries))
    report.value(id_, f"recall@10 of {count}", [found], floors[0])
    if theirs is None:
        report.skip(id_, "faiss-cpu is not installed")
        return
    pairs = [
        (per_second(ours.search, queries), per_second(theirs, queries))
        for _ in range(options.rounds)
    ]
    report.value(
        id_,
        f"queries a second of {count}",
        [a / b for a, b in pairs],
        floors[1],
        peer="faiss flat",
        note=f"ours {pairs[-1][0]:.0f}/s",
    )


def filtered(report: Report, options: Options) -> None:
    count = int(100_000 * options.scale)
    rows = clustered(count, options.seed)
    queries = queries_near(rows, options.seed)
    ours = Ours(rows)
    mine = [str(n) for n in range(0, count, TENANTS)]
    truth = [{n * TENANTS for n in found} for found in truth_of(rows[::TENANTS].copy(), queries)]
    found = recall(lambda query: ours.search(query, mine), queries, truth)
    report.value("PC3", f"recall@10 of a tenth of {count}", [found], ">=0.98")
    rate = per_second(lambda query: ours.search(query, mine), queries)
    report.skip("PC3", f"Chroma is not in the lock; ours {rate:.0f} filtered queries/s")


def weight(report: Report, options: Options) -> None:
    count = int(100_000 * options.scale)
    figures = child("benches.rag_child", "weight", "--count", count, timeout_s=900)
    report.value(
        "PC5",
        f"memory of {count} over raw float32",
        [figures["ratio"]],
        "<=1.6",
        note=f"peak {figures['peak']:.2f}",
    )


def stored(report: Report, options: Options) -> None:
    """What goes through the database: freshness, restart, a whole search."""
    count = int(100_000 * options.scale)
    with tempfile.TemporaryDirectory(prefix="bench-rag-") as folder:
        place = ("--folder", folder)
        figures = child("benches.rag_child", "stored", "--count", count, *place, timeout_s=900)
        starts = [
            child("benches.rag_child", "restart", *place, timeout_s=900)["ready_s"]
            for _ in range(options.rounds)
        ]
    report.value("PC4", "upsert to searchable, s", figures["fresh_s"], "<=1")
    report.value("PC4", f"restart to ready at {count}, s", starts, "<=3")
    report.value(
        "P10",
        f"search p95 at {count // 2} chunks, ms",
        [figures["p95_ms"]],
        "<=250",
        note=f"p50 {figures['p50_ms']:.0f} ms; filtered p95 {figures['filtered_p95_ms']:.0f} ms",
    )


def hybrid(report: Report, options: Options) -> None:
    figures = child("benches.rag_child", "hybrid", "--count", 400, timeout_s=600)
    for alone in ("words", "vectors"):
        report.value(
            "PC6",
            f"hybrid recall@10 minus {alone} alone",
            [figures["hybrid"] - figures[alone]],
            ">=0",
            note=f"{figures['hybrid']:.3f} and {figures[alone]:.3f}",
        )


def main() -> int:
    options = options_of()
    report = Report("rag", options)
    large = int(100_000 * options.scale)
    cases: dict[str, Callable[[], None]] = {
        "PC1": lambda: speed(report, options, "PC1", 10_000, (">=0.995", ">=0.8")),
        "PC2": lambda: speed(report, options, "PC2", large, (">=0.98", ">=20")),
        "PC3": lambda: filtered(report, options),
        "PC4": lambda: stored(report, options),
        "PC5": lambda: weight(report, options),
        "PC6": lambda: hybrid(report, options),
    }
    for name, run in cases.items():
        if options.only in (None, name):
            run()
    if options.only in (None, "PC2"):
        report.skip("PC2", "hnswlib has no wheel for this Python")
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
