"""Recordings for browsers: what plays as it is, a copy of what does not, loudness for a picture.

Synchronous and picklable, as the reader is: callers run it in a process pool.
"""

from collections.abc import Sequence
from pathlib import Path

import orjson

from locutory.engines.media.base import DEFAULT_LIMITS, AudioUndecodableError, Samples
from locutory.engines.media.sniff import container_of

PEAKS_PER_S = 50
_FULL = 127
_PLAYED = {
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "audio/mp4",
    "aac": "audio/aac",
    "webm": "audio/webm",
}
_PLAYED_WAV = frozenset({"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"})
_NOT_DECODED = {"amr": "audio/amr", "amr-wb": "audio/amr-wb", "wma": "audio/x-ms-wma"}
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
COPY_TYPE = "audio/mpeg"


def media_type(path: Path) -> str | None:
    """The type under which browsers play the file as it is; None if they need a copy.

    What nobody here can decode has its own type: a player on the listener's machine may.
    Raises NotAudioError, AudioEmptyError.
    """
    container = container_of(path)
    if container == "wav":
        import soundfile

        try:
            info = soundfile.info(str(path))
        except soundfile.LibsndfileError:
            return "audio/wav"
        plays = info.format in ("WAV", "WAVEX") and info.subtype in _PLAYED_WAV
        return "audio/wav" if plays else None
    return _PLAYED.get(container) or _NOT_DECODED.get(container)


def copy_for_browsers(source: Path, target: Path, silent: Sequence[tuple[int, int]] = ()) -> None:
    """Write an MP3 of the recording, its first two channels. Raises the media errors.

    In the stretches `silent` (milliseconds) nothing is heard, on no channel.
    """
    import soundfile

    from locutory.engines.media.embedded import EmbeddedReader

    own = EmbeddedReader().stream(source)
    rate = min((r for r in _MP3_RATES if r >= own.sample_rate), default=_MP3_RATES[-1])
    stream = EmbeddedReader().stream(source, sample_rate=rate)
    channels = min(2, stream.channels)
    try:
        with soundfile.SoundFile(
            target,
            "w",
            samplerate=rate,
            channels=channels,
            format="MP3",
            subtype="MPEG_LAYER_III",
        ) as sound:
            at = 0
            for block in stream:
                sound.write(_silenced(block[:, :channels], at, rate, silent))
                at += len(block)
    except soundfile.LibsndfileError as error:
        raise AudioUndecodableError(str(error)) from error


def _silenced(block: Samples, at: int, rate: int, silent: Sequence[tuple[int, int]]) -> Samples:
    """The block, whose first sample is the recording's number `at`, with zeros where it is said."""
    kept = block.copy() if silent else block
    for start_ms, end_ms in silent:
        start, end = start_ms * rate // 1000 - at, -(-end_ms * rate // 1000) - at
        if start < len(kept) and end > 0:
            kept[max(0, start) : end] = 0
    return kept


def peaks(source: Path) -> bytes:
    """JSON `{channels, per_s, data}`: the least and greatest sample of each 20 ms, -127 to 127.

    `data` has a list per channel: min, max, min, max. Raises the media errors.
    """
    import numpy as np

    from locutory.engines.media.embedded import EmbeddedReader

    stream = EmbeddedReader().stream(source, limits=DEFAULT_LIMITS)
    size = max(1, stream.sample_rate // PEAKS_PER_S)
    columns: list[list[Samples]] = [[] for _ in range(stream.channels)]
    rest = np.zeros((0, stream.channels), dtype=np.float32)
    for block in stream:
        rest = np.concatenate([rest, block])
        whole = len(rest) // size * size
        _gather(columns, rest[:whole].reshape(-1, size, stream.channels))
        rest = rest[whole:]
    if len(rest):
        _gather(columns, rest.reshape(1, -1, stream.channels))
    data = [np.concatenate(column).reshape(-1).tolist() if column else [] for column in columns]
    return orjson.dumps({"channels": stream.channels, "per_s": PEAKS_PER_S, "data": data})


def _gather(columns: list[list[Samples]], windows: Samples) -> None:
    import numpy as np

    if not len(windows):
        return
    low = np.clip(np.rint(windows.min(axis=1) * _FULL), -_FULL, _FULL).astype(np.int16)
    high = np.clip(np.rint(windows.max(axis=1) * _FULL), -_FULL, _FULL).astype(np.int16)
    for channel, column in enumerate(columns):
        column.append(np.stack([low[:, channel], high[:, channel]], axis=1))
