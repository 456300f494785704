"""Vocabularies: patterns by section, from the files beside the rules.

A file has sections `[name]`, one alternative of the section's pattern a line, `#` for comments, and
a section `[fragments]` of lines `NAME = expression` that the others use as `{NAME}`. The word
classes of `classes.txt` (an amount, a day, whoever may have a say) are known to all of them.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from threading import Lock

from locutory.capabilities.analysis.rules.phrases import Phrases
from locutory.kernel.words import fold

_HEADING = re.compile(r"\[([a-z_.]+)\]")
_FRAGMENT = re.compile(r"\{([A-Z_]+)\}")


VOCABULARIES = ("bant", "feelings", "hints", "objections", "talk", "topics")
_LOADING = Lock()  # the expressions of all vocabularies have one index


def vocabulary(name: str) -> Mapping[str, Phrases]:
    """The sections of `vocabulary/<name>.txt`, for texts that went through `heard`."""
    found = _READ.get(name)
    if found is None:
        with _LOADING:
            found = _READ.get(name)
            if found is None:
                found = _READ[name] = compiled(text_of(name), _classes())
    return found


_READ: dict[str, Mapping[str, Phrases]] = {}


def alternatives(name: str, section: str) -> list[str]:
    """The lines of one section, for whoever compiles them in another way."""
    return _read(text_of(name), dict(_classes()))[section]


@cache
def _classes() -> Mapping[str, str]:
    classes: dict[str, str] = {}
    _read(text_of("classes"), classes)
    return classes


@cache
def listed(name: str) -> frozenset[str]:
    """The folded lines of `vocabulary/<name>.txt`."""
    return frozenset(fold(line) for line in text_of(name).splitlines() if not line.startswith("#"))


def text_of(name: str) -> str:
    """The text of `vocabulary/<name>.txt`."""
    folder = files("locutory.capabilities.analysis.rules") / "vocabulary"
    return (folder / f"{name}.txt").read_text(encoding="utf-8")


def compiled(text: str, classes: Mapping[str, str] | None = None) -> dict[str, Phrases]:
    """The patterns of a vocabulary's text by section. Raises KeyError for an unknown fragment."""
    sections = _read(text, dict(classes or {}))
    return {name: Phrases(lines) for name, lines in sections.items()}


def _read(text: str, fragments: dict[str, str]) -> dict[str, list[str]]:
    """The sections' alternatives, filled in; fragments are added to those that are given."""
    sections: dict[str, list[str]] = {}
    section = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if (
            line.startswith("[")
            and line.endswith("]")
            and line[1:-1].replace(".", "_").isidentifier()
        ):
            section = line[1:-1]
            sections.setdefault(section, [])
        elif section == "fragments":
            key, _, expression = line.partition(" = ")
            fragments[key] = _filled(expression, fragments)
        else:
            sections[section].append(_filled(line, fragments))
    sections.pop("fragments", None)
    return sections


def _filled(expression: str, fragments: Mapping[str, str]) -> str:
    return _FRAGMENT.sub(lambda found: fragments[found.group(1)], expression)
