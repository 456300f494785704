"""What each bench checks besides its times, at about twenty operations."""

import asyncio
import shutil
from collections.abc import Iterator

import pytest
from benches.common import REDIS_PORT, Options, Report, answers, child, ratios

from benches import agents, fanout, footprint, limits, reads, serving, webhook
from benches import all as every

ONE_ROUND = Options(full=False, rounds=1, scale=0.1, seed=1, only=None, json_path=None)


@pytest.fixture(scope="module")
def our() -> Iterator[tuple[serving.Served, str, object]]:
    with webhook.our_server() as server:
        yield server


def test_every_answered_push_has_its_call_its_job_and_its_audit_row(our) -> None:
    server, key, folder = our

    created = asyncio.run(webhook.push_each(server.port, key, [f"call-{n}" for n in range(20)], 4))

    assert created == 20
    webhook.check_stored(folder, 20, 0)
    with pytest.raises(RuntimeError, match="21 answers, 20 calls"):
        webhook.check_stored(folder, 21, 0)


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
def test_no_push_is_answered_before_its_sync() -> None:
    answered, early = webhook.traced(20)

    assert (answered, early) == (20, 0)


TRACE = {
    "wrote": '7 pwrite64(9</d/locutory.db-wal>, "..traced-000001..", 4096, 32) = 4096',
    "synced": "7 fdatasync(9</d/locutory.db-wal>) = 0",
    "sync began": "7 fdatasync(9</d/locutory.db-wal> <unfinished ...>",
    "sync ended": "7 <... fdatasync resumed>) = 0",
    "sync failed": "7 <... fdatasync resumed>) = -1 EIO (Input/output error)",
    "answered": r'8 write(12<TCP:[1]>, "{\"callid\":\"traced-000001\",\"result\":..", 60) = 60',
}


@pytest.mark.parametrize(
    ("order", "early"),
    [
        (["wrote", "synced", "answered"], 0),
        (["wrote", "sync began", "sync ended", "answered"], 0),
        (["wrote", "answered", "synced"], 1),
        (["sync began", "wrote", "sync ended", "answered"], 1),
        (["wrote", "sync began", "answered", "sync ended"], 1),
        (["wrote", "sync began", "sync failed", "answered"], 1),
    ],
)
def test_an_answer_is_early_unless_a_sync_begun_after_its_write_has_ended(
    order: list[str], early: int
) -> None:
    assert webhook.answers_before_sync(TRACE[step] for step in order) == (1, early)


def test_both_servers_answer_reads_alike() -> None:
    with reads.both(60) as pair:
        reads.check_alike(pair, reads.detail(20))
        with pytest.raises(RuntimeError, match="do not answer alike"):
            reads.check_alike(pair, "/call-records/bench/no-such-call")


def test_every_client_gets_every_event_once(our) -> None:
    server, key, _ = our

    figures = fanout.listened(server.port, key, 20, 5, 50.0)

    assert (figures["expected"], figures["delivered"], figures["repeated"]) == (100, 100, 0)


def test_every_client_of_the_reference_gets_every_event_once() -> None:
    figures = fanout.queues(20, 5, 50.0)

    assert (figures["expected"], figures["delivered"], figures["repeated"]) == (100, 100, 0)


def test_clients_that_return_miss_nothing_and_get_nothing_twice(our) -> None:
    server, key, _ = our

    figures = fanout.returned(server.port, key, 20, seed=1)

    assert figures == {"returns": 20, "missed": 0, "repeated": 0}


def test_nothing_heavy_is_loaded_before_its_first_use(our) -> None:
    server, _, _ = our

    assert footprint.loaded_early(server.port) == []


def test_a_call_that_is_judged_again_asks_nothing_and_says_the_same() -> None:
    run = agents.run(2, seed=1)

    assert 0 < run["hit_ms"] < run["miss_ms"]


def test_a_call_goes_through_the_job_engine_once() -> None:
    run = child("benches.queue_child", "--calls", 20, "--slots", 4)

    assert (run["lost"], run["doubled"]) == (0, 0)


def test_every_job_that_is_enqueued_in_bulk_is_there() -> None:
    assert child("benches.enqueue_child", "bulk", "--count", 20)["lost"] == 0


def test_every_job_of_an_idle_queue_is_picked_up() -> None:
    run = child("benches.enqueue_child", "pickup", "--count", 20)

    assert run["picked"] == 20
    assert 0 < run["p50_ms"] <= run["p99_ms"]


@pytest.mark.skipif(not answers(REDIS_PORT), reason="no Redis")
def test_the_reference_queue_serves_who_came_first() -> None:
    assert child("benches.peers.dramatiq_queue", "bulk", "--count", 20)["lost"] == 0
    assert child("benches.peers.dramatiq_queue", "pickup", "--count", 5)["picked"] == 5
    work = ("--calls", "16,4", "--slots", 4, "--stt", 0.02)
    run = child("benches.peers.dramatiq_queue", "fifo", *work)

    assert run["end_2"] >= run["end_1"] > 0


def test_planted_facts_are_found_by_words_and_likeness_together() -> None:
    run = child("benches.rag_child", "hybrid", "--count", 12)

    assert run["hybrid"] >= max(run["words"], run["vectors"]) > 0


def test_a_filled_index_is_fresh_and_ready_after_a_restart(tmp_path) -> None:
    run = child("benches.rag_child", "stored", "--count", 40, "--folder", tmp_path)
    again = child("benches.rag_child", "restart", "--folder", tmp_path)

    assert len(run["fresh_s"]) == 5
    assert again["held"] == 45
    assert again["ready_s"] > 0


def test_the_limits_of_the_machine_are_measured(tmp_path) -> None:
    assert limits.syncs_per_s(tmp_path, 0.02) > 0
    assert limits.commits_per_s(tmp_path, 0.02) > 0


def test_a_verdict_is_the_median_against_the_target() -> None:
    report = Report("any", ONE_ROUND)

    report.value("X1", "holds", ratios([{"v": 1}, {"v": 9}, {"v": 2}], [{"v": 2}] * 3, "v"), "<=1")
    report.value("X2", "does not", [1.0, 3.0, 0.5], ">=2")

    assert (report.passed, report.failed) == (1, 1)
    assert report.close() == 1


def test_a_full_run_names_every_case_once_and_the_quick_run_every_bench() -> None:
    quick, full = every.runs(full=False), every.runs(full=True)

    assert quick == [(bench, ["--quick"]) for bench in every.BENCHES]
    assert {bench for bench, _ in full} == set(every.BENCHES)
    at_length = [words[2] for _, words in full if words[0] == "--full"]
    assert sorted(at_length) == ["PA1", "PA4", "PG1", "PK1"]
