"""Rows to files. Each writer is a context that takes rows and leaves a whole file; blocking."""

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from locutory.products.calls.exchange.contract import Format

Row = dict[str, Any]
Put = Callable[[Row], None]
# a spreadsheet takes such a cell for a formula (CSV injection)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_XLSX_CELL = 32_767
_XLSX_ROWS = 1_048_575


class TooManyRows(ValueError):
    """The format cannot hold so many rows."""


def cell(value: Any) -> str:
    """A value as a CSV cell: text that a spreadsheet would compute gets a quote before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list | dict):
        value = orjson.dumps(value).decode()
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


@contextmanager
def _csv(path: Path, columns: Sequence[str]) -> Iterator[Put]:
    # the mark makes spreadsheets read UTF-8
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        yield lambda row: writer.writerow([cell(row.get(name)) for name in columns])


@contextmanager
def _jsonl(path: Path, columns: Sequence[str]) -> Iterator[Put]:
    with path.open("wb") as file:

        def put(row: Row) -> None:
            file.write(orjson.dumps({name: row.get(name) for name in columns}, option=_UTC))
            file.write(b"\n")

        yield put


@contextmanager
def _xlsx(path: Path, columns: Sequence[str]) -> Iterator[Put]:
    import xlsxwriter  # noqa: PLC0415 - loads slowly, and few processes export

    # constant memory writes row by row; texts stay texts, whatever they begin with
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "tmpdir": str(path.parent),
    }
    book = xlsxwriter.Workbook(str(path), options)
    try:
        sheet = book.add_worksheet("export")
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
        number = 0

        def put(row: Row) -> None:
            nonlocal number
            number += 1
            if number > _XLSX_ROWS:
                raise TooManyRows(f"a sheet holds {_XLSX_ROWS} rows; narrow the filter or use csv")
            for place, name in enumerate(columns):
                value = row.get(name)
                if isinstance(value, bool) or value is None or isinstance(value, int | float):
                    sheet.write(number, place, value)
                else:
                    sheet.write_string(number, place, _plain(value)[:_XLSX_CELL])

        yield put
    finally:
        book.close()


@contextmanager
def _pca(path: Path, columns: Sequence[str]) -> Iterator[Put]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(row: Row) -> None:
            name = f"{row['callid']}.json".replace("/", "_")
            archive.writestr(name, json.dumps(row["document"], ensure_ascii=False, indent=1))

        yield put


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else str(value)


_UTC = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
WRITERS = {
    Format.CSV: _csv,
    Format.JSONL: _jsonl,
    Format.XLSX: _xlsx,
    Format.PCA_JSON: _pca,
}
