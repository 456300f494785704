import pytest

from locutory.kernel.telemetry.metrics import LabelCap, Metrics


def test_what_was_counted_is_rendered_under_the_seeds_name() -> None:
    metrics = Metrics()
    metrics.counter("calls_synced_total", "Calls", ("bid", "source")).labels("acme", "push").inc(3)
    metrics.gauge("queue_depth", "Waiting").set(7)
    metrics.histogram("stt_duration_seconds", "Time").observe(0.2)

    text = metrics.render().decode()

    assert 'calls_synced_total{bid="acme",source="push"} 3.0' in text
    assert "queue_depth 7.0" in text
    assert 'stt_duration_seconds_bucket{le="0.25"} 1.0' in text
    assert "_created" not in text


def test_declaring_again_gives_the_same_metric() -> None:
    metrics = Metrics()

    assert metrics.counter("a_total", "A") is metrics.counter("a_total", "A")


def test_another_form_of_a_known_name_is_refused() -> None:
    metrics = Metrics()
    metrics.gauge("depth", "A", ("bid",))

    with pytest.raises(ValueError):
        metrics.gauge("depth", "A")
    with pytest.raises(ValueError):
        metrics.histogram("depth", "A", ("bid",))
    with pytest.raises(ValueError):
        metrics.counter("synced", "A")


def test_two_registries_do_not_count_for_each_other() -> None:
    one, other = Metrics(), Metrics()
    one.counter("a_total", "A").inc()

    assert b"a_total" not in other.render()


def test_labels_beyond_the_cap_become_other_and_known_ones_stay() -> None:
    cap = LabelCap(2)

    assert [cap.value(bid) for bid in ("a", "b", "c", "a", "d")] == [
        "a",
        "b",
        "other",
        "a",
        "other",
    ]


def test_a_bid_is_kept_for_two_hundred_businesses() -> None:
    metrics = Metrics()

    labels = {metrics.bid(f"b{number}") for number in range(1000)}

    assert len(labels) == 201
    assert "other" in labels
