"""Hashed word and character n-grams: likeness without weights, training or network.

The hashing trick with signs (Weinberger et al. 2009): each feature adds +1 or -1 times its
weight to one of 512 places, so that collisions cancel on average. Character n-grams let forms of
a word, and the same word in two spellings, meet. Knows no meaning: "price" and "cost" differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

from locutory.kernel.numerals import as_figures
from locutory.kernel.words import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORD, _PAIR, _GRAM, _COMMON = 1.0, 0.5, 0.35, 0.15
_GRAM_SIZES = (3, 4)
_LARGEST_CACHE = 20_000

# Words that say nothing about a topic; unfitted, so there is no corpus to learn them from.
_COMMON_ENGLISH = (
    "a about all am an and any are as at be been but by can could did do does for from had has"
    " have he her his how i if in is it it's its just me my no not now of oh ok okay on or our out"
    " she so some than that the their them then there these they this to up us was we well were"
    " what when where which who will with would yes you your"
)
_COMMON_HINDI = (
    "है हैं का की के को में से और यह वह तो भी पर था थी थे हूं हूँ क्या ने जी मैं आप"
    " hai hain ka ki ke ko mein se aur yeh woh toh bhi par tha thi kya ne ji main aap"
)
_COMMON_WORDS = frozenset(f"{_COMMON_ENGLISH} {_COMMON_HINDI}".split())

_Feature = tuple["NDArray[np.intp]", "NDArray[np.float32]"]


class HashedEmbedder:
    """512 dimensions, the same on every machine and in every version of Python."""

    def __init__(self, dimension: int = 512) -> None:
        self._dimension = dimension
        self._cache: dict[str, _Feature] = {}

    @property
    def name(self) -> str:
        return f"hashed-ngrams/1-{self._dimension}"

    @property
    def dimension(self) -> int:
        return self._dimension

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Hash each text; about 10k short texts a second, so it runs where it is called."""
        import numpy as np

        matrix = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            features = self._features(as_figures(words(text)))
            if features:
                places = np.concatenate([f[0] for f in features])
                weights = np.concatenate([f[1] for f in features])
                matrix[row] = np.bincount(places, weights, minlength=self._dimension)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        np.divide(matrix, lengths, out=matrix, where=lengths > 0)
        return matrix

    def _features(self, tokens: Sequence[str]) -> list[_Feature]:
        pairs = (
            f"{one} {two}"
            for one, two in pairwise(tokens)
            if one not in _COMMON_WORDS or two not in _COMMON_WORDS
        )
        return [self._hashed(token) for token in tokens] + [self._hashed(pair) for pair in pairs]

    def _hashed(self, term: str) -> _Feature:
        """(places, signed weights) of a word or of a pair of words, remembered."""
        import numpy as np

        known = self._cache.get(term)
        if known is not None:
            return known
        places, weights = [], []
        for feature, weight in _weighted(term):
            value = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
            places.append((value >> 1) % self._dimension)
            weights.append(weight if value & 1 else -weight)
        found = np.array(places, dtype=np.intp), np.array(weights, dtype=np.float32)
        if len(self._cache) >= _LARGEST_CACHE:
            self._cache.clear()
        self._cache[term] = found
        return found


def _weighted(term: str) -> Iterator[tuple[str, float]]:
    if " " in term:
        yield f"p:{term}", _PAIR
        return
    if term in _COMMON_WORDS:
        yield f"w:{term}", _COMMON
        return
    yield f"w:{term}", _WORD
    padded = f"<{term}>"
    for size in _GRAM_SIZES:
        for start in range(len(padded) - size + 1):
            yield f"c:{padded[start : start + size]}", _GRAM
