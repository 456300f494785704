"""JSON pointers (RFC 6901), by which a mapping says where something stands."""

from collections.abc import Mapping
from typing import Any

_ABSENT = object()


def at(document: Any, pointer: str) -> Any:
    """What stands there, None where nothing does. The empty pointer is the whole."""
    found = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name, _ABSENT)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            found = _ABSENT
        if found is _ABSENT:
            return None
    return found


def text_at(document: Any, *pointers: str) -> str | None:
    """The texts and numbers that stand there, joined by a blank; None where there are none."""
    parts = [_text(at(document, pointer)) for pointer in pointers]
    return " ".join(filter(None, parts)) or None


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()
