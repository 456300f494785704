"""Taking the words out of what was judged of a call, and leaving the figures."""

import re
from collections.abc import Mapping
from typing import Any

# Texts under these keys are names of ours or one word of a scale, which figures are made of.
_TERMS = frozenset(
    {"template", "template_id", "state", "status", "disposition", "label", "band", "type", "key"}
    | {"type_key", "handled", "question", "section", "source", "kind", "role"}
)
_TERM = re.compile(r"[\w .:/+-]{1,64}")


def without_quotes(value: Any) -> Any:
    """The same judgement without what was said: evidence keeps its turns and loses its quotes."""
    if isinstance(value, Mapping):
        return {k: "" if k == "quote" else without_quotes(part) for k, part in value.items()}
    if isinstance(value, list):
        return [without_quotes(part) for part in value]
    return value


def without_words(value: Any, key: str = "") -> Any:
    """The same judgement in numbers, yes and no, and terms of a scale; other texts become null."""
    if isinstance(value, Mapping):
        return {k: without_words(part, k) for k, part in value.items()}
    if isinstance(value, list):
        return [without_words(part) for part in value if not isinstance(part, str)]
    if isinstance(value, str):
        return value if key in _TERMS and _TERM.fullmatch(value) else None
    return value
