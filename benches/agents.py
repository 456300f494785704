"""Judging again what was judged: the CPU of known answers beside those that a model gives.

The model answers from memory in its wire format, so that a miss costs only what is ours: the
prompt, the adapter, parsing, checking, and keeping the answer.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop

from benches.common import Options, Report, child, options_of
from locutory import app
from locutory.capabilities.analysis.api import Analyst, Judged
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.engines.llm.openai_compatible import OpenAICompatibleLLM
from locutory.kernel.db import Storage
from locutory.kernel.db.migrate import migrate
from locutory.kernel.provenance import Provenance, Source
from locutory.products.calls import demo

assert app.MODULES, "every table is known before migrating"


def example(schema: Mapping[str, Any]) -> Any:
    """The plainest value of a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if isinstance(kind, list):
        return None
    if kind == "object":
        return {name: example(part) for name, part in schema["properties"].items()}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    return {"string": "", "boolean": False}.get(kind, schema.get("minimum", 0))


class Stub:
    """A server that speaks the wire format; `asked` counts its questions."""

    def __init__(self) -> None:
        self.asked = 0

    async def post_json(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        self.asked += 1
        answer = json.dumps(example(body["response_format"]["json_schema"]["schema"]))
        choice = {"message": {"content": answer}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        return 200, {}, {"model": "stub", "choices": [choice], "usage": usage}


def transcripts(count: int, seed: int) -> Iterator[Transcript]:
    """The longest demo call so many times, each with another first turn."""
    call = max(demo.manifest().calls, key=lambda call: len(demo.timeline(call).turns))
    timeline = demo.timeline(call)
    for number in range(count):
        turns = tuple(
            Turn(
                idx=idx,
                role=Role(turn.role),
                text=f"{turn.text} Case {seed}-{number}." if idx == 0 else turn.text,
                start_ms=turn.start_ms,
                end_ms=turn.end_ms,
            )
            for idx, turn in enumerate(timeline.turns)
        )
        yield Transcript(
            turns=turns,
            duration_ms=timeline.duration_ms,
            provenance=Provenance(source=Source.SIDECAR, engine="demo"),
            language="en",
        )


def told(judged: Judged) -> tuple[Any, Any]:
    """What an analysis says, without where it came from."""
    checked = {key: (one["evidence_ok"], one["unsupported"]) for key, one in judged.meta.items()}
    return judged.blob, checked


async def judged_twice(url: str, calls: int, seed: int) -> dict[str, Any]:
    """CPU of judging calls for the first time and again. Raises RuntimeError if they differ."""
    storage, stub = Storage(url), Stub()
    await storage.open()
    db = storage.database(UUID(int=1))
    analyst = Analyst(OpenAICompatibleLLM(stub, base_url="http://stub", model="stub"))
    agents = len(await analyst.agents(db))

    async def judge(talks: list[Transcript]) -> tuple[list[Judged], float]:
        began = time.process_time()
        found = [await analyst.judge(t, db=db, metrics={}, variables={}) for t in talks]
        return found, time.process_time() - began

    await judge(list(transcripts(1, seed + 1)))  # warm
    talks, before = list(transcripts(calls, seed)), stub.asked
    first, miss_s = await judge(talks)
    missed, before = stub.asked - before, stub.asked
    second, hit_s = await judge(talks)
    hits = stub.asked - before
    await storage.close()
    if (missed, hits) != (agents * calls, 0):
        raise RuntimeError(f"{missed} questions the first time and {hits} the second")
    if list(map(told, first)) != list(map(told, second)):
        raise RuntimeError("known answers are not those that were given")
    return {"miss_ms": miss_s / calls * 1000, "hit_ms": hit_s / calls * 1000}


def run(calls: int, seed: int) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="locutory-bench-"))
    try:
        url = f"sqlite+aiosqlite:///{folder / 'agents.db'}"
        migrate(url)
        return uvloop.run(judged_twice(url, calls, seed))
    finally:
        shutil.rmtree(folder)


def known_answers(report: Report, options: Options) -> None:
    calls = round(500 * options.scale)
    rounds = [child("benches.agents", "--child", calls, n) for n in range(options.rounds)]
    values = [one["hit_ms"] / one["miss_ms"] for one in rounds]
    note = f"hit {rounds[0]['hit_ms']:.2f} ms, miss {rounds[0]['miss_ms']:.1f} ms a call"
    report.value("PA13", "CPU of judging a call again vs first", values, "<=0.05", note=note)


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(run(int(sys.argv[2]), int(sys.argv[3]))))
        return 0
    options = options_of()
    report = Report("agents", options)
    if options.only in (None, "PA13"):
        known_answers(report, options)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
