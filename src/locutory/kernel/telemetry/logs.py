"""Structured logs: one JSON object per line on standard output, or coloured lines on a terminal.

`event` is a short name in words; everything else is a field. Fields that hold for all lines of a
request or a job are bound once (`bound`), so that code far below need not carry them.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from locutory.kernel.settings import Settings
from locutory.kernel.telemetry.masking import mask_field, mask_text

_KEPT = frozenset({"timestamp", "level", "logger"})


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send our own lines and those of libraries to `stream` (standard output), masked."""
    out = stream or sys.stdout
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not out.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [structlog.processors.format_exc_info, mask, _renderer(as_json)]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    _route_libraries(out, level, shared, last)


def _renderer(as_json: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(serializer=_dumps)
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _dumps(fields: Mapping[str, Any], **_: Any) -> str:
    return orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _route_libraries(
    out: TextIO, level: int, shared: list[Processor], last: list[Processor]
) -> None:
    """Give the standard library's root logger the same form; requests have our own access line."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.INFO))
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").handlers = []
    logging.getLogger("uvicorn.access").propagate = False


def mask(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """The last look at a line: no secret, phone or e-mail address leaves."""
    for name, value in fields.items():
        if name in ("event", "exception"):
            fields[name] = mask_text(str(value))
        elif name not in _KEPT:
            fields[name] = mask_field(name, value)
    return fields


def get_logger(**fields: Any) -> structlog.typing.FilteringBoundLogger:
    """A logger with fields of its own."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**fields)
    return logger


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Bind fields (`correlation_id`, `tenant`, `job_id`, …) to all lines inside; None is left out.

    Follows the task, not the thread: concurrent requests and jobs keep their own.
    """
    present = {name: value for name, value in fields.items() if value is not None}
    with structlog.contextvars.bound_contextvars(**present):
        yield


def correlation_id() -> str | None:
    """The correlation id bound to this task."""
    value = structlog.contextvars.get_contextvars().get("correlation_id")
    return None if value is None else str(value)
