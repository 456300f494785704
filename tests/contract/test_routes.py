"""The paths that we promise to keep, and what every path owes to its readers."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from locutory.app import compose, create_app, route_lines
from locutory.kernel.settings import Settings

PROMISED = Path(__file__).with_name("promised_routes.tsv")
_PARAMETER = re.compile(r"\{[^}]*\}")


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The app of every product; nothing is opened."""
    return create_app(compose(Settings(data_dir=tmp_path_factory.mktemp("data"))))


def promised() -> list[str]:
    with PROMISED.open(newline="") as file:
        return [f"{row['method']} {row['path']}" for row in csv.DictReader(file, delimiter="\t")]


def shape(line: str) -> str:
    return _PARAMETER.sub("{}", line)


def test_every_promised_route_is_served(described: FastAPI) -> None:
    served = {shape(line) for line in route_lines(described)}

    assert [line for line in promised() if shape(line) not in served] == []


def test_every_served_route_is_promised(described: FastAPI) -> None:
    kept = {shape(line) for line in promised()}
    internal = {"GET /docs/oauth2-redirect"}
    new = [line for line in route_lines(described) if shape(line) not in kept | internal]

    assert new == [], f"add a line to {PROMISED.name} for each of these"


def test_the_list_of_promises_names_each_route_once() -> None:
    assert [line for line, n in Counter(map(shape, promised())).items() if n > 1] == []


def test_no_two_routes_collide(described: FastAPI) -> None:
    counted = Counter(shape(line) for line in route_lines(described))

    assert [line for line, n in counted.items() if n > 1] == []


def test_no_route_hides_another(described: FastAPI) -> None:
    """A fixed word is tried before a parameter in the same place, or it is never reached."""
    hidden = []
    before: list[tuple[str, re.Pattern[str]]] = []
    for line in [f"{m} {c.path}" for c in iter_route_contexts(described.routes) for m in c.methods]:
        pattern = re.compile(_PARAMETER.sub("[^/]+", line))
        hidden += [f"{line} behind {first}" for first, seen in before if seen.fullmatch(line)]
        before.append((line, pattern))

    assert hidden == []


def test_operation_ids_are_unique(described: FastAPI) -> None:
    operations = [o for path in described.openapi()["paths"].values() for o in path.values()]
    counted = Counter(operation["operationId"] for operation in operations)

    assert operations
    assert [name for name, n in counted.items() if n > 1] == []


def test_every_route_is_in_the_reference_and_says_what_it_does(described: FastAPI) -> None:
    reference = described.openapi()["paths"]
    silent = [
        f"{method} {path}"
        for path, operations in reference.items()
        for method, operation in operations.items()
        if not (operation.get("summary") and operation.get("description"))
    ]
    contexts = iter_route_contexts(described.routes)
    ours = {c.path for c in contexts if isinstance(c.original_route, APIRoute)}

    assert silent == []
    assert ours == set(reference)
