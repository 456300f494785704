"""Record the examples of the API from a running server: `make examples`.

Starts the program on an empty folder, loads some of the demo, sends the requests of
`api_examples/walk_*.py` in order, and writes what it sent and got, shortened and disguised, to
`src/locutory/openapi_examples.json`. Equal code gives an equal file; `--check` compares.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from api_examples import (
    walk_calls,
    walk_crm,
    walk_figures,
    walk_judging,
    walk_models,
    walk_people,
    walk_running,
)
from api_examples.house import House, furnished
from api_examples.steps import Step, at, filled
from api_examples.taking import Taken, written
from fastapi import FastAPI

from locutory.cli.operate import configure_logs
from locutory.kernel.clock import utc_now
from locutory.kernel.settings import Settings
from locutory.reference import FILE

TARGET = Path(__file__).parents[1] / "src" / "locutory" / FILE
STEPS = [
    *walk_calls.ARRIVING,
    *walk_running.TROUBLE,
    *walk_people.STEPS,
    *walk_calls.READING,
    *walk_judging.STEPS,
    *walk_figures.STEPS,
    *walk_running.STEPS,
    *walk_crm.STEPS,
    *walk_models.STEPS,
    *walk_judging.MANNED,
    *walk_running.LEAVING,
]


async def take(house: House, step: Step) -> Taken:
    """Send one request. Raises RuntimeError for another answer than the one that is expected."""
    method, _, path = step.line.partition(" ")
    names = {**house.names, **filled(step.about, house.names)}
    path = path.format_map(names)
    asked_at = utc_now()
    rest: dict[str, Any] = {"headers": filled(step.headers, names)}
    if step.params:
        rest["params"] = filled(step.params, names)
    if step.json is not None:
        rest["json"] = filled(step.json, names)
    if step.files is not None:
        rest["files"], rest["data"] = step.files, dict(step.form or {})
    if step.stream_bytes:
        query = "&".join(f"{key}={value}" for key, value in step.params.items())
        text = await house.heard(f"{path}?{query}", until=step.stream_bytes)
        return Taken(
            step=step,
            sent=None,
            status=200,
            media_type="text/event-stream",
            got=text,
            asked_at=asked_at,
        )
    async with AsyncExitStack() as stack:
        if step.manned:
            await stack.enter_async_context(house.manned())
        reply = await house.ask(method, path, who=step.who, **rest)
    if reply.status_code != step.status:
        raise RuntimeError(f"{step.line}: {reply.status_code} {reply.text[:2000]}")
    got = _body(reply)
    house.names |= {name: at(got, place) for name, place in step.keep.items()}
    if step.works:
        await house.work()
    sent = rest.get("json") if step.shown is None else filled(step.shown, names)
    media_type = reply.headers.get("content-type", "").partition(";")[0]
    return Taken(
        step=step,
        sent=sent,
        status=reply.status_code,
        media_type=media_type,
        got=got,
        asked_at=asked_at,
    )


def _body(reply: httpx2.Response) -> Any:
    """An answer's JSON or text; None where it has none or is for no reader."""
    kind = reply.headers.get("content-type", "")
    if not reply.content:
        return None
    if kind.startswith("application/json"):
        return reply.json()
    is_text = kind.startswith(("text/", "application/x-ndjson", "application/x-subrip"))
    return reply.text if is_text else None


async def walk(folder: Path) -> dict[str, dict[str, Any]]:
    """Send all requests to a server in an empty folder; the examples that this gives."""
    began = utc_now()
    async with furnished(folder) as house:
        house.names |= {
            "bid": "demo",
            "callid": "hc-0003",
            "agent_id": "hc-a1",
            "outside": house.outside,
            "recordings": str(folder / "recordings"),
            "today": began.date().isoformat(),
            "tomorrow": (began + timedelta(days=1)).date().isoformat(),
        }
        taken = []
        for step in STEPS:
            taken.append(await take(house, step))
        words = {
            f"{house.outside}/r/": "https://pbx.example.com/r/",
            house.outside: "https://hooks.example.com",
            house.outside.rpartition(":")[0]: "https://hooks.example.com",
            str(folder / "recordings"): "/srv/recordings",
            str(folder): "/srv/locutory",
        }
        document = FastAPI.openapi(house.app)  # without what was recorded last time
        return written(taken, document, words, began)


def recording() -> str:
    """The file's text. Raises RuntimeError where the server answers otherwise than expected."""
    configure_logs(Settings(_env_file=None, log_level="error"))
    with tempfile.TemporaryDirectory(prefix="locutory-examples-") as folder:
        examples = asyncio.run(walk(Path(folder)))
    return json.dumps(examples, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="record the examples of the API")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args()
    text = recording()
    if options.check:
        return int(options.target.read_text(encoding="utf-8") != text)
    options.target.write_text(text, encoding="utf-8")
    print(f"{options.target.name}: {len(text.encode()) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
