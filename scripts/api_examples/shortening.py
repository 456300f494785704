"""Answers as short as an example may be, still valid for their schema."""

import json
import re
from typing import Any

_MANY = 6  # words or numbers in a list
_FEW, _LONG = 2, 1500  # items of a list; an item longer than this, in characters, is shown alone
_MAP, _MAP_KEPT = 6, 2  # a mapping of more like things than this shows some of them
_TEXT = 300
_LINES, _BLOCKS = 6, 4
_OF_A_KIND = 2  # events of one name in a stream
_AS_THEY_ARE = {"output_schema"}  # half a JSON schema says another thing


def shortened(value: Any, name: str = "") -> Any:
    """A JSON value with fewer items and shorter texts."""
    if isinstance(value, list):
        return [shortened(item) for item in value[: _kept(value)]]
    if isinstance(value, dict):
        if name in _AS_THEY_ARE:
            return value
        keys = list(value)[:_MAP_KEPT] if _is_map(value) else list(value)
        return {key: shortened(value[key], key) for key in keys}
    if isinstance(value, str) and len(value) > _TEXT and " " in value[:_TEXT]:
        return value[:_TEXT].rpartition(" ")[0] + " …"
    return value


def _kept(items: list[Any]) -> int:
    if all(not isinstance(item, dict | list) for item in items):
        return _MANY
    return 1 if len(json.dumps(items[0])) > _LONG and not isinstance(items[0], list) else _FEW


def _is_map(value: dict[str, Any]) -> bool:
    """Whether the values are all of one make, so that the keys are data and no fields."""
    makes = {tuple(sorted(part)) if isinstance(part, dict) else None for part in value.values()}
    return len(value) > _MAP and len(makes) == 1 and None not in makes


def shortened_text(text: str, media_type: str) -> str:
    """The beginning of a text; of a stream of events some of each name."""
    if media_type == "text/event-stream":
        return _events(text)
    if "\n\n" in text:  # subtitles
        return "\n\n".join(text.split("\n\n")[:_BLOCKS]).strip() + "\n"
    lines = text.replace("\r\n", "\n").removeprefix("\ufeff").split("\n")
    return "\n".join(lines[:_LINES]).strip() + "\n"


def _events(text: str) -> str:
    counts: dict[str, int] = {}
    kept = []
    for block in text.split("\n\n"):
        named = re.search(r"^event: (.*)$", block, re.MULTILINE)
        name = named[1] if named else block
        counts[name] = counts.get(name, 0) + 1
        if block and counts[name] <= _OF_A_KIND:
            kept.append(re.sub(r"^data: (.*)$", _data, block, flags=re.MULTILINE))
        if len(kept) == _MANY:
            break
    return "\n\n".join(kept) + "\n\n"


def _data(line: re.Match[str]) -> str:
    if line[1] == "[DONE]":  # the end of a stream in OpenAI's form
        return line[0]
    short = shortened(json.loads(line[1]))
    return "data: " + json.dumps(short, ensure_ascii=False, separators=(",", ":"))
