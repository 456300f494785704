import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.kernel.digits import luhn_valid, verhoeff_valid
from locutory.kernel.redact import Redactor, redact

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def spoken(digits: str) -> str:
    return " ".join(WORDS[int(d)] for d in digits)


@st.composite
def cards(draw: st.DrawFn) -> str:
    length = draw(st.integers(13, 19))
    rest = draw(st.integers(0, 10 ** (length - 2) - 1))
    body = f"{draw(st.integers(3, 6))}{rest:0{length - 2}d}"
    return next(body + str(d) for d in range(10) if luhn_valid(body + str(d)))


@given(cards(), st.sampled_from(["", " ", "-", ".", ", "]), st.text(), st.text())
def test_no_luhn_valid_card_is_left_in_figures(
    card: str, separator: str, before: str, after: str
) -> None:
    grouped = separator.join(card[i : i + 4] for i in range(0, len(card), 4))

    redacted = redact(f"{before} card {grouped} thanks {after}")

    assert grouped not in redacted.text
    assert redacted.found["CARD"] >= 1


@given(cards())
def test_no_luhn_valid_card_is_left_when_it_is_spoken(card: str) -> None:
    redacted = redact(f"the number is {spoken(card)} please")

    assert redacted.text == "the number is [CARD_1] please"


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text).text

    assert redact(once).text == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card 4242-4242-4242-4242, cvv 123", "card [CARD_1], cvv [CVV_1]"),
        ("four two uh " + spoken("42424242424242") + " yes", "[CARD_1] yes"),
        ("double four double two 4242 4242 4244", "[CARD_1]"),
        ("forty two forty two 42 42 forty two 42 42 42", "[CARD_1]"),
        ("Aadhaar 2345 6789 0124 hai", "Aadhaar [AADHAAR_1] hai"),
        ("my PAN is ABCPE1234F ok", "my PAN is [PAN_1] ok"),
        ("SSN 123-45-6789", "SSN [SSN_1]"),
        ("social security number is " + spoken("123456789"), "social security number is [SSN_1]"),
        ("IBAN GB82 WEST 1234 5698 7654 32 please", "IBAN [IBAN_1] please"),
        ("DE89370400440532013000.", "[IBAN_1]."),
        ("call me at 555-0123", "call me at [PHONE_1]"),
        ("98765 43210 or +91 98765-43210", "[PHONE_1] or [PHONE_2]"),
        ("(415) 555-2671", "[PHONE_1]"),
        ("nau aath saat chhe paanch char teen do ek shunya hai", "[PHONE_1] hai"),
        ("नंबर नौ आठ सात छह पांच चार तीन दो एक शून्य है", "नंबर [PHONE_1] है"),
        ("नंबर ९८७६५४३२१० है", "नंबर [PHONE_1] है"),
        ("nine eight seven six five double four three two one", "[PHONE_1]"),
        ("mail john.d+x@example.co.uk today", "mail [EMAIL_1] today"),
        ("john dot d at gmail dot com", "[EMAIL_1]"),
        ("ravi at the rate acme dot in", "[EMAIL_1]"),
        ("date of birth is 12/05/1990", "date of birth is [DOB_1]"),
        ("I was born on 12th of May 1990, sir", "I was born on [DOB_1], sir"),
        ("dob twelfth of may nineteen ninety and", "dob [DOB_1] and"),
        ("the otp is 4821", "the otp is [OTP_1]"),
        ("482913 is the OTP", "[OTP_1] is the OTP"),
        ("verification code: four eight two one", "verification code: [OTP_1]"),
        ("ओटीपी चार आठ दो एक है", "ओटीपी [OTP_1] है"),
        ("I live at 22 Baker Street, London. Bye", "I live at [ADDRESS_1]. Bye"),
        ("deliver it to 12 Park Road, Pune.", "deliver it to [ADDRESS_1]."),
        ("phone: 5550123", "phone: [PHONE_1]"),
        ("my pin code is 560001", "my pin code is [ADDRESS_1]"),
    ],
)
def test_what_identifies_a_person_is_replaced(text: str, expected: str) -> None:
    assert redact(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "it costs 1,200 dollars, or 12,34,567 rupees, or $4,242.42",
        "twelve hundred dollars for two of you in twenty twenty four",
        "on 12 May 2024 at 10:30, since 1999, in 2021 2022 2023 2024",
        "2024-05-12 10:30:00 and 12/05/2024",
        "order number 9876543210 shipped in 3 boxes of 12",
        "we sold 12345 units, 15.5 percent more, 100 200 300",
        "the address is wrong and your email address is missing",
        "do you have four or five minutes at 5 o'clock",
        "card ending 4242",
        "4242 4242 4242 4241",
        "room 101, floor 3, extension 204",
        "दो हज़ार रुपये और तीन दिन",
        "the otp charge is 1200 rupees",
        "the mobile costs 1500000 and phone model 1234567 less",
        "we deliver to 5 cities, I live in Pune",
        "call me on monday at 10, in 30 minutes",
        "version 3.11.4 at 192.168.1.1",
        "5 6 7 8 9 10 11 12 13 14",
    ],
)
def test_ordinary_numbers_survive(text: str) -> None:
    assert redact(text).text == text


def test_the_same_value_keeps_its_placeholder_over_the_turns() -> None:
    redactor = Redactor()

    first = redactor.redact("a@b.com and c@d.com")
    second = redactor.redact("C@D.com again")

    assert first.text == "[EMAIL_1] and [EMAIL_2]"
    assert first.found == {"EMAIL": 2}
    assert second.text == "[EMAIL_2] again"


def test_a_number_dictated_over_turns_is_found() -> None:
    turns = ["The code, OTP please?", "four eight two one", "card 4242 4242", "okay", "4242 4242"]

    redacted = [r.text for r in Redactor().redact_turns(turns)]

    assert redacted == [turns[0], "[OTP_1]", "card [CARD_1]", "okay", "[CARD_1]"]


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "4242 ",
        "aa00",
        "otp ",
        "my address is ",
        "a.b-",
        "1,222",
        "date of birth a ",
        "a@",
        "1.",
    ],
)
def test_a_hostile_text_costs_linear_time(piece: str) -> None:
    def cost(size: int) -> float:
        text = piece * (size // len(piece))
        started = time.process_time()
        redact(text)
        return time.process_time() - started

    small, large = min(cost(5_000) for _ in range(3)), cost(40_000)

    assert large < 40 * small + 0.2


@pytest.mark.parametrize(("digits", "valid"), [("2363", True), ("2364", False), ("142857", False)])
def test_verhoeff_knows_the_textbook_example(digits: str, valid: bool) -> None:
    assert verhoeff_valid(digits) is valid


@given(st.from_regex(r"[0-9]{2,11}", fullmatch=True), st.integers(0, 30), st.integers(1, 9))
def test_verhoeff_sees_every_single_wrong_digit(body: str, place: int, off: int) -> None:
    number = next(body + str(d) for d in range(10) if verhoeff_valid(body + str(d)))
    at = place % len(number)

    wrong = number[:at] + str((int(number[at]) + off) % 10) + number[at + 1 :]

    assert not verhoeff_valid(wrong)
