"""A small tenant behind a large backlog: does it get its share?"""

import sys

from benches.common import REDIS_PORT, Options, Report, answers, child, options_of

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


def behind_a_fifo(report: Report, options: Options) -> None:
    """The same calls in one queue, where the first come is the first served."""
    if not answers(REDIS_PORT):
        report.skip("PA11", "no Redis at 127.0.0.1:6379 for dramatiq")
        return
    large, small = (10_000, 100) if options.full else (2000, 20)
    work = ("--calls", f"{large},{small}", "--slots", SLOTS, "--stt", STT)
    sooner = []
    for _ in range(options.rounds):
        mine = child("benches.queue_child", *work)
        if mine["lost"] or mine["doubled"]:
            raise RuntimeError(f"wrong work: {mine}")
        theirs = child("benches.peers.dramatiq_queue", "fifo", *work)
        sooner.append(theirs["end_2"] / mine["end_2"])
    case = f"{small} calls behind {large}: how many times sooner than first come, first served"
    report.value("PA11", case, sooner, ">=10", peer="dramatiq")


def main() -> int:
    options = options_of()
    report = Report("fairness", options)
    small_behind_large(report, options)
    behind_a_fifo(report, options)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
