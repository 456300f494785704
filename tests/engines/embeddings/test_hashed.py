import asyncio
import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.engines.embeddings.base import Embedder
from locutory.engines.embeddings.hashed import HashedEmbedder

TEXTS = ["the price is too high", "pricing seems high", "we met in Delhi", "", "गाड़ी की कीमत"]


@pytest.fixture(params=["hashed"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return {"hashed": HashedEmbedder}[request.param]()


async def test_rows_are_float32_of_length_one(embedder: Embedder) -> None:
    matrix = await embedder.embed(TEXTS)

    assert matrix.shape == (len(TEXTS), embedder.dimension)
    assert matrix.dtype == np.float32
    assert np.allclose(np.linalg.norm(matrix, axis=1), [1, 1, 1, 0, 1], atol=1e-5)


async def test_no_text_gives_an_empty_matrix(embedder: Embedder) -> None:
    assert (await embedder.embed([])).shape == (0, embedder.dimension)


async def test_equal_texts_are_equal_and_related_ones_are_nearer(embedder: Embedder) -> None:
    vectors = await embedder.embed(TEXTS)

    assert np.allclose(vectors, await embedder.embed(TEXTS))
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1


async def test_case_punctuation_and_spoken_numbers_do_not_matter() -> None:
    one, two = await HashedEmbedder().embed(["Two lakh, PLEASE!", "200,000 please"])

    assert one @ two == pytest.approx(1.0, abs=1e-5)


@given(st.lists(st.text(), max_size=5))
async def test_any_text_gives_finite_numbers(texts: list[str]) -> None:
    matrix = await HashedEmbedder().embed(texts)

    assert np.isfinite(matrix).all()
    assert (np.linalg.norm(matrix, axis=1) <= 1 + 1e-5).all()


def test_vectors_are_the_same_in_another_process() -> None:
    code = (
        "import asyncio, hashlib; from locutory.engines.embeddings.hashed import HashedEmbedder;"
        "m = asyncio.run(HashedEmbedder().embed(['the price is too high']));"
        "print(hashlib.sha256((m * 1000).round().astype('int16').tobytes()).hexdigest())"
    )

    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = asyncio.run(HashedEmbedder().embed(["the price is too high"]))

    expected = hashlib.sha256((here * 1000).round().astype("int16").tobytes()).hexdigest()
    assert other == expected


def test_importing_the_engines_loads_nothing_heavy() -> None:
    code = (
        "import sys, locutory.engines.embeddings.hashed, locutory.engines.vectors.embedded;"
        "print({'numpy', 'usearch'} & set(sys.modules))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert loaded == "set()"
