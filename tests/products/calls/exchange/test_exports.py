"""Exports through HTTP: calls come in, files go out and are read back."""

import csv
import io
import json
import re
import zipfile
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.conftest import Resident

from locutory.app import Server
from locutory.engines.stt.sidecar_json import read_json
from locutory.products.calls.exchange.rows import COLUMNS, Kind
from locutory.products.calls.exchange.writers import cell

pytestmark = pytest.mark.both_databases

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TALK = b"""1
00:00:00,000 --> 00:00:03,000
Agent: Good morning, this is Asha, how may I help you?

2
00:00:03,500 --> 00:00:07,000
Customer: =SUM(A1) is what I said, and my card is 4111 1111 1111 1111.
"""


def wav() -> bytes:
    """Eight seconds of a quiet hum at 8 kHz."""
    samples = bytes((128 + (i * 7 % 11)) % 256 for i in range(64_000))
    rate = (8000).to_bytes(4, "little")
    form = (16).to_bytes(4, "little") + b"\1\0\1\0" + rate * 2 + b"\1\0\x08\0"
    head = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + form
    return head + b"data" + len(samples).to_bytes(4, "little") + samples


async def settle(server: Server) -> None:
    await server.worker().drain(skip_delays=True)


async def hear(server: Server, ours: Resident, *callids: str, **described: str) -> None:
    for callid in callids:
        files = {"file": ("a.wav", wav()), "transcript": ("a.srt", TALK)}
        reply = await ours.ask(
            "POST",
            f"/ingest/{ours.bid}/audio",
            data={"callid": callid, **described},
            files=files,
        )
        assert reply.status_code == 202, reply.text
    await settle(server)


async def exported(server: Server, ours: Resident, **ask: Any) -> tuple[dict[str, Any], bytes]:
    """The finished export and its file."""
    asked = await ours.ask("POST", f"/exports/{ours.bid}", json=ask)
    assert asked.status_code == 202, asked.text
    await settle(server)
    path = f"/exports/{ours.bid}/{asked.json()['id']}"
    made = (await ours.ask("GET", path)).json()
    assert made["state"] == "done", made
    file = await ours.ask("GET", f"{path}/download")
    assert file.status_code == 200, file.text
    assert len(file.content) == made["size_bytes"] == int(file.headers["content-length"])
    return made, file.content


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


async def test_calls_as_csv_have_all_columns_and_are_oldest_first(
    server: Server, ours: Resident
) -> None:
    await hear(server, ours, "b", started_at="2026-01-02T00:00:00Z")
    await hear(server, ours, "a", started_at="2026-01-03T00:00:00Z", customer_phone="+911234567890")

    made, content = await exported(server, ours, kind="calls", format="csv")

    rows = table(content)
    assert [row["callid"] for row in rows] == ["b", "a"]
    assert tuple(rows[0]) == COLUMNS[Kind.CALLS]
    assert made["rows"] == 2
    assert rows[1]["customer"] == "…7890"
    assert rows[0]["status"] == "done"


async def test_cells_that_a_spreadsheet_would_compute_are_quoted_and_cards_are_gone(
    server: Server, ours: Resident
) -> None:
    await hear(server, ours, "c-1")

    _, content = await exported(server, ours, kind="segments", format="csv")

    texts = [row["text"] for row in table(content)]
    assert texts[1].startswith("'=SUM")
    assert b"4111" not in content


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+91", "'+91"),
        ("-x", "'-x"),
        ("@me", "'@me"),
        ("\tx", "'\tx"),
        ("plain", "plain"),
        (-1.5, "-1.5"),
        (None, ""),
        (True, "true"),
        (["-a"], '["-a"]'),
    ],
)
def test_a_cell_is_text_a_number_or_nothing(value: Any, expected: str) -> None:
    assert cell(value) == expected


async def test_a_filter_and_columns_narrow_what_is_written(server: Server, ours: Resident) -> None:
    await hear(server, ours, "in", direction="inbound")
    await hear(server, ours, "out", direction="outbound")

    _, content = await exported(
        server,
        ours,
        kind="calls",
        format="jsonl",
        filter={"direction": "outbound"},
        columns=["callid", "started_at"],
    )

    (row,) = (json.loads(line) for line in content.splitlines())
    assert list(row) == ["callid", "started_at"]
    assert row["callid"] == "out"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", row["started_at"])


