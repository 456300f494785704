"""What a route answers with besides JSON, as its OpenAPI document says it."""

from typing import Any, Final

_TEXTS: Final = frozenset({"application/x-ndjson", "application/x-subrip"})


def answers_with(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: its 200 comes as one of these types.

    What is text has a schema, so that it can have an example; bytes have none.
    """
    content: dict[str, dict[str, Any]] = {}
    for named in media_types:
        kind = named.partition(";")[0]
        is_text = kind.startswith("text/") or kind in _TEXTS
        content[kind] = {"schema": {"type": "string"}} if is_text else {}
    return {200: {"content": content}}
