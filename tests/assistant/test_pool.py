"""Loaded engines: shared, and within the memory there is."""

from __future__ import annotations

import threading
import time

import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Engine
from assistant.errors import EngineFailed
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
