"""Loaded engines: shared, and within the memory there is."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Engine
from assistant.errors import Cancelled, EngineFailed, ModelsBusy
from assistant.pool import EnginePool


def test_two_threads_that_want_one_model_load_it_once() -> None:
    pool, loads = EnginePool(100), list[int]()

    def load() -> Engine:
        loads.append(1)
        time.sleep(0.05)
        return FakeEngine()

    got: list[Engine] = []
    threads = [threading.Thread(target=lambda: got.append(pool.get("a", 1, load))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(set(map(id, got))) == 1


def test_the_least_recently_used_leaves() -> None:
    pool = EnginePool(100)
    first = pool.get("a", 40, FakeEngine)
    pool.get("b", 40, FakeEngine)
    assert pool.get("a", 40, FakeEngine) is first
    third = pool.get("c", 40, FakeEngine)
    assert pool.loaded() == [first, third]


def test_a_model_larger_than_the_budget_is_loaded_alone() -> None:
    pool = EnginePool(100)
    pool.get("a", 40, FakeEngine)
    large = pool.get("large", 500, FakeEngine)
    assert pool.loaded() == [large]


def test_a_failed_load_leaves_nothing_behind() -> None:
    pool = EnginePool(100)

    def fail() -> Engine:
        raise EngineFailed("no")

    with pytest.raises(EngineFailed):
        pool.get("a", 1, fail)
    assert pool.get("a", 1, FakeEngine).name == "fake"


def test_an_engine_that_died_is_loaded_anew() -> None:
    class Mortal(FakeEngine):
        dead = False

        @property
        def alive(self) -> bool:
            return not self.dead

    pool = EnginePool(100)
    first = pool.get("a", 1, Mortal)
    assert pool.get("a", 1, Mortal) is first
    first.dead = True  # type: ignore[attr-defined]
    assert pool.get("a", 1, Mortal) is not first


@contextmanager
def used(pool: EnginePool, key: str, needs_bytes: int, model: str = "") -> Generator[None]:
    """A thread of its own that holds an engine, as a reply does while it is streamed."""
    has, over = threading.Event(), threading.Event()

    def stream() -> None:
        _engine = pool.get(key, needs_bytes, lambda: FakeEngine(model=model or key))
        has.set()
        over.wait(20)

    thread = threading.Thread(target=stream)
    thread.start()
    assert has.wait(5)
    try:
        yield
    finally:
        over.set()
        thread.join()


def until_in_line(pool: EnginePool, count: int) -> None:
    """Wait until so many threads wait for memory."""
    while len(pool._line) < count:  # pyright: ignore[reportPrivateUsage]
        time.sleep(0.005)


def test_long_streams_of_two_models_that_do_not_both_fit_never_hold_two() -> None:
    pool, there, most = EnginePool(100), weakref.WeakSet[Engine](), list[int]()

    def load() -> Engine:
        engine = FakeEngine()
        there.add(engine)
        most.append(len(there))
        return engine

    def stream(key: str) -> None:
        _engine = pool.get(key, 60, load)
        time.sleep(0.03)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(stream, "ABABABAB"))
    assert max(most) == 1


def test_an_engine_in_use_is_not_loaded_a_second_time() -> None:
    pool = EnginePool(100)
    with ThreadPoolExecutor(1) as threads, used(pool, "a", 60):
        other = threads.submit(pool.get, "b", 60, FakeEngine)
        until_in_line(pool, 1)
        assert [engine.model for engine in pool.loaded()] == ["a"] and not other.done()
    assert other.result(5).model == "fake"
    assert len(pool.loaded()) == 1


def test_what_waits_in_vain_is_told_what_is_in_use() -> None:
    pool = EnginePool(100, wait_seconds=0.2)
    with used(pool, "a", 60, "busy-model"):
        with pytest.raises(ModelsBusy, match="in use by busy-model"):
            pool.get("b", 60, FakeEngine)
        assert pool.get("a", 60, lambda: pytest.fail("it is there still")).model == "busy-model"
        with pytest.raises(ModelsBusy):
            pool.get("b", 60, FakeEngine)


def test_who_no_longer_wants_it_waits_no_longer() -> None:
    pool, cancel = EnginePool(100), threading.Event()
    with ThreadPoolExecutor(1) as threads, used(pool, "a", 60):
        waiting = threads.submit(pool.get, "b", 60, FakeEngine, cancel=cancel)
        until_in_line(pool, 1)
        cancel.set()
        with pytest.raises(Cancelled):
            waiting.result(5)


def test_one_that_is_idle_makes_room_before_one_in_use_does() -> None:
    pool = EnginePool(100)
    with used(pool, "a", 40):
        pool.get("b", 40, lambda: FakeEngine(model="b"))  # used later, and idle
        pool.get("c", 40, lambda: FakeEngine(model="c"))
        assert sorted(engine.model for engine in pool.loaded()) == ["a", "c"]
        pool.get("a", 40, lambda: pytest.fail("it is there still"))


def test_nobody_takes_the_room_that_another_waits_for() -> None:
    pool, order = EnginePool(100), list[str]()

    def ask(key: str, needs_bytes: int) -> None:
        _engine = pool.get(key, needs_bytes, lambda: FakeEngine(model=key))
        order.append(key)

    with ThreadPoolExecutor(4) as threads, used(pool, "a", 60):
        done = [threads.submit(ask, "large", 90)]
        until_in_line(pool, 1)
        done.append(threads.submit(ask, "a", 60))  # as others go on asking for what is in use
        until_in_line(pool, 2)
        done.append(threads.submit(ask, "small", 10))  # beside the large one there will be room for it
        done[2].result(5)
        assert order == ["small"]
    for each in done:
        each.result(5)
    assert order == ["small", "large", "a"]


def test_what_takes_no_memory_does_not_wait() -> None:
    pool = EnginePool(100, wait_seconds=0.2)
    with used(pool, "a", 500):
        assert pool.get("remote", 0, lambda: FakeEngine(model="far away")).model == "far away"


def test_a_program_that_holds_one_model_and_loads_another_does_not_wait_for_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = EnginePool(100, wait_seconds=5)
    first = pool.get("a", 60, lambda: FakeEngine(model="first"))
    assert pool.get("b", 60, FakeEngine) is not first
    assert "first" in caplog.text


def test_an_engine_that_takes_long_to_end_does_so_outside_the_lock() -> None:
    ending = threading.Event()

    class Slow(FakeEngine):
        def __del__(self) -> None:
            ending.set()
            time.sleep(0.5)

    pool = EnginePool(100)
    pool.get("a", 60, Slow)
    other = threading.Thread(target=pool.get, args=("b", 60, FakeEngine))
    other.start()
    assert ending.wait(5)
    start = time.monotonic()
    pool.loaded()
    assert time.monotonic() - start < 0.25
    other.join()


def test_engines_that_ended_by_themselves_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    class Mortal(FakeEngine):
        alive = True  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    pool = EnginePool(100)
    first = pool.get("a", 60, lambda: Mortal(model="mortal"))
    first.alive = False  # pyright: ignore[reportAttributeAccessIssue]
    with caplog.at_level(logging.WARNING, "parley.engines"):
        assert pool.get("a", 60, Mortal) is not first  # its memory is free, whoever holds it
    assert pool.restarts == 1
    assert "mortal is loaded again" in caplog.text
    pool.get("a", 60, Mortal)
    assert pool.restarts == 1


@pytest.mark.parametrize("budget", [100, 130])
def test_one_that_does_not_suit_makes_way_for_one_that_does(budget: int) -> None:
    """At once where there is room for both, else when it is free; who holds the old one keeps it."""
    pool = EnginePool(budget)
    with ThreadPoolExecutor(1) as threads, used(pool, "a", 60, "old"):
        asked = threads.submit(
            pool.get, "a", 60, lambda: FakeEngine(model="new"), suits=lambda engine: engine.model == "new"
        )
        if budget == 130:
            assert asked.result(5).model == "new"
            assert sorted(engine.model for engine in pool.loaded()) == ["new", "old"]
        else:
            until_in_line(pool, 1)
            assert not asked.done()
    assert asked.result(5).model == "new"
    assert [engine.model for engine in pool.loaded()] == ["new"]


def test_what_was_forgotten_is_not_given_out_again() -> None:
    pool = EnginePool(100)
    with used(pool, "a", 40, "old"):
        pool.forget("old")
        pool.get("b", 10, FakeEngine)
        assert pool.get("a", 40, lambda: FakeEngine(model="new")).model == "new"
