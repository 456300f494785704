"""Who speaks when, from the sound alone."""

from pathlib import Path

import numpy as np

from locutory.engines.media import get_media_reader
from locutory.engines.media.base import MediaReader
from locutory.engines.media.layout import LayoutScan
from locutory.engines.stt import diarise, vad
from locutory.engines.stt.base import NO_SPEECH, SIDES, Heard, Segment

FALSE_STEREO = "FALSE_STEREO"
ONE_VOICE = "ONE_VOICE"


def hear(path: Path, num_speakers: int | None = None) -> Heard:
    """Find the turns of one file. Pure work for one core; raises the media engine's errors.

    True stereo: the speaker is the channel. Otherwise up to two voices are told apart, unless
    `num_speakers` is 1.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no stubs

    with threadpool_limits(limits=1):
        return _hear(get_media_reader(), path, num_speakers)


def _hear(reader: MediaReader, path: Path, num_speakers: int | None) -> Heard:
    stream = reader.stream(path, sample_rate=diarise.SAMPLE_RATE)
    scan, rows = LayoutScan(stream.channels), []
    features = diarise.Features() if stream.channels == 1 else None
    rest = np.zeros((0, stream.channels), dtype=np.float32)
    frame = diarise.SAMPLE_RATE * vad.FRAME_MS // 1000
    samples = 0
    for block in stream:
        samples += len(block)
        scan.add(block)
        if features:
            features.add(block)
        whole = np.concatenate([rest, block])
        cut = len(whole) // frame * frame
        rows.append(vad.frame_levels(whole[:cut], diarise.SAMPLE_RATE))
        rest = whole[cut:]
    levels, layout = np.concatenate(rows), scan.result()
    duration_ms = round(1000 * samples / diarise.SAMPLE_RATE)
    warnings = list(stream.warnings)
    if len(layout.keep) == 2:
        segments = _by_channel(levels[:, list(layout.keep)])
    else:
        keep = layout.keep[0]
        if stream.channels > 1:
            warnings.append(FALSE_STEREO)
            features = _features_of(reader, path, keep) if num_speakers != 1 else None
        heard = features.result(len(levels)) if features and num_speakers != 1 else None
        segments, found = _by_voice(levels[:, keep], heard)
        warnings += found
    if not segments:
        warnings.append(NO_SPEECH)
    ordered = tuple(sorted(segments, key=lambda s: (s.start_ms, s.end_ms)))
    return Heard(duration_ms=duration_ms, segments=ordered, warnings=tuple(warnings))


def _features_of(reader: MediaReader, path: Path, channel: int) -> diarise.Features:
    features = diarise.Features()
    for block in reader.stream(path, sample_rate=diarise.SAMPLE_RATE):
        features.add(block[:, channel : channel + 1])
    return features


def _by_channel(levels: vad.Levels) -> list[Segment]:
    """Turns of two channels with (frames, 2) levels."""
    return [
        Segment(start_ms=a, end_ms=b, speaker_label=label, channel=side)
        for side, label in enumerate(SIDES)
        for a, b in vad.speech_spans(levels[:, side], levels[:, 1 - side])
    ]


def _two_voices(features: diarise.Floats, pieces: vad.Spans) -> diarise.Labels | None:
    import sklearn.cluster
    import sklearn.mixture  # noqa: F401 - only threads that are there can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return diarise.two_voices(features, pieces)


def _by_voice(
    levels: vad.Levels, features: diarise.Floats | None
) -> tuple[list[Segment], list[str]]:
    pieces = vad.speech_spans(levels, close_gap_ms=diarise.PAUSE_MS)
    labels = _two_voices(features, pieces) if features is not None else None
    if labels is None:
        spans = vad.speech_spans(levels)
        segments = [Segment(start_ms=a, end_ms=b, speaker_label="S1", channel=0) for a, b in spans]
        return segments, [ONE_VOICE] if spans and features is not None else []
    turns = diarise.voice_turns(labels, pieces)
    return [
        Segment(start_ms=a, end_ms=b, speaker_label=f"S{voice + 1}", channel=0)
        for a, b, voice in turns
    ], []
