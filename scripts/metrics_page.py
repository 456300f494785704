"""Write docs/reference/metrics.md from what a composed server declares.

Run: .venv/bin/python scripts/metrics_page.py
"""

import tempfile
from pathlib import Path

from locutory.app import compose, create_app
from locutory.kernel.settings import Settings
from locutory.kernel.telemetry.metrics import Described

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"


def declared() -> list[Described]:
    """Every metric of a server with nothing configured."""
    with tempfile.TemporaryDirectory(prefix="locutory-metrics-") as folder:
        server = compose(Settings(_env_file=None, data_dir=Path(folder)))
        create_app(server).build_middleware_stack()  # which declares what requests count
        return server.metrics.described()


def page() -> str:
    head = [
        "# Metrics",
        "",
        "What `GET /metrics` shows. Made by `scripts/metrics_page.py`.",
        "",
        "Figures are those of the process that is asked, but of gauges that say “all processes”:",
        "these are read from the database, and every process with HTTP shows the same. The label",
        "`bid` is a business, `other` beyond the first 200. Histograms have `_bucket`, `_sum` and",
        "`_count`. `process_*` (memory, CPU time, open files) come from the system.",
        "",
        "| Name | Kind | Labels | What |",
        "|---|---|---|---|",
    ]
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {one.text} |"
        for one in declared()
    ]
    return "\n".join([*head, *rows, ""])


if __name__ == "__main__":
    TARGET.write_text(page())
