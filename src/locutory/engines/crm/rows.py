"""Files of leads: CSV or JSON, as people export them."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

import orjson

from locutory.engines.crm.base import Lead, LeadFault
from locutory.engines.crm.moments import moment_of
from locutory.kernel.errors import InputError

MOST_ROWS: Final = 100_000
_DELIMITERS: Final = ",;\t|"
_BOM: Final = b"\xef\xbb\xbf"
_MOST_ATTRIBUTES: Final = 50
_LONGEST: Final = 1_000
_YES: Final = frozenset({"1", "true", "yes", "y"})
_NAMES: Final[Mapping[str, str]] = {
    name: ours
    for ours, names in {
        "lead_id": "lead_id leadid id prospectid prospect_id crm_id",
        "phone": "phone phone_number mobile mobile_phone phone2 mobile_number phones",
        "name": "name full_name firstname first_name lastname last_name",
        "email": "email email_address emailaddress",
        "stage": "stage lead_stage prospectstage status",
        "owner": "owner owner_name owneridname",
        "source": "source lead_source leadsource",
        "modified_at": "modified_at modifiedon modified_on updated_at last_modified",
        "deleted": "deleted is_deleted isdeleted",
    }.items()
    for name in names.split()
}


class LeadFileInvalid(InputError):
    """The file has no leads: CSV with a heading that names lead_id, or JSON with a list."""

    code = "LEAD_FILE_INVALID"


def leads_in(file: BinaryIO) -> Iterator[Lead | LeadFault]:
    """The rows of a file, a lead or a fault each, with the line as its place. Blocking.

    JSON is a list, or an object a line; CSV may have a byte order mark and be separated by comma,
    semicolon, tab or bar. Columns that are not ours become attributes. Raises LeadFileInvalid,
    also behind the last row that may be.
    """
    start = file.read(4096).removeprefix(_BOM).lstrip()[:1]
    file.seek(0)
    rows = _json_rows(file) if start in (b"[", b"{") else _csv_rows(file)
    for count, (line, row) in enumerate(rows, start=1):
        if count > MOST_ROWS:
            raise LeadFileInvalid(f"more than {MOST_ROWS} rows")
        yield LeadFault(place=line, reason=row) if isinstance(row, str) else _lead(line, row)


def _csv_rows(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any] | str]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        heading = text.readline()
        delimiter = max(_DELIMITERS, key=heading.count)
        columns = [cell.strip() for cell in next(csv.reader([heading], delimiter=delimiter), [])]
        if "lead_id" not in map(_ours, columns):
            there = ", ".join(filter(None, columns))[:200].encode(errors="replace").decode()
            raise LeadFileInvalid(f"no column lead_id; there are {there or 'none'}")
        reader = csv.reader(text, delimiter=delimiter)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num + 1, str(error)
                continue
            line = reader.line_num + 1  # the heading was read before
            if len(cells) > len(columns):
                yield line, f"{len(cells)} cells below {len(columns)} columns"
            elif any(cell.strip() for cell in cells):
                yield line, _gathered(zip(columns, cells, strict=False))
    finally:
        text.detach()


def _json_rows(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any] | str]]:
    content = file.read().removeprefix(_BOM)
    if content.lstrip()[:1] == b"[":
        try:
            items = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise LeadFileInvalid(f"no JSON: {error}") from error
        for place, item in enumerate(items, start=1):
            yield place, _gathered(item.items()) if isinstance(item, dict) else "no JSON object"
        return
    for line, text in enumerate(content.splitlines(), start=1):
        if not text.strip():
            continue
        try:
            item = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            yield line, f"no JSON: {error}"
            continue
        yield line, _gathered(item.items()) if isinstance(item, dict) else "no JSON object"


def _gathered(pairs: Any) -> dict[str, Any]:
    """Our fields by their names, phones and parts of names as lists, the rest as `attributes`."""
    row: dict[str, Any] = {"phone": [], "name": [], "attributes": {}}
    for column, value in pairs:
        ours = _ours(column)
        if value is None or not column or (isinstance(value, str) and not value.strip()):
            continue
        if ours in ("phone", "name"):
            row[ours] += value if isinstance(value, list) else [value]
        elif ours is not None:
            row.setdefault(ours, value)
        else:
            row["attributes"][str(column)[:100]] = value
    return row


def _ours(column: str) -> str | None:
    return _NAMES.get(column.strip().lower().replace(" ", "_"))


def _lead(line: int, row: Mapping[str, Any]) -> Lead | LeadFault:
    lead_id = str(row.get("lead_id") or "").strip()
    if not lead_id:
        return LeadFault(place=line, reason="no lead_id")
    if len(lead_id) > 128 or not lead_id.isprintable():
        return LeadFault(place=line, reason="lead_id: at most 128 printable characters")
    if len(row["attributes"]) > _MOST_ATTRIBUTES:
        return LeadFault(place=line, reason=f"more than {_MOST_ATTRIBUTES} columns of its own")
    told = row.get("modified_at")
    modified = moment_of(told)
    if told is not None and modified is None:
        return LeadFault(place=line, reason="modified_at: no time")

    def text(name: str) -> str | None:
        return None if row.get(name) is None else _clean(row[name])

    phones = [part for phone in row["phone"] for part in _clean(phone).split("|")]
    return Lead(
        lead_id=lead_id,
        phones=tuple(dict.fromkeys(phone.strip() for phone in phones if phone.strip()))[:10],
        name=" ".join(map(_clean, row["name"])) or None,
        email=text("email"),
        stage=text("stage"),
        owner=text("owner"),
        source=text("source"),
        modified_at=modified,
        attributes={name: _clean(value) for name, value in row["attributes"].items()},
        deleted=str(row.get("deleted", "")).strip().lower() in _YES,
    )


def _clean(value: Any) -> str:
    """Text that can be stored; what is no UTF-8 becomes a question mark."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text.encode(errors="replace").decode().replace("\x00", "").strip()[:_LONGEST]
