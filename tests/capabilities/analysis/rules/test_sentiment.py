from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.analysis.contract import Case
from locutory.capabilities.analysis.rules import sentiment
from locutory.capabilities.analysis.rules.sentiment import lexicon, text_sentiment
from locutory.capabilities.interactions.contract import Transcript

Talk = Callable[..., Transcript]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("the service is good", "the service is not good"),
        ("the service is very good", "the service is good"),
        ("the service is good", "the service is slightly good"),
        ("no problem at all", "this is a problem"),
        ("no, great service", "no great service"),
        ("not now. great service", "not great service"),
        ("I can not stay, great service", "I can not say great service"),
        ("it did not work but great service", "it did not work with great service"),
        ("सेवा अच्छी है", "सेवा अच्छी नहीं है"),
        ("सेवा बहुत अच्छी है", "सेवा अच्छी है"),
        ("service achhi hai", "service achhi nahi hai"),
        ("service achhi hai", "service bahut kharab hai"),
        ("not great", "terrible"),
    ],
)
def test_the_first_sounds_better_than_the_second(better: str, worse: str) -> None:
    assert text_sentiment(better)[0] > text_sentiment(worse)[0]


@pytest.mark.parametrize("end", [",", ".", "!", "?", ";", " but", "\n", "।"])
@pytest.mark.parametrize("negation", ["not", "never", "I don't"])
def test_a_negation_ends_with_its_clause(negation: str, end: str) -> None:
    assert text_sentiment(f"{negation}{end} great") == text_sentiment("great")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I am really happy, this was excellent", "positive"),
        ("This is the worst service, I am furious", "negative"),
        ("The flat is on the second floor", "neutral"),
        ("Good morning, thank you for calling", "neutral"),
        ("बहुत बढ़िया, मैं खुश हूं", "positive"),
        ("यह धोखा है, बहुत घटिया काम", "negative"),
        ("bahut badhiya, main khush hoon", "positive"),
        ("yeh dhokha hai, bilkul bakwas", "negative"),
    ],
)
def test_a_turn_gets_its_label(text: str, label: str) -> None:
    assert sentiment.label(text_sentiment(text)[0]) == label


def test_the_lists_cover_three_ways_of_writing_within_bounds() -> None:
    words = lexicon()
    devanagari = [word for word in words if "\u0900" <= word[0] <= "\u097f"]

    assert len(words) >= 700
    assert len(devanagari) >= 130
    assert all(-1 <= weight <= 1 and weight != 0 for weight in words.values())


def test_a_longer_turn_weighs_more(talk: Talk) -> None:
    call = talk("C: excellent", "C: terrible")
    longer = replace(call.turns[1], end_ms=20_000)
    bent = replace(call, turns=(call.turns[0], longer), duration_ms=20_000)

    result = sentiment.judge(Case(transcript=bent)).result

    high, low = text_sentiment("excellent")[0], text_sentiment("terrible")[0]
    assert result["customer"] == pytest.approx((5 * high + 15 * low) / 20, abs=1e-4)
    assert result["per_quarter"] == pytest.approx([high, low, low, low], abs=1e-4)
    assert result["trend"] == pytest.approx(low - high, abs=1e-4)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "C'est excellent, parfait, terrible"),
        ("fr-CA", "C'est excellent, parfait, terrible"),
        ("ta", "great great great"),
        (None, "C'est excellent, parfait, terrible et super"),
        ("und", "excellent service madame"),
    ],
)
def test_a_language_without_a_list_is_neutral_and_unsure(
    talk: Talk, language: str | None, text: str
) -> None:
    answer = sentiment.judge(Case(transcript=talk(f"C: {text}", language=language)))

    assert (answer.result["overall"], answer.result["label"]) == (0.0, "neutral")
    assert answer.result["evidence"] == []
    assert answer.confidence == 0.1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "excellent"),
        ("en-IN", "excellent"),
        ("hi_Latn", "bahut badhiya"),
        (None, "the service was excellent"),
        (None, "service bahut acchi hai"),
        (None, "सर्विस बहुत अच्छी है"),
    ],
)
def test_a_language_with_a_list_is_scored(talk: Talk, language: str | None, text: str) -> None:
    answer = sentiment.judge(Case(transcript=talk(f"C: {text}", language=language)))

    assert answer.result["label"] == "positive"
    assert answer.confidence > 0.1


def test_a_side_without_words_is_null_and_a_menu_is_no_side(talk: Talk) -> None:
    call = talk("I: Terrible, press one", "A: Wonderful", "C: ")

    result = sentiment.judge(Case(transcript=call)).result

    assert result["customer"] is None
    assert result["overall"] == result["agent"] > 0


