"""Files of call rows, CSV or JSON lines, read one row at a time."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import orjson

from locutory.kernel.errors import InputError

_DELIMITERS = ",;\t|"
_JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})


class RowFileInvalid(InputError):
    """The file has no rows of calls."""

    code = "ROW_FILE_INVALID"


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row with the number of its (last) line; `fault` says why there is no item."""

    line: int
    item: dict[str, Any] | None
    fault: str | None = None


def rows_of(path: Path, names: Mapping[str, str]) -> Iterator[FileRow]:
    """The rows of a file; `names` maps our names of fields to the file's. Blocking.

    JSON lines by their suffix, else CSV with a heading, with or without a byte order mark,
    separated by comma, semicolon, tab or bar. Raises RowFileInvalid.
    """
    if path.suffix.lower() in _JSON_LINES:
        return _json_rows(path, names)
    with _text(path) as file:
        heading = file.readline()
    delimiter = max(_DELIMITERS, key=heading.count)
    columns = [cell.strip() for cell in next(csv.reader([heading], delimiter=delimiter), [])]
    missing = sorted(set(names.values()) - set(columns))
    if missing or not any(columns):
        there = ", ".join(filter(None, columns)) or "none"
        raise RowFileInvalid(f"no column {', '.join(missing)}; there are {there}")
    ours = {theirs: name for name, theirs in names.items()}
    return _csv_rows(path, [ours.get(column, column) for column in columns], delimiter)


def count_lines(path: Path) -> int:
    """How many lines a file has, for a bar that shows how far it is. Blocking."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _text(path: Path) -> TextIO:
    """The file as text; what is no UTF-8 stays recognisable, so that only its row is refused."""
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _csv_rows(path: Path, fields: Sequence[str], delimiter: str) -> Iterator[FileRow]:
    with _text(path) as file:
        file.readline()
        reader = csv.reader(file, delimiter=delimiter)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield FileRow(reader.line_num + 1, None, str(error))
                continue
            line = reader.line_num + 1  # the heading was read before
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(fields):
                yield FileRow(line, None, f"{len(cells)} cells below {len(fields)} columns")
                continue
            pairs = zip(fields, cells, strict=False)
            item = {name: cell.strip() for name, cell in pairs if name and cell.strip()}
            yield FileRow(line, item)


def _json_rows(path: Path, names: Mapping[str, str]) -> Iterator[FileRow]:
    with path.open("rb") as file:
        for line, text in enumerate(file, start=1):
            content = text.removeprefix(b"\xef\xbb\xbf").strip()
            if not content:
                continue
            try:
                item = orjson.loads(content)
            except orjson.JSONDecodeError as error:
                yield FileRow(line, None, f"no JSON: {error}")
                continue
            if not isinstance(item, dict):
                yield FileRow(line, None, "a row is a JSON object")
                continue
            for name, theirs in names.items():
                if theirs in item:
                    item[name] = item.pop(theirs)
            yield FileRow(line, item)
