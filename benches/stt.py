"""The acoustic engine: how much faster than the talk itself it hears, on one core."""

import sys

from benches.common import Report, child, options_of

# id, layout, target as a multiple of real time (calls seed, P7)
CASES = (("P7-mono", "mono", ">=50"), ("P7-split", "split", ">=300"))


def main() -> int:
    options = options_of()
    report = Report("stt", options)
    minutes = 30 if options.full else 5
    for id_, layout, target in CASES:
        if options.only not in (None, id_):
            continue
        arguments = ("--layout", layout, "--minutes", minutes, "--seed", options.seed)
        runs = [child("benches.stt_child", *arguments) for _ in range(options.rounds)]
        report.value(
            id_,
            f"{layout} call of {minutes} min, its length over the CPU time, decoding included",
            [run["times"] for run in runs],
            target,
            note=f"{runs[-1]['cpu_s']:.2f} s of CPU",
        )
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
