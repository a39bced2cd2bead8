"""Speed and time left, by a clock of our own."""

from __future__ import annotations

from assistant.weights.progress import Meter, Progress


def test_speed_and_time_left() -> None:
    now, seen = [0.0], list[Progress]()
    meter = Meter("tiny", seen.append, clock=lambda: now[0])
    for second in range(4):
        now[0] = float(second)
        meter.report("downloading", second * 100, 1000)
    assert seen[0].eta_seconds is None
    assert seen[-1] == Progress("tiny", "downloading", 300, 1000, 100.0, 7.0)


def test_speed_is_that_of_the_last_seconds() -> None:
    now, seen = [0.0], list[Progress]()
    meter = Meter("tiny", seen.append, clock=lambda: now[0])
    for second in range(60):
        now[0] = float(second)
        meter.report("downloading", min(second, 30) * 100, 10_000)
    assert seen[-1].bytes_per_second == 0
    assert seen[-1].eta_seconds is None


def test_reports_come_ten_times_a_second_at_most_but_a_stage_begins_and_ends_at_once() -> None:
    now, seen = [0.0], list[Progress]()
    meter = Meter("tiny", seen.append, clock=lambda: now[0])
    for count in range(100):
        now[0] = count / 1000
        meter.report("downloading", count, 99)
    meter.report("unpacking", 0, 50)
    assert [(p.stage, p.bytes_done) for p in seen] == [("downloading", 0), ("downloading", 99), ("unpacking", 0)]
