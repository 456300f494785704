"""A model's text as a value that fits its schema, or the reasons why it does not."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

LARGEST_ANSWER_BYTES = 2_000_000
DEEPEST_SCHEMA = 6
MOST_ITEMS = 50
MOST_PROPERTIES = 100
MOST_FAULTS = 20

_TYPES = frozenset(
    ["object", "array", "string", "number", "integer", "boolean", "null", "evidence"]
)
_KEYWORDS = frozenset(
    [
        "type", "properties", "required", "items", "enum", "minimum", "maximum", "minLength",
        "maxLength", "minItems", "maxItems", "description", "title",
    ]
)  # fmt: skip
_EVIDENCE: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "segments": {"type": "array", "items": {"type": "integer"}, "maxItems": MOST_ITEMS},
        "quote": {"type": "string"},
    },
    "required": ["segments", "quote"],
    "additionalProperties": False,
}
_BOUNDS = (
    ("minimum", "maximum", False),
    ("minLength", "maxLength", True),
    ("minItems", "maxItems", True),
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)\n?\s*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Either a `value` that fits, or `faults` in words that a model can act on."""

    value: dict[str, Any] | None
    faults: tuple[str, ...] = ()


def schema_faults(schema: Mapping[str, Any]) -> list[str]:
    """Everything in a schema that is beyond the allowed subset (calls seed, 8.1)."""
    if schema.get("type") != "object":
        return ["$: an answer is an object"]
    return list(_schema_faults(schema, "$", 1))


def _schema_faults(schema: Any, path: str, depth: int) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        yield f"{path}: not a schema"
        return
    if depth > DEEPEST_SCHEMA:
        yield f"{path}: deeper than {DEEPEST_SCHEMA}"
        return
    for keyword in sorted(set(schema) - _KEYWORDS):
        yield f"{path}: {keyword} is not supported"
    types = _types(schema)
    if not types or not set(types) <= _TYPES:
        yield f"{path}: needs a known type"
    if "evidence" in types and len(types) > 1:
        yield f"{path}: evidence is a type of its own"
    yield from _bound_faults(schema, path)
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, Mapping):
        yield f"{path}: properties is an object"
        return
    if len(properties) > MOST_PROPERTIES:
        yield f"{path}: at most {MOST_PROPERTIES} properties"
        return
    if not _are_texts(required):
        yield f"{path}: required is a list of names"
        return
    for name in required:
        if name not in properties:
            yield f"{path}: {name} is required but not described"
    for name, child in properties.items():
        if not _NAME.fullmatch(name):
            yield f"{path}: {name[:40]!r} is no name (letters, digits, _; at most 64)"
            continue
        yield from _schema_faults(child, f"{path}.{name}", depth + 1)
    if "array" in types:
        yield from _schema_faults(schema.get("items"), f"{path}[]", depth + 1)


def _bound_faults(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for word in ("title", "description"):
        if not isinstance(schema.get(word, ""), str):
            yield f"{path}: {word} is a text"
    choices = schema.get("enum", [None])
    if not isinstance(choices, list) or not choices or not all(map(_is_plain, choices)):
        yield f"{path}: enum is a list of texts, numbers, booleans or null"
    for low, high, whole in _BOUNDS:
        bounds = [schema[word] for word in (low, high) if word in schema]
        if not all(_is_number(bound, whole=whole) for bound in bounds):
            yield f"{path}: {low} and {high} are {'whole numbers from 0' if whole else 'numbers'}"
        elif len(bounds) == 2 and bounds[0] > bounds[1]:
            yield f"{path}: {low} is above {high}"
        elif high == "maxItems" and max(bounds, default=0) > MOST_ITEMS:
            yield f"{path}: maxItems is at most {MOST_ITEMS}"


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if whole:
        return isinstance(value, int) and value >= 0
    return isinstance(value, int) or math.isfinite(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _types(schema: Mapping[str, Any]) -> list[str]:
    kind = schema.get("type", [])
    if isinstance(kind, str):
        return [kind]
    return kind if _are_texts(kind) else []


def expanded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in plain JSON Schema: evidence spelled out, objects closed, arrays bounded."""
    if schema.get("type") == "evidence":
        return dict(_EVIDENCE)
    out = dict(schema)
    if "object" in _types(schema):
        out["properties"] = {
            name: expanded(child) for name, child in schema.get("properties", {}).items()
        }
        out["additionalProperties"] = False
    if "array" in _types(schema):
        out["items"] = expanded(schema.get("items", {}))
        out.setdefault("maxItems", MOST_ITEMS)
    return out


def parse_answer(text: str, schema: Mapping[str, Any]) -> Parsed:
    """Strip a code fence, parse, drop keys that the schema does not name, validate."""
    if len(text) > LARGEST_ANSWER_BYTES or len(text.encode()) > LARGEST_ANSWER_BYTES:
        return Parsed(None, ("the answer is larger than 2 MB",))
    fence = _FENCE.search(text)
    try:
        value = json.loads(
            fence.group(1) if fence else text, parse_constant=_refuse, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        return Parsed(None, (f"not JSON: {error.msg} at character {error.pos}",))
    except (ValueError, RecursionError) as error:
        return Parsed(None, (f"not JSON: {error}",))
    full = expanded(schema)
    kept = _known_keys(value, full)
    errors = sorted(Draft202012Validator(full).iter_errors(kept), key=lambda e: e.json_path)
    faults = tuple(f"{error.json_path}: {error.message[:200]}" for error in errors[:MOST_FAULTS])
    return Parsed(None, faults) if faults else Parsed(kept)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large")
    return value


def _known_keys(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return {key: _known_keys(item, known[key]) for key, item in value.items() if key in known}
    if isinstance(value, list) and "items" in schema:
        return [_known_keys(item, schema["items"]) for item in value]
    return value


def repair_prompt(user: str, answer: str, faults: tuple[str, ...]) -> str:
    """The one further turn: the question again, the answer, and what was wrong with it."""
    listed = "\n".join(f"- {fault}" for fault in faults)
    return (
        f"{user}\n\nYour last answer was:\n{answer[:8000]}\n\nIt cannot be used:\n{listed}\n\n"
        "Answer again, as one JSON object that fits the schema and nothing else."
    )
