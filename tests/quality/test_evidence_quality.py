from collections import Counter

import pytest
from tests.quality.planted import Quote, false_quotes, true_quotes

from locutory.capabilities.analysis.api import check_evidence

SEEDS = (1, 2, 3)


def _holds(quote: Quote) -> bool:
    return check_evidence(quote.transcript, quote.turns, quote.text).verified


def _shown(quotes: list[Quote]) -> str:
    return "\n".join(f"{q.kind}: {q.call} {q.turns} {q.text}" for q in quotes)


@pytest.mark.parametrize("seed", SEEDS)
def test_at_least_nineteen_of_twenty_false_quotes_are_caught(seed: int) -> None:
    quotes = false_quotes(seed)

    missed = [quote for quote in quotes if _holds(quote)]

    assert len(quotes) == 300
    assert len(missed) <= 0.05 * len(quotes), _shown(missed)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_kind_of_false_quote_passes_as_a_rule(seed: int) -> None:
    quotes = false_quotes(seed)
    planted = Counter(quote.kind for quote in quotes)
    caught = Counter(quote.kind for quote in quotes if not _holds(quote))

    assert {kind for kind, count in planted.items() if caught[kind] < 0.8 * count} == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_at_most_one_of_fifty_true_quotes_is_refused(seed: int) -> None:
    quotes = true_quotes(seed)

    refused = [quote for quote in quotes if not _holds(quote)]

    assert len(quotes) == 300
    assert len(refused) <= 0.02 * len(quotes), _shown(refused)


def test_quotes_are_planted_in_every_language_and_the_same_each_time() -> None:
    languages = Counter(quote.transcript.language for quote in false_quotes(1))

    assert set(languages) == {"en", "hi", "hi-Latn"}
    assert false_quotes(1) == false_quotes(1)
    assert true_quotes(1) == true_quotes(1) != true_quotes(2)
