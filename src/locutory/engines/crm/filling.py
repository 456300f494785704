"""Texts with names in braces, as mappings write addresses and bodies."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_NAME = re.compile(r"\{([a-z_]+)\}")


def names_in(template: Any) -> set[str]:
    """The names in a text, or in all texts of a document."""
    if isinstance(template, str):
        return set(_NAME.findall(template))
    parts = template.values() if isinstance(template, Mapping) else template
    if isinstance(parts, str | bytes) or not hasattr(parts, "__iter__"):
        return set()
    return set().union(*(names_in(part) for part in parts))


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The document with the values in place; a text that is one name becomes the value itself."""
    if isinstance(template, Mapping):
        return {key: filled(part, values) for key, part in template.items()}
    if isinstance(template, list):
        return [filled(part, values) for part in template]
    if not isinstance(template, str):
        return template
    whole = _NAME.fullmatch(template)
    if whole is not None:
        return values.get(whole[1])
    return _NAME.sub(lambda name: str(values.get(name[1]) or ""), template)


def filled_address(template: str, values: Mapping[str, Any]) -> str:
    """The address with the values in place, each escaped: none adds a segment or a parameter."""
    return _NAME.sub(lambda name: quote(str(values.get(name[1], "")), safe=""), template)
