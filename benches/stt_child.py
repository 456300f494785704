"""One process that hears one synthesised call and prints what that cost."""

import argparse
import json
import tempfile
from pathlib import Path

import soundfile
from tests.quality import synthesis

from benches.queue_child import cpu_s
from locutory.engines.stt.acoustic import hear


def heard(layout: str, minutes: float, seed: int) -> dict[str, float]:
    """The call's length over the CPU time of decoding and hearing it.

    A short call before it loads the modules. Raises if the two speakers are not found.
    """
    call = synthesis.call(seed)
    samples = call.samples if layout == "split" else call.mono
    with tempfile.TemporaryDirectory(prefix="locutory-bench-") as folder:
        short, long = Path(folder) / "short.wav", Path(folder) / "long.wav"
        soundfile.write(str(short), samples, synthesis.RATE)
        with soundfile.SoundFile(
            str(long), "w", synthesis.RATE, samples.ndim, subtype="PCM_16"
        ) as out:
            for _ in range(-(-round(minutes * 60_000) // call.duration_ms)):
                out.write(samples)
        hear(short)
        began = cpu_s()
        found = hear(long)
        spent = cpu_s() - began
    if len({segment.speaker_label for segment in found.segments}) != synthesis.SIDES:
        raise RuntimeError("the two speakers were not found")
    return {"times": found.duration_ms / 1000 / spent, "cpu_s": spent}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--layout", choices=("mono", "split"), required=True)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(json.dumps(heard(asked.layout, asked.minutes, asked.seed)))


if __name__ == "__main__":
    main()
