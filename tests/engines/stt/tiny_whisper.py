"""Whisper weights of a few kilobytes that hear the same words in every half minute of sound.

The layers leave the hidden state alone: it tells the position, and the projection has a token for
each. The attention to the sound is random, so that words find times.
"""

import json
from itertools import count
from pathlib import Path

import numpy as np

WORDS = ("Good", "morning,", "Harbour", "Clinic.")
_SPECIAL = (
    *("<|endoftext|>", "<|startoftranscript|>", "<|transcribe|>", "<|translate|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
)
_SIZE, _HEADS, _MELS, _FRAMES, _POSITIONS = 16, 2, 80, 1500, 448


def write_weights(folder: Path) -> None:
    """Make the folder and put into it what the package reads."""
    from ctranslate2.specs import WhisperSpec
    from tokenizers.pre_tokenizers import ByteLevel

    folder.mkdir()
    letters = sorted(ByteLevel.alphabet())
    spoken = [f"Ġ{word}" for word in WORDS]
    stamps = [f"<|{n * 0.02:.2f}|>" for n in range(_FRAMES + 1)]
    vocabulary = [*letters, *spoken, *_SPECIAL, *stamps]
    _write_tokenizer(folder, letters, spoken, vocabulary)
    random = np.random.default_rng(7)

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype=np.float32)

    def noise(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    spec = WhisperSpec(1, _HEADS, 1, _HEADS)
    for conv, width in ((spec.encoder.conv1, _MELS), (spec.encoder.conv2, _SIZE)):
        conv.weight, conv.bias = noise(_SIZE, width, 3), zeros(_SIZE)
    spec.encoder.position_encodings.encodings = noise(_FRAMES, _SIZE)
    spec.decoder.position_encodings.encodings = np.eye(_SIZE, dtype=np.float32)[
        np.minimum(np.arange(_POSITIONS), _SIZE - 1)
    ]
    spec.decoder.embeddings.weight = zeros(len(vocabulary), _SIZE)
    projection = zeros(len(vocabulary), _SIZE)
    said = [stamps[0], *spoken, stamps[100], "<|endoftext|>"]
    for position, token in zip(count(), said):
        projection[vocabulary.index(token), position] = 10
    projection[vocabulary.index("<|endoftext|>"), len(said) :] = 10
    spec.decoder.projection.weight = projection
    for side in (spec.encoder, spec.decoder):
        for norm in (side.layer_norm, side.layer[0].self_attention.layer_norm):
            norm.gamma, norm.beta = zeros(_SIZE) + 1, zeros(_SIZE)
        layer = side.layer[0]
        layer.ffn.layer_norm.gamma, layer.ffn.layer_norm.beta = zeros(_SIZE) + 1, zeros(_SIZE)
        for linear, rows, width in (
            (layer.self_attention.linear[0], 3 * _SIZE, _SIZE),
            (layer.self_attention.linear[1], _SIZE, _SIZE),
            (layer.ffn.linear_0, 4 * _SIZE, _SIZE),
            (layer.ffn.linear_1, _SIZE, 4 * _SIZE),
        ):
            linear.weight, linear.bias = zeros(rows, width), zeros(rows)
    to_sound = spec.decoder.layer[0].attention
    to_sound.layer_norm.gamma, to_sound.layer_norm.beta = zeros(_SIZE) + 1, zeros(_SIZE)
    asked, offered, given = to_sound.linear
    asked.weight, asked.bias = noise(_SIZE, _SIZE), zeros(_SIZE)
    offered.weight, offered.bias = noise(2 * _SIZE, _SIZE), zeros(2 * _SIZE)
    given.weight, given.bias = zeros(_SIZE, _SIZE), zeros(_SIZE)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = []
    spec.config.alignment_heads = [(0, 0), (0, 1)]
    spec.register_vocabulary(vocabulary)
    spec.validate()
    spec.save(str(folder))


def _write_tokenizer(
    folder: Path, letters: list[str], spoken: list[str], vocabulary: list[str]
) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    words = {token: n for n, token in enumerate([*letters, *spoken])}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True) for token in vocabulary[len(words) :]]
    )
    assert json.loads(tokenizer.to_str())["added_tokens"][0]["id"] == len(words)
    tokenizer.save(str(folder / "tokenizer.json"))
