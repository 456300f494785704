"""What `GET /metrics` shows of calls that really went through the pipeline."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.journeys.conftest import example

from locutory.capabilities.analysis.api import Analyst
from locutory.capabilities.runtime.api import Runtime
from locutory.engines.llm.base import LLMRequest
from locutory.engines.llm.places import MAIN, HealthBook, Place
from locutory.engines.llm.registry import ONCE
from locutory.engines.llm.router import Router
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.engines.stt import STTProvider
from locutory.engines.stt.stub import StubSTT
from locutory.kernel.errors import EngineAuthError, EngineUnavailable

if TYPE_CHECKING:
    from tests.products.calls.pipeline.conftest import House

pytestmark = pytest.mark.both_databases
Shown = dict[tuple[str, frozenset[tuple[str, str]]], float]

# calls spec, 13
PROMISED = {
    *("calls_synced_total", "calls_transcribed_total", "calls_analyzed_total", "queue_depth"),
    *("stt_duration_seconds", "llm_duration_seconds", "dlq_depth", "queue_oldest_age_seconds"),
    *("stage_duration_seconds", "orchestration_overhead_seconds", "calls_failed_total"),
    *("calls_skipped_total", "jobs_retried_total", "job_leases_lost_total"),
    *("stt_audio_seconds_total", "stt_resubmits_total", "llm_tokens_total"),
    *("llm_cache_requests_total", "agent_degraded_total", "evidence_checks_total"),
    *("provider_inflight", "provider_limit", "provider_breaker_state"),
    *("sync_watermark_lag_seconds", "notify_deliveries_total", "sse_clients", "worker_slots"),
    *("desired_workers", "cost_micros_total", "crm_leads_cached", "crm_sync_age_seconds"),
}


async def page(house: "House") -> str:
    """The text of /metrics; a scrape soon after another one reads nothing of businesses anew."""
    return (await house.resident.client.get("/metrics")).text


async def shown(house: "House") -> Callable[..., float]:
    """A look-up of one figure by name and labels; 0 where there is none."""
    found: Shown = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await page(house))
        for sample in family.samples
    }
    return lambda name, **labels: found.get((name, frozenset(labels.items())), 0.0)


def with_model(house: "House") -> ScriptedLLM:
    """Let a model judge that answers every agent with the plainest thing its schema allows."""

    def answer(request: LLMRequest) -> str:
        return json.dumps(example(dict(request.schema or {"type": "string"})))

    model = ScriptedLLM(answer)
    place = Place(name="scripted", llm=model, models={MAIN: model.model})
    ledger = house.server.services.get(Runtime).ledger
    router = Router(places=[place], policy=ONCE, book=HealthBook(), watch=ledger.note)
    house.server.services.add(Analyst, Analyst(router))
    return model


async def test_every_promised_name_is_there_before_anything_has_happened(house: "House") -> None:
    names = {described.name for described in house.server.metrics.described()}
    families = {f.name for f in text_string_to_metric_families(await page(house))}

    assert names >= PROMISED
    assert families >= {name.removesuffix("_total") for name in PROMISED}
    assert "process_resident_memory_bytes" in families


async def test_a_call_leaves_its_figures(house: "House", recording: bytes) -> None:
    house.server.settings.prices.stt_minute_micros = 60_000
    house.server.settings.prices.llm_million_in_micros = 1_000_000
    house.server.services.add(STTProvider, StubSTT(default="The villa costs too much for me."))
    model = with_model(house)
    await house.upload("c1", recording, transcript=None)
    await house.work()

    figure = await shown(house)
    bid = house.resident.bid

    assert (await house.call("c1"))["status"] == "done"
    assert model.requests
    assert figure("calls_synced_total", bid=bid, source="upload") == 1
    assert figure("calls_transcribed_total", bid=bid, provider="stub", result="ok") == 1
    assert figure("stt_duration_seconds_count", provider="stub", model="scripted") == 1
    assert figure("stt_audio_seconds_total", provider="stub") == 2.0
    assert figure("cost_micros_total", kind="stt") == 2000
    assert figure("cost_micros_total", kind="llm") > 0
    spent, written = (
        figure("llm_tokens_total", provider="scripted", dir=way) for way in ("in", "out")
    )
    assert spent > written > 0
    assert figure("llm_cache_requests_total", result="miss") > 0
    for stage in ("transcribe", "analyze"):
        assert figure("stage_duration_seconds_count", stage=stage) == 1
        assert figure("orchestration_overhead_seconds_count", stage=stage) == 1
        ran = figure("stage_duration_seconds_sum", stage=stage)
        assert figure("orchestration_overhead_seconds_sum", stage=stage) <= ran
    assert figure("worker_slots", stage="transcribe", state="all") > 0
    assert figure("worker_slots", stage="transcribe", state="busy") == 0
    assert 0 < figure("disk_free_ratio") < 1


async def test_a_call_that_is_judged_again_hits_the_cache_and_costs_nothing(
    house: "House", recording: bytes
) -> None:
    house.server.settings.prices.llm_million_in_micros = 1_000_000
    with_model(house)
    for callid in ("c1", "c2"):
        await house.upload(callid, recording)
        await house.work()
        if callid == "c1":
            first = await shown(house)

    figure = await shown(house)

    assert figure("llm_cache_requests_total", result="hit") > 0
    assert figure("cost_micros_total", kind="llm") == first("cost_micros_total", kind="llm")


async def test_an_engine_that_fails_shows_as_error_retry_and_dead_letter(
    house: "House", recording: bytes
) -> None:
    down = StubSTT(default=EngineUnavailable("no answer", engine="stub"))
    house.server.services.add(STTProvider, down)
    await house.upload("c1", recording, transcript=None)
    await house.work()

    figure = await shown(house)
    bid = house.resident.bid

    assert figure("calls_transcribed_total", bid=bid, provider="stub", result="error") == 6
    assert figure("jobs_retried_total", **{"class": "transient_network"}) == 5
    assert figure("calls_failed_total", stage="transcribe", code="ENGINE_UNAVAILABLE") == 1
    assert figure("dlq_depth", bid=bid, stage="transcribe") == 1


async def test_a_refused_key_shows_as_a_held_stage_until_it_is_resumed(
    house: "House", recording: bytes
) -> None:
    house.server.services.add(STTProvider, StubSTT(default=EngineAuthError("401", engine="stub")))
    await house.upload("c1", recording, transcript=None)
    await house.work()
    labels = {
        "bid": house.resident.bid,
        "stage": "transcribe",
        "state": "blocked",
        "class": "permanent_auth",
    }
    blocked = (await shown(house))("stage_held", **labels)
    await house.told("POST", "/pipeline/{bid}/control", json={"action": "resume"})

    assert blocked == 1
    assert (await shown(house))("stage_held", **labels) == 0


async def test_a_lease_that_ran_out_is_counted_by_whoever_finds_it(house: "House") -> None:
    await house.jobs(2, "running", finished_ms=None, lease_until_ms=1)

    await house.server.worker()._house()

    assert (await shown(house))("job_leases_lost_total") == 2


async def test_firing_alerts_and_stale_sources_are_told_for_each_business(
    house: "House", neighbour: "House"
) -> None:
    house.server.settings.pipeline.dead_s = 0
    await house.jobs(1, "dead")
    await house.watch()

    figure = await shown(house)

    ours, theirs = house.resident.bid, neighbour.resident.bid
    assert figure("pipeline_alerts", bid=ours, key="DlqNotEmpty", about="") == 1
    assert figure("pipeline_alerts", bid=theirs, key="DlqNotEmpty", about="") == 0
    assert figure("sync_sources_stale", bid=ours) == 0
