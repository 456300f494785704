"""Events on their way to a broker: how fast, how late, and what it costs when nothing happens."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benches.common import (
    REDIS_PORT,
    Figures,
    Options,
    Report,
    answers,
    child,
    interleave,
    ratios,
    run_cases,
)

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672/"
REDIS = "redis://127.0.0.1:6379/0"
TARGETS = {"redis": ">=0.6", "rabbitmq": ">=0.8", "kafka": ">=0.5"}
# librdkafka's mock cluster makes a topic when it is asked for it, and lives as long as its process
_MOCK = """
import sys
from confluent_kafka import Producer
producer = Producer({"test.mock.num.brokers": 1, "log_level": 2, "allow.auto.create.topics": True})
broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


def run(what: str, url: str, *arguments: object) -> Figures:
    return child("benches.bus_child", what, "--url", url, *arguments)


@contextmanager
def mock_kafka() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", _MOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"kafka://{process.stdout.readline().strip()}"
        process.stdin.close()


def throughput(report: Report, options: Options) -> None:
    count = 20_000 if options.full else 4000
    with mock_kafka() as kafka:
        places = {"redis": REDIS, "rabbitmq": RABBITMQ, "kafka": kafka}
        for name, url in places.items():
            if name != "kafka" and not answers(REDIS_PORT if name == "redis" else 5672):
                report.skip("PL1", f"no {name} answers on this machine")
                continue
            first, second, theirs = interleave(
                lambda url=url: run("relayed", url, "--count", count),  # type: ignore[misc]
                {"direct": lambda url=url: run("published", url, "--count", count)},  # type: ignore[misc]
                options.rounds,
            )
            mine, plain = first[-1]["per_s"], theirs["direct"][-1]["per_s"]
            report.value(
                "PL1",
                f"{count} events told by the relay, per second, {name}",
                ratios(first, theirs["direct"], "per_s"),
                TARGETS[name],
                peer="the same client publishing from memory",
                aa=ratios(second, first, "per_s"),
                note=f"ours {mine:.0f}/s, direct {plain:.0f}/s",
            )


def lateness(report: Report, options: Options) -> None:
    if not answers(REDIS_PORT):
        report.skip("PL2", "no Redis at 127.0.0.1:6379")
        return
    seconds = 10 if options.full else 4
    runs = [run("delay", REDIS, "--seconds", seconds) for _ in range(options.rounds)]
    for key, target in (("p50_ms", "<=2"), ("p99_ms", "<=20")):
        report.value(
            "PL2",
            f"from commit to the broker at 500/s, added {key.replace('_', ' in ')}",
            [one[key] for one in runs],
            target,
            note=f"numbering comes between; a publish takes {runs[-1]['plain_ms']:.2f} ms",
        )


def idle(report: Report, options: Options) -> None:
    if not answers(REDIS_PORT):
        report.skip("PL4", "no Redis at 127.0.0.1:6379")
        return
    runs = [run("resting", REDIS, "--seconds", 5) for _ in range(options.rounds)]
    report.value("PL4", "idle relay, % of a core", [one["percent"] for one in runs], "<=0.5")
    sent = 1_000_000 if options.full else 100_000
    none, again, many = interleave(
        lambda: run("behind", REDIS, "--count", 2000),
        {"many": lambda: run("behind", REDIS, "--count", 2000, "--sent", sent)},
        options.rounds,
    )
    report.value(
        "PL4",
        f"CPU of telling 2000 events beside {sent} told ones",
        ratios(many["many"], none, "cpu_s"),
        "<=1.1",
        peer="none",
        aa=ratios(again, none, "cpu_s"),
    )


CASES = {"PL1": throughput, "PL2": lateness, "PL4": idle}


def main() -> int:
    return run_cases("bus", CASES)


if __name__ == "__main__":
    sys.exit(main())
