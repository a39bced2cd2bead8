"""Requests of several adapters on one server's slots."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from assistant.engines.slots import Slots

NEVER = threading.Event()


def take(slots: Slots, adapter: int | None, text: str) -> int | None:
    """The slot that a request gets which is over at once."""
    with slots.taken(adapter, text, NEVER) as slot:
        return slot


def test_a_conversation_comes_back_to_its_slot() -> None:
    slots = Slots(3)
    first, second = (
        take(slots, None, "system: be brief. Ann asks."),
        take(slots, None, "system: be brief. Bob wonders."),
    )
    assert first != second, "a slot that is empty is taken before another conversation's"
    assert take(slots, None, "system: be brief. Bob wonders. He is told. Why?") == second
    assert take(slots, None, "system: be brief. Ann asks. She is told. How?") == first


def test_what_an_adapter_has_read_is_no_other_s() -> None:
    slots = Slots(2)
    base = take(slots, None, "a long prompt that both were given")
    tuned = take(slots, 0, "a long prompt that both were given")
    assert base != tuned
    assert take(slots, None, "a long prompt that both were given") == base
    assert take(slots, 0, "a long prompt that both were given") == tuned


def test_the_slot_that_was_not_used_for_longest_is_given_away() -> None:
    slots = Slots(2)
    first, second = take(slots, None, "one"), take(slots, None, "two")
    assert take(slots, None, "one and more") == first
    assert take(slots, None, "three") == second


def test_one_adapter_at_a_time_in_the_order_of_asking() -> None:
    slots, running, seen = Slots(4), list[int | None](), list[set[int | None]]()
    order, guard = list[int | None](), threading.Lock()

    def ask(adapter: int | None) -> None:
        with slots.taken(adapter, "x", NEVER):
            with guard:
                running.append(adapter)
                order.append(adapter)
                seen.append(set(running))
            time.sleep(0.05)
            with guard:
                running.remove(adapter)

    asked = [None, None, 0, 0, None, 1]
    with ThreadPoolExecutor(6) as threads:
        for adapter in asked:
            threads.submit(ask, adapter)
            time.sleep(0.005)
    assert all(len(each) == 1 for each in seen)
    assert order == asked


def test_those_of_one_adapter_run_side_by_side() -> None:
    slots, together = Slots(2), threading.Barrier(2, timeout=5)

    def ask(text: str) -> None:
        with slots.taken(0, text, NEVER):
            together.wait()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(ask, ["a", "b"]))


def test_who_no_longer_wants_a_slot_gets_none_and_stands_in_nobody_s_way() -> None:
    slots, cancel, given = Slots(1), threading.Event(), list[int | None]()

    def ask() -> None:
        with slots.taken(None, "waits", cancel) as slot:
            given.append(slot)

    with slots.taken(None, "first", NEVER):
        waiting = threading.Thread(target=ask)
        waiting.start()
        cancel.set()
        waiting.join(5)
        assert given == [None]
    assert take(slots, None, "next") == 0
