"""`/openapi.json`: what the routes declare, the true shape of failures, and recorded examples.

The examples were recorded from a running server by `scripts/record_examples.py`. One that a model
or route holds by hand stays, and nothing recorded is put beside it.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import orjson
from fastapi import FastAPI

from locutory.kernel.http_errors import describe_failures

FILE: Final = "openapi_examples.json"
Content = Mapping[str, Mapping[str, Any]]  # by media type: name -> {"summary", "value"}


def recorded() -> dict[str, dict[str, Any]]:
    """The examples by `METHOD /path`: `request` and, by status, `responses`."""
    data = resources.files("locutory").joinpath(FILE).read_bytes()
    found: dict[str, dict[str, Any]] = orjson.loads(data)
    return found


def install(app: FastAPI) -> None:
    """Complete the app's OpenAPI document when it is first asked for; it is made once."""
    plain = app.openapi
    done: dict[str, Any] | None = None

    def openapi() -> dict[str, Any]:
        nonlocal done
        schema = plain()
        if schema is not done:
            describe_failures(schema)
            add_examples(schema, recorded())
            done = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def add_examples(schema: dict[str, Any], examples: Mapping[str, Mapping[str, Any]]) -> None:
    """Put examples into a document in place; those of routes that it lacks are left out."""
    for line, example in examples.items():
        method, _, path = line.partition(" ")
        operation = schema["paths"].get(path, {}).get(method.lower())
        if operation is None:
            continue
        _fill(schema, operation.get("requestBody", {}), example.get("request", {}))
        for status, content in example.get("responses", {}).items():
            _fill(schema, operation["responses"].get(status, {}), content)


def _fill(schema: dict[str, Any], holder: dict[str, Any], content: Content) -> None:
    for media_type, examples in content.items():
        media = holder.get("content", {}).get(media_type)
        if media is not None and not has_example(schema, media):
            media["examples"] = dict(examples)


def has_example(schema: Mapping[str, Any], media: Mapping[str, Any]) -> bool:
    """Whether a body has an example already, of its own or by the model that it is."""
    if "example" in media or "examples" in media:
        return True
    part = media.get("schema", {})
    return any(_shows(schema, one) for one in (part, *part.get("anyOf", ())))


def _shows(schema: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    while "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return "example" in part or "examples" in part
