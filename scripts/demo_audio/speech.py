"""Speech of one turn, spoken by flite and trimmed to its true limits."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from demo_audio.casting import Voice

RATE_HZ = 8000
_BAND_HZ = (300, 3400)
_FRAME = RATE_HZ // 100
_FLOOR = 0.02  # of the loudest frame: flite's own silence is digital, breath noise is far below
_RAISED_PITCH, _RAISED_STRETCH = 1.2, 0.9

Signal = NDArray[np.float64]


def say(text: str, voice: Voice, *, raised: bool = False) -> Signal:
    """The text as a telephone carries it, shape `(n,)` at 8 kHz, trimmed, with unit RMS.

    Raises `subprocess.CalledProcessError` if flite fails.
    """
    pitch = voice.pitch * (_RAISED_PITCH if raised else 1.0)
    stretch = voice.stretch * (_RAISED_STRETCH if raised else 1.0)
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "turn.wav"
        settings = [f"f0_shift={pitch:.3f}", f"duration_stretch={stretch:.3f}"]
        options = [part for setting in settings for part in ("--setf", setting)]
        command = ["flite", "-voice", voice.name, *options, "-t", text, "-o", str(wave)]
        subprocess.run(command, check=True, capture_output=True)
        samples, rate_hz = soundfile.read(wave)
    return trimmed(band_limited(soxr.resample(samples, rate_hz, RATE_HZ)))


def band_limited(samples: Signal) -> Signal:
    """The telephone's band, 300 to 3400 Hz, of samples along axis 0, without delay."""
    band = butter(3, _BAND_HZ, btype="bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(sosfiltfilt(band, samples, axis=0))


def trimmed(samples: Signal) -> Signal:
    """Cut the frames of 10 ms below the floor from both ends and scale the rest to unit RMS."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    level = np.sqrt((frames**2).mean(axis=1))
    loud = np.flatnonzero(level > _FLOOR * level.max())
    speech = frames[loud[0] : loud[-1] + 1].ravel()
    return np.asarray(speech / np.sqrt((speech**2).mean()))
