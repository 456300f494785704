"""`GET /metrics` shows the seed's six names, in a form that Prometheus reads."""

from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from locutory.app import compose, create_app
from locutory.kernel.settings import Settings

SIX = {
    "calls_synced",
    "calls_transcribed",
    "calls_analyzed",
    "queue_depth",
    "stt_duration_seconds",
    "llm_duration_seconds",
}


async def test_the_six_names_of_the_seed_are_there(tmp_path: Path) -> None:
    server = compose(Settings(data_dir=tmp_path))
    app = create_app(server)
    async with server.running(work=False):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            page = (await client.get("/metrics")).text

    assert {family.name for family in text_string_to_metric_families(page)} >= SIX
