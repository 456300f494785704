"""A plain Starlette server of event streams: a queue per client, as its examples show."""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

clients: set[asyncio.Queue[bytes]] = set()
publishing: set[asyncio.Task[None]] = set()


async def healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def stream(request: Request) -> Response:
    async def frames() -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        clients.add(queue)
        try:
            yield b"retry: 2000\n\n"
            while True:
                yield await queue.get()
        finally:
            clients.discard(queue)

    return StreamingResponse(frames(), media_type="text/event-stream")


async def publish(request: Request) -> Response:
    count, per_s = int(request.query_params["count"]), float(request.query_params["per_s"])

    async def run() -> None:
        began = time.monotonic()
        for n in range(count):
            await asyncio.sleep(began + n / per_s - time.monotonic())
            stamp = str(time.monotonic_ns())
            data = json.dumps({"callid": stamp, "status": "pending", "created": True})
            frame = f"id: {n + 1}\nevent: call.upserted\ndata: {data}\n\n".encode()
            for queue in clients:
                queue.put_nowait(frame)

    task = asyncio.create_task(run())
    publishing.add(task)
    task.add_done_callback(publishing.discard)
    return JSONResponse({"count": count})


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/call-records/{bid}/stream", stream),
        Route("/bench/publish/{bid}", publish, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(
        app,
        port=parser.parse_args().port,
        log_level="warning",
        access_log=False,
        backlog=16_384,
        timeout_graceful_shutdown=1,
    )
