"""The OpenAPI document shows a real request and a real answer for every route."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from locutory.app import compose, create_app
from locutory.kernel.settings import Settings
from locutory.reference import FILE, has_example, recorded

MEND = "run `make examples`; a new route needs a step in scripts/api_examples/walk_*.py first"
MOST_BYTES = 400_000

# bodies that can have no example, or need none, with the reason
WITHOUT = {
    "GET /api/auth/users/{user_id}/avatar": "a picture",
    "GET /call-records/{bid}/{callid}/audio": "sound",
    "GET /exports/{bid}/{export_id}/download": "sheets and archives; its texts have examples",
}
BYTES = re.compile(r"(audio|image)/|application/(zip|vnd\.)")
_SECRETS = {
    "a JSON web token": re.compile(r"eyJ[\w-]{8,}"),
    "a key": re.compile(r"\b(lct|lce)_(?!EXAMPLE_not-a-real-key\b)\w{6,}"),
    "a webhook's secret": re.compile(r"\bwh(sec|tok)_(?!EXAMPLE)\w+"),
    "a long random text": re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{32,}"),
    "a path of a machine": re.compile(r"(?<![\w.>])/(tmp|home|root|work|var|private|Users)/"),
    "an address of a machine": re.compile(r"127\.0\.0\.1|localhost|locutory-examples-"),
}
_TIMES = re.compile(r"\b(\d{4})-\d\d-\d\dT\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Body:
    """What a request or an answer may be, of one media type."""

    line: str
    part: str  # `request`, or a status
    media_type: str
    media: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.line} {self.part} {self.media_type}"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The app of every product; nothing is opened."""
    return create_app(compose(Settings(data_dir=tmp_path_factory.mktemp("data"))))


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def bodies(document: dict[str, Any]) -> Iterator[Body]:
    """Every request's and every answer's body, failures among them."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            line = f"{method.upper()} {path}"
            parts = {"request": operation.get("requestBody", {}), **operation["responses"]}
            for part, holder in parts.items():
                for media_type, media in holder.get("content", {}).items():
                    yield Body(line, part, media_type, media)


def values(document: dict[str, Any], body: Body) -> Iterator[Any]:
    """All examples of a body: its own, and those of the model that it is."""
    if "example" in body.media:
        yield body.media["example"]
    for example in body.media.get("examples", {}).values():
        yield example["value"]
    schema = body.media.get("schema", {})
    for part in (schema, *schema.get("anyOf", ())):
        name = part.get("$ref", "").rpartition("/")[2]
        yield from (document["components"]["schemas"][name] if name else part).get("examples", ())


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """OpenAPI 3.1 uses JSON Schema 2020-12; its components are found below `#`."""
    whole = {**schema, "components": document["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_request_and_every_success_has_an_example(document: dict[str, Any]) -> None:
    missing = [
        str(body)
        for body in bodies(document)
        if (body.part == "request" or body.part.startswith("2"))
        and not has_example(document, body.media)
        and not (body.line in WITHOUT and BYTES.match(body.media_type))
    ]

    assert missing == [], f"{MEND}; it is missing for {missing}"


def test_exceptions_are_still_needed(document: dict[str, Any]) -> None:
    lines = {body.line for body in bodies(document) if BYTES.match(body.media_type)}

    assert WITHOUT.keys() - lines == set()


def test_every_example_is_valid_by_its_schema(document: dict[str, Any]) -> None:
    shown = [
        (str(body), body.media.get("schema", {}), value)
        for body in bodies(document)
        for value in values(document, body)
    ]
    shown += [
        (name, schema, value)
        for name, schema in document["components"]["schemas"].items()
        for value in schema.get("examples", ())
    ]

    faults = [
        f"{name}: {error.json_path} {error.message}"
        for name, schema, value in shown
        for error in validator(document, schema).iter_errors(value)
    ]
    assert len(shown) > 250
    assert faults == [], f"mend the model, or {MEND}"


def kept() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each recorded example: its body, its name, and what is shown."""
    for line, example in recorded().items():
        parts = {"request": example.get("request", {}), **example.get("responses", {})}
        for part, content in parts.items():
            for media_type, named in content.items():
                for name, shown in named.items():
                    yield f"{line} {part} {media_type}", name, shown


def test_nothing_recorded_has_lost_its_route(document: dict[str, Any]) -> None:
    shown = {
        (str(body), name) for body in bodies(document) for name in body.media.get("examples", {})
    }

    assert {(body, name) for body, name, _ in kept()} - shown == set(), MEND


def test_examples_have_a_summary_and_stay_small() -> None:
    summaries = {body: len(shown["summary"]) for body, _, shown in kept()}

    assert len(resources.files("locutory").joinpath(FILE).read_bytes()) < MOST_BYTES
    assert [body for body, length in summaries.items() if not 3 <= length <= 80] == []


@pytest.mark.parametrize("what", _SECRETS)
def test_examples_hold_no_secret_and_no_trace_of_a_machine(what: str) -> None:
    found = {match[0] for match in _SECRETS[what].finditer(json.dumps(recorded()))}

    assert found == set(), f"{what} is in the examples: see scripts/api_examples/disguise.py"


def test_times_are_those_of_the_demo_and_not_of_a_recording() -> None:
    years = {match[1] for match in _TIMES.finditer(json.dumps(recorded()))}

    assert years <= {"2000", "2026", "2030"}  # 2000: where leads begin unless told


def test_hand_written_examples_win(document: dict[str, Any]) -> None:
    operation = document["paths"]["/webhooks/{bid}"]["post"]

    assert "examples" not in operation["requestBody"]["content"]["application/json"]
    assert "examples" in operation["responses"]["201"]["content"]["application/json"]


def test_the_document_is_made_once(app: FastAPI) -> None:
    assert app.openapi() is app.openapi()


async def test_the_document_tells_how_failures_look(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    reply = await client.post("/auth/login", json={"email": 1})

    declared = document["paths"]["/auth/login"]["post"]["responses"]["422"]["content"]
    schema = declared["application/json"]["schema"]
    assert reply.status_code == 422
    assert list(validator(document, schema).iter_errors(reply.json())) == []
    assert list(validator(document, schema).iter_errors({"detail": [{"loc": ["body"]}]}))
