"""Pieces that prompts and schemas of agents share."""

from collections.abc import Mapping
from typing import Any

SYSTEM = (
    "You review recorded talks. Judge only what was said. Answer with one JSON object that fits"
    " the schema. Where the transcript does not say, answer that it is unknown; never guess."
    " Evidence names the turns by their numbers and quotes their words exactly, at most 20 words."
)
TALK = "The talk:\n{{ transcript }}"


def closed_object(
    properties: Mapping[str, Any], *, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The schema of an object with these properties."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def list_of(item: Mapping[str, Any], most: int = 50) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": dict(item), "maxItems": most}


def text_of(most: int) -> dict[str, Any]:
    """The schema of a text of at most so many characters."""
    return {"type": "string", "maxLength": most}


STRING: dict[str, Any] = {"type": "string"}
EVIDENCE: dict[str, Any] = {"type": "evidence"}
EVIDENCE_LIST = list_of(EVIDENCE, 5)
