"""Write deploy/grafana/calls.json, the dashboard of the calls pipeline.

Run: .venv/bin/python scripts/dashboard.py
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "deploy" / "grafana" / "calls.json"
WIDTH, HEIGHT, COLUMNS = 8, 8, 3
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """A panel: what it shows, in which unit, by which expressions with their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"


def quantiles(name: str, by: str) -> tuple[tuple[str, str], ...]:
    """The median and the 95th percentile of a histogram."""
    return tuple(
        (
            f"histogram_quantile({q}, sum by (le, {by}) (rate({name}_bucket[5m])))",
            f"p{int(float(q) * 100)} {{{{{by}}}}}",
        )
        for q in ("0.5", "0.95")
    )


PANELS = (
    Panel(
        "Calls per stage and minute",
        "short",
        (
            ("60 * sum(rate(calls_synced_total[5m]))", "taken in"),
            ('60 * sum(rate(calls_transcribed_total{result!="error"}[5m]))', "transcribed"),
            ("60 * sum(rate(calls_analyzed_total[5m]))", "analysed"),
            ("60 * sum by (stage) (rate(calls_failed_total[5m]))", "failed in {{stage}}"),
        ),
    ),
    Panel(
        "Queue depth",
        "short",
        (('sum by (stage) (max by (bid, stage) (queue_depth{state="queued"}))', "{{stage}}"),),
    ),
    Panel(
        "Age of the oldest job", "s", (("max by (stage) (queue_oldest_age_seconds)", "{{stage}}"),)
    ),
    Panel(
        "Dead letters",
        "short",
        (("sum by (stage) (max by (bid, stage) (dlq_depth))", "{{stage}}"),),
        "stat",
    ),
    Panel("Speech engine", "s", quantiles("stt_duration_seconds", "provider")),
    Panel("Language model", "s", quantiles("llm_duration_seconds", "provider")),
    Panel(
        "Audio minutes per hour",
        "short",
        (("60 * sum by (provider) (rate(stt_audio_seconds_total[15m]))", "{{provider}}"),),
    ),
    Panel(
        "Calls at providers, and the limit",
        "short",
        (
            ("sum by (provider) (provider_inflight)", "{{provider}}"),
            ("sum by (provider) (provider_limit)", "{{provider}}, most"),
        ),
    ),
    Panel(
        "Slots and workers",
        "short",
        (
            ('max by (stage) (worker_slots{state="busy"})', "{{stage}} busy"),
            ('max by (stage) (worker_slots{state="all"})', "{{stage}} slots"),
            ("max by (stage) (desired_workers)", "{{stage}} workers wanted"),
        ),
    ),
    Panel(
        "Retries per minute by class",
        "short",
        (("60 * sum by (class) (rate(jobs_retried_total[5m]))", "{{class}}"),),
    ),
    Panel(
        "Answers that were known",
        "percentunit",
        (
            (
                'sum(rate(llm_cache_requests_total{result="hit"}[15m]))'
                " / sum(rate(llm_cache_requests_total[15m]))",
                "hits",
            ),
        ),
    ),
    Panel(
        "Degraded analyses",
        "percentunit",
        (
            (
                'sum(rate(calls_analyzed_total{result="degraded"}[15m]))'
                " / sum(rate(calls_analyzed_total[15m]))",
                "degraded",
            ),
        ),
    ),
    Panel(
        "Cost per hour",
        "short",
        (("3600 * sum by (kind) (rate(cost_micros_total[15m])) / 1e6", "{{kind}}"),),
    ),
    Panel(
        "Tokens per minute",
        "short",
        (("60 * sum by (dir) (rate(llm_tokens_total[5m]))", "{{dir}}"),),
    ),
    Panel("Silence of sources", "s", (("max by (bid) (sync_watermark_lag_seconds)", "{{bid}}"),)),
    Panel(
        "Analyses per business and minute",
        "short",
        (("60 * sum by (bid) (rate(calls_analyzed_total[5m]))", "{{bid}}"),),
    ),
    Panel(
        "Time of a stage without its engine",
        "s",
        quantiles("orchestration_overhead_seconds", "stage"),
    ),
    Panel(
        "Webhooks per minute",
        "short",
        (("60 * sum by (result) (rate(notify_deliveries_total[5m]))", "{{result}}"),),
    ),
)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it; it asks for the Prometheus source by a variable."""
    source = {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}
    return {
        "title": "Locutory calls",
        "uid": "locutory-calls",
        "schemaVersion": 39,
        "tags": ["locutory"],
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "panels": [panel(number, one) for number, one in enumerate(PANELS)],
    }


def panel(number: int, one: Panel) -> dict[str, Any]:
    """One panel in its place, three beside each other."""
    row, column = divmod(number, COLUMNS)
    place = {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": row * HEIGHT}
    return {
        "id": number + 1,
        "type": one.kind,
        "title": one.title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": one.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + index), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for index, (expr, legend) in enumerate(one.queries)
        ],
    }


def page() -> str:
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page())
