"""What lists and views can be asked, found in the reference that the server itself gives.

A list is a GET with `limit` and `cursor`; every one is asked with each sort, each filter, and each
filter under each sort. A view is a GET below /analytics; it is asked with each filter. Routes of
other modules join by being served.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI

from benches.api_child import BID

LIMIT = 10  # few enough that a small database fills a page as well
SINCE, UNTIL = "2026-10-01", "2026-11-01"
YEAR = "2025-11-01"
_STEERING = {"limit", "cursor", "sort", "order", "granularity", "compare", "metric", "include"}
# What the generator's calls have, by the name of the parameter.
_KNOWN: dict[str, list[str]] = {
    "from": [f"{SINCE}T00:00:00Z"],
    "to": [f"{SINCE}T00:00:00Z"],
    "agent": ["a3"],
    "min_score": ["90"],
    "max_score": ["40"],
    "topic": ["pricing"],
    "objection": ["price"],
    "template": ["standard"],
    "language": ["hi"],
    "disposition": ["sold"],
    "sentiment": ["negative"],
    "phone": ["0042"],
    "q": ["Monday"],
    "status": ["done", "failed"],
    "min_duration_s": ["600"],
    "max_duration_s": ["60"],
}
# Parameters whose things the generator makes none of: a filter that finds nothing says little.
_ABSENT = {"moment", "tag", "lead_id", "since", "kind", "state", "reviewer", "assigned_to", "mine"}
_UNFILLED = ("/analytics/", "/crm/")  # views are tried elsewhere; there are no leads
_PATH = {"bid": BID, "agent_id": "a3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A request: the route it belongs to, what of it is tried, its address."""

    route: str
    case: str
    target: str


def lists(app: FastAPI) -> Iterator[Cell]:
    """Every list with every sort and filter."""
    for path, parameters in _operations(app):
        if not {"limit", "cursor"} <= parameters.keys() or path.startswith(_UNFILLED):
            continue
        sorts = [
            {name: value}
            for name in ("sort",)
            for value in _choices(name, parameters.get(name, ()))
        ] or [{}]
        orders = [{"order": v} for v in _choices("order", parameters.get("order", ()))] or [{}]
        filters: list[dict[str, str]] = [{}]
        for name in parameters.keys() - _STEERING:
            filters += [{name: value} for value in _choices(name, parameters[name])]
        for sort in sorts:
            for order in orders:
                for one in sorted(filters, key=str):
                    yield _cell(path, {**sort, **order, **one, "limit": str(LIMIT)})


def views(app: FastAPI) -> Iterator[Cell]:
    """Every view over a month and a year, and over a month with each filter."""
    for path, parameters in _operations(app):
        if not path.startswith("/analytics/{bid}"):
            continue
        month = {"from": SINCE, "to": UNTIL}
        yield _cell(path, month)
        yield _cell(path, {"from": YEAR, "to": UNTIL})
        if "granularity" in parameters:
            yield _cell(path, {"from": YEAR, "to": UNTIL, "granularity": "month"})
        for name in sorted(parameters.keys() - _STEERING - {"from", "to"}):
            for value in _choices(name, parameters[name]):
                yield _cell(path, {**month, name: value})


def unfilled(app: FastAPI) -> set[str]:
    """Filters of lists that no value is known for: `METHOD path ?name`."""
    return {
        f"GET {path} ?{name}"
        for path, parameters in _operations(app)
        if {"limit", "cursor"} <= parameters.keys()
        for name in parameters.keys() - _STEERING
        if not _choices(name, parameters[name])
    }


def _operations(app: FastAPI) -> Iterator[tuple[str, dict[str, list[dict[str, Any]]]]]:
    """GET routes about one business, and their query parameters by name."""
    reference = app.openapi()
    named = reference["components"]["schemas"]
    for path, methods in sorted(reference["paths"].items()):
        operation = methods.get("get")
        if operation is None:
            continue
        parameters = operation.get("parameters", ())
        in_path = {p["name"] for p in parameters if p["in"] == "path"}
        if "bid" not in in_path or not in_path <= _PATH.keys():
            continue
        yield (
            path,
            {p["name"]: list(_parts(p["schema"], named)) for p in parameters if p["in"] == "query"},
        )


def _parts(schema: dict[str, Any], named: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema, what it refers to and what it may be instead."""
    yield schema
    inner = [*schema.get("anyOf", ()), *schema.get("allOf", ()), schema.get("items", {})]
    if "$ref" in schema:
        inner.append(named[schema["$ref"].rpartition("/")[2]])
    for part in filter(None, inner):
        yield from _parts(part, named)


def _choices(name: str, parts: Iterable[dict[str, Any]]) -> list[str]:
    """Values of a parameter to be tried: all of a sort, one or two of anything else."""
    known = _KNOWN.get(name, [])
    for part in parts:
        if "enum" in part:
            values = list(part["enum"])
            if name in ("sort", "order"):
                return values
            return [value for value in values if value in known] or values[:2]
    if known or name in _ABSENT:
        return known
    if any(part.get("type") == "boolean" for part in parts):
        return ["true", "false"]
    return []


def _cell(path: str, params: dict[str, str]) -> Cell:
    filled = path.format_map({name: quote(value) for name, value in _PATH.items()})
    case = " ".join(f"{k}={v}" for k, v in params.items() if k != "limit") or "plain"
    return Cell(route=path, case=case, target=f"{filled}?{urlencode(params)}")
