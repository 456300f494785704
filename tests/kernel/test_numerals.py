import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.kernel.numerals import as_figures
from locutory.kernel.words import sentences, words


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("twenty five thousand", "25000"),
        ("25,000", "25000"),
        ("2 lakh", "200000"),
        ("दो लाख", "200000"),
        ("four two four two", "4242"),
        ("twenty twenty four", "2024"),
        ("one crore twenty lakh", "12000000"),
        ("बयालीस", "42"),
        ("do you mind", "do you mind"),
        ("one hundred and five", "100 and 5"),
        ("1.5 lakh", "150000"),
        ("16.02.2025 thousand", "16.02.2025 thousand"),
    ],
)
def test_spoken_and_written_numbers_agree(text: str, figures: str) -> None:
    assert " ".join(as_figures(words(text))) == figures


@given(st.text())
def test_words_without_numbers_stay(text: str) -> None:
    plain = [w for w in words(text) if len(w) > 12]

    assert as_figures(plain) == plain or any(ch.isdigit() for w in plain for ch in w)


@given(st.lists(st.sampled_from(["1.2.3", "1,2", "7", "4.", "two", "lakh", "hundred", "thousand"])))
def test_no_row_of_figures_and_magnitudes_is_too_odd(said: list[str]) -> None:
    assert len(as_figures(words(" ".join(said)))) <= max(1, len(said))


def test_a_hindi_word_stays_whole() -> None:
    assert words("मुझे‌ गाड़ी चाहिए।") == ["मुझे", "गाड़ी", "चाहिए"]


def test_sentences_are_verbatim_and_keep_figures_whole() -> None:
    text = "It costs 1.5 lakh. ठीक है। Really?! Yes"

    assert sentences(text) == ["It costs 1.5 lakh.", "ठीक है।", "Really?!", "Yes"]
