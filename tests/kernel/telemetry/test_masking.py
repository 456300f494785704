import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.kernel.telemetry.masking import mask_field, mask_text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer [secret]"),
        ("GET /a?token=abc&page=2", "GET /a?token=[secret]&page=2"),
        ("GET /a?X-Amz-Signature=abc&page=2", "GET /a?X-Amz-Signature=[secret]&page=2"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "[secret]", "n": 1}'),
        ("postgresql://app:word@db/x", "postgresql://[secret]@db/x"),
        ("jwt eyJhbGciOiJI.eyJzdWIi.c2ln", "jwt [secret]"),
        ("mail to ana.b+c@mail.example.org now", "mail to [email] now"),
        ("call +91 98000 00000 back", "call [phone] back"),
        ("call (020) 7946-0958, then", "call [phone], then"),
        ("9800000000", "[phone]"),
        ("2026-01-02 03:04:05.678 took 12 ms", "2026-01-02 03:04:05.678 took 12 ms"),
        ("job 0194a1c2-1234-7abc-8def-123456789012", "job 0194a1c2-1234-7abc-8def-123456789012"),
        ("from 192.168.10.20 port 8080", "from 192.168.10.20 port 8080"),
    ],
)
def test_free_text_loses_what_looks_private_and_keeps_the_rest(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("authorization", "x", "[secret]"),
        ("db_password", "x", "[secret]"),
        ("X-API-Key", "x", "[secret]"),
        ("refresh_token", "x", "[secret]"),
        ("tokens_total", 812, 812),
        ("customer_phone", 9800000000, "[phone]"),
        ("caller_number", "98", "[phone]"),
        ("email", "x", "[email]"),
        ("phone", None, None),
        ("call_id", "9800000000", "9800000000"),
        ("duration_ms", 12.5, 12.5),
        ("ok", True, True),
        ("reply", {"token": "x", "to": ["a@b.cd", 3]}, {"token": "[secret]", "to": ["[email]", 3]}),
        ("error", ValueError("at a@b.cd"), "at [email]"),
    ],
)
def test_a_field_is_masked_by_its_name_or_by_its_content(
    name: str, value: object, masked: object
) -> None:
    assert mask_field(name, value) == masked


@given(st.from_regex(r"\+?[1-9][0-9]{9,13}", fullmatch=True))
def test_no_phone_number_survives(phone: str) -> None:
    assert phone.lstrip("+") not in mask_text(f"customer {phone} asked")


@given(st.text(max_size=300))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = mask_text(text)

    assert mask_text(once) == once
