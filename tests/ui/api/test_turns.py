"""The line: its order between users, its end, and what leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ui.api.turns import Busy, Line, NoRoom, Turns


def run(story: Coroutine[Any, Any, Any]) -> Any:
    with ThreadPoolExecutor(1) as other:  # this thread may have a loop of Playwright's
        return other.submit(asyncio.run, story).result()


async def enter(turns: Turns, user: str, done: list[str], name: str) -> None:
    async with turns.turn(user):
        done.append(name)
        await asyncio.sleep(0)


def test_users_take_turns_one_after_another() -> None:
    async def story() -> list[str]:
        turns, done = Turns(1, 10), []
        async with turns.turn("first"):
            asked = [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")]
            tasks = [asyncio.create_task(enter(turns, user, done, name)) for user, name in asked]
            await asyncio.sleep(0.01)
            assert (turns.running, turns.waiting) == (1, 6)
        await asyncio.gather(*tasks)
        assert (turns.running, turns.waiting) == (0, 0)
        return done

    assert run(story()) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_full_line_turns_the_greediest_away() -> None:
    async def story() -> None:
        turns, done = Turns(1, 3), []
        async with turns.turn("x"):
            greedy = [asyncio.create_task(enter(turns, "a", done, f"a{n}")) for n in range(3)]
            await asyncio.sleep(0.01)
            with pytest.raises(Busy):
                await enter(turns, "a", done, "a3")
            other = asyncio.create_task(enter(turns, "b", done, "b0"))
            await asyncio.sleep(0.01)
            assert isinstance(greedy[2].exception(), Busy)
            assert turns.waiting == 3
        await asyncio.gather(*greedy[:2], other)
        assert done == ["a0", "b0", "a1"]

    run(story())


def test_a_line_is_fair_and_full() -> None:
    line: Line[str] = Line(3)
    assert [line.put("a", name) for name in ("a0", "a1", "a2")] == [None] * 3
    assert line.put("b", "b0") == "a2", "the latest of whoever has most"
    with pytest.raises(NoRoom):
        line.put("a", "a3")
    line.leave("a", "nobody")
    assert line.next() == "a0"
    line.back("a", "a0")  # it wants another turn: first of its user's, and others have theirs before
    assert [line.next(), line.next()] == ["b0", "a0"]
    line.back("a", "a0")
    line.back("b", "b0")
    assert [line.next() for _ in range(len(line))] == ["a0", "b0", "a1"]
    assert not line


def test_whoever_leaves_the_line_holds_nobody_up() -> None:
    async def story() -> None:
        turns, done = Turns(1, 10), []
        async with turns.turn("x"):
            leaver = asyncio.create_task(enter(turns, "a", done, "a"))
            stayer = asyncio.create_task(enter(turns, "b", done, "b"))
            await asyncio.sleep(0.01)
            leaver.cancel()
            await asyncio.sleep(0.01)
            assert turns.waiting == 1
        await stayer
        assert done == ["b"] and turns.running == 0

    run(story())


def test_a_turn_that_comes_to_one_who_has_just_left_goes_on_to_the_next() -> None:
    async def story() -> None:
        turns, done = Turns(1, 10), []
        held = turns.turn("x")
        await held.__aenter__()
        leaver = asyncio.create_task(enter(turns, "a", done, "a"))
        stayer = asyncio.create_task(enter(turns, "b", done, "b"))
        await asyncio.sleep(0.01)
        await held.__aexit__(None, None, None)  # the turn is the leaver's, who has not woken yet
        leaver.cancel()
        await asyncio.wait_for(stayer, 1)
        assert done == ["b"] and turns.running == 0

    run(story())


def test_the_wait_is_told_from_how_long_turns_take() -> None:
    turns = Turns(2, 10)
    assert turns.wait_seconds() == 1
    turns._mean_seconds = 1000
    assert turns.wait_seconds() == 60


def test_whoever_waits_is_told_when_the_server_closes() -> None:
    async def story() -> None:
        turns, done = Turns(1, 10), []
        async with turns.turn("x"):
            waiting = [asyncio.create_task(enter(turns, user, done, user)) for user in "abc"]
            await asyncio.sleep(0.01)
            waiting[0].cancel()
            turns.turn_away(5)
            for task in waiting[1:]:
                with pytest.raises(Busy, match="closing"):
                    await task
            assert turns.waiting == 0
        assert not done and turns.running == 0

    run(story())


def test_many_at_random_never_lose_a_turn() -> None:
    async def story() -> None:
        import random

        drawn = random.Random(3)
        turns, done = Turns(3, 1000), []
        most = 0

        async def one(n: int) -> None:
            nonlocal most
            async with turns.turn(f"u{n % 7}"):
                most = max(most, turns.running)
                await asyncio.sleep(drawn.random() / 500)
                done.append(n)

        tasks = [asyncio.create_task(one(n)) for n in range(300)]
        for _ in range(100):
            await asyncio.sleep(0.0005)
            drawn.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert most == 3 and (turns.running, turns.waiting) == (0, 0)
        assert len(done) >= 200

    run(story())
