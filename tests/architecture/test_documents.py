"""The documents are true: generated pages are fresh, links lead somewhere, files stay small."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_the_settings_page_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "settings_page.py"))

    assert (ROOT / "docs/reference/settings.md").read_text() == made["page"](), (
        "run scripts/settings_page.py"
    )


def test_the_metrics_page_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "metrics_page.py"))

    assert (ROOT / "docs/reference/metrics.md").read_text() == made["page"](), (
        "run scripts/metrics_page.py"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{target} of {page}"


def test_no_source_file_is_longer_than_six_hundred_lines() -> None:
    for file in (ROOT / "src").rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 600, file


def test_adrs_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))

    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