@given(st.lists(st.sampled_from(sorted(lexicon())), max_size=40))
def test_any_heap_of_list_words_stays_within_bounds(heap: list[str]) -> None:
    value, hits = text_sentiment(" ".join(heap))

    assert -1 <= value <= 1
    assert 0 <= hits <= len(heap)  # a nod says nothing, and two words can be one turn of phrase


@pytest.mark.parametrize(
    "said",
    [
        "This is the third time I have rung about it.",
        "Nobody came, and I took a day off work.",
        "You said Tuesday, and the one before you said Monday.",
        "I'll believe it when I see it.",
        "Teesri baar phone kar raha hoon, koi jawab nahi.",
        "तीन बार बोल चुका हूँ, कोई सुनता ही नहीं।",
    ],
)
def test_what_went_wrong_is_negative_without_a_word_of_feeling(talk: Talk, said: str) -> None:
    call = talk("A: How can I help?", f"C: {said}", "A: I see.", "C: Goodbye then.")

    assert sentiment.judge(Case(transcript=call)).result["label"] == "negative"


@pytest.mark.parametrize(
    "said",
    [
        "Phew, that's a load off my mind.",
        "You've saved my bacon.",
        "Your nurse is an absolute gem.",
        "Jaan mein jaan aayi, khush raho.",
        "बोझ उतर गया सिर से, भगवान भला करे।",
    ],
)
def test_relief_is_positive(talk: Talk, said: str) -> None:
    call = talk("A: It is done.", f"C: {said}", "A: You're welcome.", "C: Bye.")

    assert sentiment.judge(Case(transcript=call)).result["label"] == "positive"


def test_courtesy_is_no_feeling(talk: Talk) -> None:
    call = talk(
        "A: Good morning, lovely to hear from you, how wonderful!",
        "C: Good morning. Thursday would be great.",
        "A: Perfect, excellent, superb.",
        "C: Thanks, have a nice day.",
    )

    assert sentiment.judge(Case(transcript=call)).result["label"] == "neutral"


def test_the_end_weighs_more_than_the_start(talk: Talk) -> None:
    bad, good = "C: Nobody came, and nobody rang.", "C: Oh, that's wonderful, what a relief!"
    between = ("A: One moment.", "C: Yes.", "A: Here it is.")

    healed = sentiment.judge(Case(transcript=talk(bad, *between, good))).result
    soured = sentiment.judge(Case(transcript=talk(good, *between, bad))).result

    assert healed["overall"] > soured["overall"]
    assert soured["label"] == "negative"


def test_calm_turns_do_not_hush_up_a_complaint(talk: Talk) -> None:
    wrongs = ("C: I have been waiting for three weeks.", "C: This is the fourth time I call.")
    calm = ["A: Let me see.", "C: The number is nine."] * 3

    result = sentiment.judge(Case(transcript=talk(*calm, *wrongs))).result

    assert result["label"] == "negative"


moods = st.sampled_from(["C: It is done.", "C: What a joke!", "C: Bless you!"])


@given(st.lists(moods, max_size=9))
def test_the_mood_of_any_call_stays_within_bounds(make_talk: Talk, lines: list[str]) -> None:
    result = sentiment.judge(Case(transcript=make_talk(*lines))).result

    assert -1 < result["overall"] < 1
    assert result["label"] == sentiment.label(result["overall"])


def test_an_apology_tells_what_the_customer_felt(talk: Talk) -> None:
    said = ("C: It is twelve degrees in here.", "C: On Saturday, I know.", "C: Please do.")

    calm = sentiment.judge(Case(transcript=talk(*said, "A: I see.", "A: Certainly."))).result
    sorry = sentiment.judge(
        Case(transcript=talk(*said, "A: I'm so sorry.", "A: I do apologise."))
    ).result

    assert calm["label"] == "neutral"
    assert sorry["overall"] < calm["overall"]
    assert sorry["label"] == "negative"


def test_a_worry_that_is_over_is_none() -> None:
    assert text_sentiment("I was worried")[0] > text_sentiment("I am worried")[0]


def mood_of(transcript: Transcript) -> float:
    overall: float = sentiment.judge(Case(transcript=transcript)).result["overall"]
    return overall


def test_delight_exclaims_without_a_word_of_feeling(talk: Talk) -> None:
    said = "The boys have been drawing it all week"

    assert mood_of(talk("A: Hello.", f"C: {said}!")) > mood_of(talk("A: Hello.", f"C: {said}."))


def test_an_angry_exclamation_is_no_delight(talk: Talk) -> None:
    assert mood_of(talk("A: Hello.", "C: This is a disgrace!")) < sentiment.NEGATIVE


def test_sharp_words_count_less_before_a_sale_than_after(talk: Talk) -> None:
    said = "C: I'm not happy about it."
    sale = talk("A: Would you like a demo?", "C: How much is the big package?", said)
    help_ = talk("A: Has the parcel been delivered?", "C: The tracking number is wrong.", said)

    assert mood_of(help_) < mood_of(sale) < 0