async def test_a_sheet_holds_texts_as_texts(server: Server, ours: Resident) -> None:
    await hear(server, ours, "c-1")

    _, content = await exported(server, ours, kind="segments", format="xlsx")

    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    cells = list(sheet.iter(f"{SHEET}c"))
    assert len(list(sheet.iter(f"{SHEET}row"))) == 3
    assert not list(sheet.iter(f"{SHEET}f")), "no cell is a formula"
    assert any("=SUM(A1)" in "".join(c.itertext()) for c in cells)


async def test_an_analytics_archive_is_read_back_by_our_own_reader(
    server: Server, ours: Resident
) -> None:
    await hear(server, ours, "c-1", "c-2")

    _, content = await exported(server, ours, kind="calls", format="pca_json")

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["c-1.json", "c-2.json"]
        reading = read_json(json.loads(archive.read("c-1.json")))
    assert reading is not None
    assert reading.form == "pca-json"
    assert [(e.speaker, e.start_ms) for e in reading.entries] == [("Agent", 0), ("Customer", 3500)]


async def test_scores_have_a_row_for_each_question(server: Server, ours: Resident) -> None:
    await hear(server, ours, "c-1")
    call = (await ours.ask("GET", f"/call-records/{ours.bid}/c-1")).json()

    _, content = await exported(server, ours, kind="scores", format="csv")

    asked = [p["key"] for p in call["analysis"]["quality"]["parameters"]]
    assert [row["parameter"] for row in table(content)] == asked


async def test_the_audit_log_is_for_managers(server: Server, ours: Resident) -> None:
    await hear(server, ours, "c-1")
    await server.sealer.seal()
    member = {"email": "ana@6004.example", "name": "Ana", "role": "analyst"}
    invited = await ours.ask("POST", f"/businesses/{ours.bid}/users", json=member)
    first = invited.json()["one_time_password"]
    login = {"email": member["email"], "password": first}
    token = (await ours.client.post("/auth/login", json=login)).json()["access_token"]
    change = {"current_password": first, "new_password": "another correct horse"}
    await ours.ask("POST", "/auth/password", token=token, json=change)
    login["password"] = change["new_password"]
    token = (await ours.client.post("/auth/login", json=login)).json()["access_token"]
    ask = {"kind": "audit", "format": "jsonl"}

    refused = await ours.ask("POST", f"/exports/{ours.bid}", token=token, json=ask)
    allowed = await ours.ask(
        "POST", f"/exports/{ours.bid}", token=token, json={**ask, "kind": "calls"}
    )
    _, content = await exported(server, ours, **ask)

    assert refused.status_code == 403
    assert allowed.status_code == 202
    actions = [json.loads(line)["action"] for line in content.splitlines()]
    assert "member.add" in actions or any("member" in action for action in actions)


@pytest.mark.parametrize(
    "ask",
    [
        {"kind": "calls", "format": "csv", "columns": ["no_such"]},
        {"kind": "scores", "format": "pca_json"},
        {"kind": "leads", "format": "csv"},
        {"kind": "calls", "format": "csv", "filter": {"color": "red"}},
        {"kind": "calls", "format": "csv", "filter": {"from": "yesterday"}},
    ],
)
async def test_an_export_that_cannot_be_is_refused_at_once(
    ours: Resident, ask: dict[str, Any]
) -> None:
    reply = await ours.ask("POST", f"/exports/{ours.bid}", json=ask)

    assert reply.status_code == 422, reply.text


async def test_a_file_that_is_not_there_yet_says_so(ours: Resident) -> None:
    ask = {"kind": "calls", "format": "csv"}
    made = (await ours.ask("POST", f"/exports/{ours.bid}", json=ask)).json()

    reply = await ours.ask("GET", f"/exports/{ours.bid}/{made['id']}/download")

    assert (reply.status_code, reply.json()["error_code"]) == (409, "EXPORT_NOT_READY")


async def test_exports_are_listed_newest_first(server: Server, ours: Resident) -> None:
    for format_ in ("csv", "jsonl", "xlsx"):
        await exported(server, ours, kind="calls", format=format_)

    first = (await ours.ask("GET", f"/exports/{ours.bid}?limit=2")).json()
    cursor = first["next_cursor"]
    rest = (await ours.ask("GET", f"/exports/{ours.bid}?limit=2&cursor={cursor}")).json()

    assert [e["format"] for e in first["items"] + rest["items"]] == ["xlsx", "jsonl", "csv"]
    assert rest["next_cursor"] is None
