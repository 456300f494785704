import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_lists_the_failpoints_that_the_code_has() -> None:
    page = (ROOT / "docs/reference/failpoints.md").read_text()
    code = [file.read_text() for file in (ROOT / "src").rglob("*.py")]

    listed = re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE)
    used = {name for text in code for name in re.findall(r'failpoint\("([a-z_.]+)"\)', text)}

    assert used
    assert listed == sorted(used)


def test_every_failpoint_has_its_place_and_its_promise() -> None:
    page = (ROOT / "docs/reference/failpoints.md").read_text()

    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]

    assert rows
    assert all(len(row) == 3 and all(cell.strip() for cell in row) for row in rows)
