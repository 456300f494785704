import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.analysis.answers import expanded, parse_answer, schema_faults

SCHEMA = {
    "type": "object",
    "properties": {
        "ok": {"type": "boolean"},
        "n": {"type": "number", "minimum": 0},
        "proof": {"type": "evidence"},
    },
    "required": ["ok"],
}

WORDS = [
    *("type", "properties", "required", "items", "enum", "minimum", "maximum", "minLength"),
    *("maxLength", "minItems", "maxItems", "title", "description", "$ref", "a"),
]


@pytest.mark.parametrize(
    "text",
    [
        '{"ok": true}',
        '```json\n{"ok": true}\n```',
        'Here you are:\n```\n{"ok": true, "extra": [1]}\n```\nAnything else?',
        ' {"ok": true, "total": 100} ',
    ],
)
def test_fences_and_extra_keys_fall_away(text: str) -> None:
    assert parse_answer(text, SCHEMA).value == {"ok": True}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"ok": tr', "not JSON"),
        ("I think it went well.", "not JSON"),
        ('{"ok": true, "n": NaN}', "NaN"),
        ('{"ok": true, "n": 1e999}', "too large"),
        ('{"ok": "yes"}', "boolean"),
        ("{}", "required"),
        ("[]", "object"),
        ('{"ok": true, "n": -1}', "minimum"),
        ('{"ok": true, "proof": {"segments": ["x"], "quote": ""}}', "integer"),
        ("[" * 100_000, "not JSON"),
        ('{"ok": true, "x": "' + "a" * 2_000_000 + '"}', "2 MB"),
    ],
)
def test_what_does_not_fit_is_said_why(text: str, fault: str) -> None:
    parsed = parse_answer(text, SCHEMA)

    assert parsed.value is None
    assert fault in " ".join(parsed.faults)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    parsed = parse_answer(text, SCHEMA)

    assert (parsed.value is None) == bool(parsed.faults)


@given(st.dictionaries(st.text(), st.one_of(st.booleans(), st.integers(), st.text())))
def test_only_named_keys_survive(answer: dict[str, object]) -> None:
    parsed = parse_answer(json.dumps({**answer, "ok": True}), SCHEMA)

    assert parsed.value is None or set(parsed.value) <= {"ok", "n", "proof"}


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "array", "items": {"type": "string"}}, "an answer is an object"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, "$ref"),
        ({"type": "object", "properties": {"a": {}}}, "needs a known type"),
        ({"type": "object", "properties": {}, "required": ["a"]}, "not described"),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "array", "maxItems": 51, "items": {"type": "string"}}},
            },
            "at most 50",
        ),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, "not a schema"),
    ],
)
def test_a_schema_beyond_the_subset_is_refused(schema: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in schema_faults(schema))


def test_a_schema_that_is_too_deep_is_refused() -> None:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(6):
        schema = {"type": "object", "properties": {"a": schema}}

    assert any("deeper than 6" in found for found in schema_faults(schema))


def test_an_expanded_schema_is_closed_and_bounded() -> None:
    full = expanded({"type": "object", "properties": {"a": {"type": "array", "items": SCHEMA}}})

    assert full["additionalProperties"] is False
    assert full["properties"]["a"]["maxItems"] == 50
    assert full["properties"]["a"]["items"]["properties"]["proof"]["required"] == [
        "segments",
        "quote",
    ]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
)


@given(st.dictionaries(st.sampled_from(WORDS), JSON_VALUES))
def test_no_json_breaks_the_check_of_a_schema(schema: dict[str, object]) -> None:
    assert all(": " in fault for fault in schema_faults({**schema, "type": "object"}))
