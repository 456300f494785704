"""A small tenant behind a large backlog: does it get its share?"""

import sys

from benches.common import Options, Report, child, options_of

SLOTS, STT = 50, 0.1


def small_behind_large(report: Report, options: Options) -> None:
    large, small = (10_000, 500) if options.full else (2000, 100)
    makespans, jains = [], []
    for _ in range(options.rounds):
        run = child(
            "benches.queue_child",
            *("--calls", f"{large},{small}", "--slots", SLOTS, "--stt", STT),
        )
        if run["lost"] or run["doubled"]:
            raise RuntimeError(f"wrong work: {run}")
        # half of the slots are the small tenant's while both wait
        ideal = small / (SLOTS / 2) * STT
        makespans.append(run["end_2"] / ideal)
        rates = [small / run["end_2"], SLOTS / STT - small / run["end_2"]]
        jains.append(sum(rates) ** 2 / (2 * sum(rate**2 for rate in rates)))
    report.value("PA10", f"{small} calls behind {large}: makespan / ideal", makespans, "<=1.5")
    report.value("PA10", "Jain index while both wait", jains, ">=0.95")


def main() -> int:
    options = options_of()
    report = Report("fairness", options)
    small_behind_large(report, options)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
