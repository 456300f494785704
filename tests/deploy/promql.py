"""Which metrics an expression of Prometheus asks for."""

import re

_STRING = re.compile(r'"[^"]*"')
_MATCHERS = re.compile(r"\{[^}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
_WORDS = {"and", "or", "unless", "bool", "offset", "e6"}


def names(expression: str) -> set[str]:
    """The names in it, histograms without their endings."""
    for part in (_STRING, _MATCHERS, _RANGE, _GROUPING):
        expression = part.sub(" ", expression)
    expression = re.sub(r"\b\d[\d.e+]*", " ", expression)
    found = set(_NAME.findall(expression)) - _WORDS
    functions = set(re.findall(r"([a-z_]+)\s*(?=\()", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found - functions}
