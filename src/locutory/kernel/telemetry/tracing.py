"""Spans, for whoever asks where the time went; nothing at all unless an address is set.

What one correlation id runs through is one trace, whose id is made of it: the jobs of a call, hours
later and on other machines, join the request that brought it. No path, word, phone or exception's
text is in a span.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from locutory import __version__
from locutory.kernel.errors import ConfigError, LocutoryError
from locutory.kernel.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

CORRELATION = "locutory.correlation_id"


class Tracing:
    """Where spans are begun; without a provider that costs nothing."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        """`provider` is the SDK's, with an exporter of its own."""
        self._provider = provider
        self._tracer: Tracer | None = None
        if provider is not None:
            self._tracer = provider.get_tracer("locutory", __version__)

    @property
    def on(self) -> bool:
        """Whether spans go anywhere."""
        return self._tracer is not None

    @contextmanager
    def root(
        self, name: str, correlation_id: str | None, kind: SpanKind, **attributes: AttributeValue
    ) -> Iterator[Span]:
        """A request's or a job's span, in the trace of its correlation id."""
        if self._tracer is None:
            yield INVALID_SPAN
            return
        context = None
        if correlation_id is not None:
            attributes[CORRELATION] = correlation_id
            context = _context_of(correlation_id)
        with self._open(self._tracer, name, kind, attributes, context) as span:
            yield span

    @contextmanager
    def span(self, name: str, **attributes: AttributeValue) -> Iterator[Span]:
        """A call to the outside, within what runs now."""
        if self._tracer is None:
            yield INVALID_SPAN
            return
        with self._open(self._tracer, name, SpanKind.CLIENT, attributes, None) as span:
            yield span

    def close(self) -> None:
        """Send what has not gone out yet. Blocking."""
        if self._provider is not None:
            self._provider.shutdown()

    @contextmanager
    def _open(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        attributes: dict[str, AttributeValue],
        context: Context | None,
    ) -> Iterator[Span]:
        with tracer.start_as_current_span(
            name,
            context=context,
            kind=kind,
            attributes=attributes,
            record_exception=False,  # its text may quote a caller
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                failed(span, error)
                raise


def failed(span: Span, error: BaseException) -> None:
    """Mark a span by the kind of a failure, without its text."""
    name = error.error_code if isinstance(error, LocutoryError) else type(error).__name__
    span.set_attribute("error.type", name)
    span.set_status(StatusCode.ERROR)


def tracing_of(settings: TracingSettings) -> Tracing:
    """As the settings say. Raises ConfigError where the extra `otel` is missing."""
    if settings.endpoint is None:
        return Tracing()
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise ConfigError(
            "LOCUTORY_TRACING__ENDPOINT needs the extra: pip install 'locutory[otel]'"
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415 - an extra

    # not ParentBased: the made-up parent has no opinion, and every process decides alike by the id
    provider = TracerProvider(
        sampler=TraceIdRatioBased(settings.sample),
        resource=Resource.create({"service.name": "locutory", "service.version": __version__}),
    )
    address = f"{settings.endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return Tracing(provider)


def _context_of(correlation_id: str) -> Context:
    """A parent that nobody sends, whose trace all spans of the correlation id join.

    Hashed, since samplers look at bits that are the same in every UUIDv7.
    """
    digest = sha256(correlation_id.encode()).digest()
    parent = SpanContext(
        trace_id=int.from_bytes(digest[:16], "big"),
        span_id=int.from_bytes(digest[16:24], "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(parent), Context())
