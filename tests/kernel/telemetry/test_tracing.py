"""Spans of requests, jobs and engines, gathered in memory."""

import gzip
import json
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tests.conftest import CHEAP, settle_down
from tests.journeys.conftest import example
from tests.products.calls.pipeline.conftest import House, house_of, tone

from locutory import app
from locutory.capabilities.analysis.api import Analyst
from locutory.engines.llm.scripted import ScriptedLLM
from locutory.engines.llm.traced import TracedLLM
from locutory.engines.stt import STTProvider
from locutory.engines.stt.stub import StubSTT
from locutory.kernel.errors import ConfigError, EngineUnavailable
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import DatabaseSettings, Settings, TracingSettings
from locutory.kernel.telemetry.tracing import CORRELATION, Tracing, tracing_of

WORDS = "my number is +91 98765 43210"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider)


@pytest.fixture
async def house(
    tmp_path: Path, database_url: str, password_hash: str, tracing: Tracing
) -> AsyncIterator[House]:
    settings = Settings(
        data_dir=tmp_path / "data", database=DatabaseSettings(url=database_url), auth=CHEAP
    )
    async with app.compose(settings, tracing=tracing).running(work=False) as server:
        transport = httpx2.ASGITransport(app.create_app(server, work=False))
        async with httpx2.AsyncClient(transport=transport, base_url="http://t.test") as client:
            yield await house_of(server, await settle_down(server, client, "6004", password_hash))


def named(spans: InMemorySpanExporter, start: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name.startswith(start)]


def trace_of(span: ReadableSpan) -> int:
    return span.get_span_context().trace_id


async def test_a_request_its_jobs_and_their_engines_are_one_trace(
    house: House, spans: InMemorySpanExporter, tracing: Tracing
) -> None:
    model = ScriptedLLM(lambda ask: json.dumps(example(dict(ask.schema or {"type": "string"}))))
    house.server.services.add(Analyst, Analyst(TracedLLM(model, tracing)))
    house.server.services.add(STTProvider, StubSTT(default=WORDS))
    spans.clear()
    await house.upload("c-1", tone(), transcript=None)
    await house.work()

    (request,) = named(spans, "POST /ingest/{bid}/audio")
    jobs = named(spans, "job calls.")
    (heard,) = named(spans, "transcribe stub")
    asked = named(spans, "chat script")

    wanted = {"job calls.transcribe", "job calls.analyze", "job calls.index"}
    assert wanted <= {job.name for job in jobs}
    own = [span for span in (request, heard, *asked, *jobs) if trace_of(span) == trace_of(request)]
    assert wanted <= {span.name for span in own}
    assert {heard.name, asked[0].name} <= {span.name for span in own}
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 202
    transcribe = next(job for job in jobs if job.name == "job calls.transcribe")
    assert transcribe.attributes is not None
    assert transcribe.attributes[CORRELATION] == request.attributes[CORRELATION]
    assert heard.parent is not None
    assert heard.parent.span_id == transcribe.get_span_context().span_id
    assert asked[0].attributes is not None
    assert int(str(asked[0].attributes["gen_ai.usage.input_tokens"])) > 0


async def test_spans_hold_neither_words_nor_ids_of_callers(
    house: House, spans: InMemorySpanExporter
) -> None:
    house.server.services.add(STTProvider, StubSTT(default=WORDS))
    await house.upload("call-4711", tone(), transcript=None)
    await house.work()
    await house.ask("GET", "/call-records/{bid}?phone=%2B919876543210")
    await house.ask("GET", "/call-records/{bid}/call-4711")

    said = " ".join(span.to_json() for span in spans.get_finished_spans())

    assert "GET /call-records/{bid}/{callid}" in said
    assert "4711" not in said
    assert "98765" not in said


async def test_a_failure_is_marked_by_its_code_without_its_text(
    house: House, spans: InMemorySpanExporter
) -> None:
    down = StubSTT(default=EngineUnavailable(f"refused {WORDS}", engine="stub"))
    house.server.services.add(STTProvider, down)
    await house.upload("c-1", tone(), transcript=None)
    await house.work()

    (first, *_) = named(spans, "transcribe stub")

    assert not first.status.is_ok
    assert first.attributes is not None
    assert first.attributes["error.type"] == "ENGINE_UNAVAILABLE"
    assert first.events == ()
    assert "98765" not in first.to_json()


async def test_calls_to_the_outside_are_spans_of_the_client(
    tracing: Tracing, spans: InMemorySpanExporter
) -> None:
    http = HttpClient(Settings().http, tracing=tracing)

    with pytest.raises(EngineUnavailable):
        await http.get_json("http://127.0.0.1:1/", engine="sarvam")
    await http.close()

    (span,) = named(spans, "call sarvam")
    assert span.attributes is not None
    assert span.attributes["locutory.provider"] == "sarvam"
    assert "127.0.0.1" not in span.to_json().replace('"service', "")


def test_without_an_address_nothing_is_traced() -> None:
    tracing = tracing_of(TracingSettings())

    with tracing.span("call x") as span:
        assert not span.is_recording()
    assert not tracing.on


def test_a_share_of_traces_is_kept_and_every_process_keeps_the_same(collector: Any) -> None:
    def kept() -> list[bool]:
        tracing = tracing_of(TracingSettings(endpoint=collector.url, sample=0.25))
        found = []
        for number in range(400):
            with tracing.root("job x", f"0193-{number}", SpanKind.CONSUMER) as span:
                found.append(span.is_recording())
        tracing.close()
        return found

    one = kept()

    assert one == kept()
    assert 60 <= sum(one) <= 140
    assert len(collector.names()) == 2 * sum(one)


def test_spans_reach_a_collector_by_otlp(collector: Any) -> None:
    tracing = tracing_of(TracingSettings(endpoint=collector.url + "/"))
    with tracing.root("GET /a", "0193", SpanKind.SERVER), tracing.span("call sarvam"):
        pass

    tracing.close()

    assert collector.names() == ["call sarvam", "GET /a"]
    assert collector.paths == ["/v1/traces"]


class Collector:
    """A collector of OpenTelemetry that speaks OTLP by HTTP; read by the protocol's own classes."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.got: list[ExportTraceServiceRequest] = []
        self.url = ""

    def names(self) -> list[str]:
        resources = [resource for one in self.got for resource in one.resource_spans]
        return [span.name for r in resources for scope in r.scope_spans for span in scope.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            kept.paths.append(self.path)
            kept.got.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_address_without_the_extra_stops_the_start(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)

    with pytest.raises(ConfigError, match="otel"):
        tracing_of(TracingSettings(endpoint="http://127.0.0.1:4318"))
