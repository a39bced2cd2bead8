"""Benchmarks under load say nothing good of a server that breaks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.bench import load
from tests.bench.conftest import Answer, Body, streamed
from tests.bench.program import BenchFailed

Instead = Callable[[Callable[[str, Body], Answer]], None]


def good(path: str, body: Body) -> Answer:
    if body.get("stream"):
        return streamed("said " * 30)
    data = [{"index": n} for n in range(len(body["input"]))] if "input" in body else []
    return 200, json.dumps({"data": data}, separators=(",", ":")).encode()


class Sometimes:
    """Good, but each so-and-so-many-th time."""

    def __init__(self, otherwise: Answer, every: int) -> None:
        self._otherwise, self._every, self._asked = otherwise, every, itertools.count(1)

    def __call__(self, path: str, body: Body) -> Answer:
        return self._otherwise if next(self._asked) % self._every == 0 else good(path, body)


BUSY = (429, b"busy", {"Retry-After": "1"})


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SECONDS": 0.5, "OVERLOAD": 1, "MIXED_SECONDS": 1.0, "EACH_SECONDS": 0.05}.items():
        monkeypatch.setattr(load, name, value)
    monkeypatch.setattr(load, "REPLICA_TEXTS", 80)


def test_an_overload_counts_who_is_answered_and_who_told_to_come_back(instead: Instead) -> None:
    busy = Sometimes(BUSY, 3)
    instead(lambda path, body: good(path, body) if body.get("stream") else busy(path, body))
    found = load.run_overload()
    assert found["answered"] > found["told to come back (429, with Retry-After)"] > 0 == found["anything else (0)"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Sometimes((500, b"oh"), 10), "500"),
        (Sometimes((429, b"busy"), 10), "429"),  # without a word of when
        (Sometimes(None, 10), "Remote"),
        (good, "no overload"),
    ],
    ids=["500", "no Retry-After", "hung up", "nobody turned away"],
)
def test_an_overload_that_breaks_the_server_has_no_figures(instead: Instead, answer: Any, why: str) -> None:
    instead(answer)
    with pytest.raises(BenchFailed, match=why):
        load.run_overload()


@pytest.mark.parametrize("otherwise", [None, (503, b"closing")], ids=["hung up", "503"])
def test_replicas_that_lose_requests_have_no_pace(instead: Instead, otherwise: Answer) -> None:
    instead(Sometimes(otherwise, 20))
    with pytest.raises(BenchFailed, match="clients failed"):
        load.run_replicas()


def test_replicas_that_are_not_there_have_no_pace(instead: Instead) -> None:
    instead(good)
    with pytest.raises(BenchFailed, match="0 replicas, not 1"):
        load.run_replicas()


def test_mixed_requests_and_the_memory_that_they_take(instead: Instead) -> None:
    instead(good)
    found = load.run_mixed()
    assert found["requests"] > 40 and found["requests that failed (0)"] == 0
    assert found["memory at the end, MB"] > 10


@pytest.mark.parametrize("otherwise", [None, (500, b"oh"), (200, b"")], ids=["hung up", "500", "empty"])
def test_memory_of_a_server_that_fails_is_not_told(instead: Instead, otherwise: Answer) -> None:
    instead(Sometimes(otherwise, 10))
    with pytest.raises(BenchFailed, match="requests failed"):
        load.run_mixed()


def test_growth_is_that_of_what_stays_when_freed_memory_is_given_back() -> None:
    seconds = np.arange(0, 1800, 5.0)
    held = 2800 + 18 * seconds / 3600
    freed = seconds % 60  # given back each minute
    looks = [(when, total, total / 2) for when, total in zip(1e5 + seconds, held + freed, strict=True)]
    low = load.lowest(looks, 600, 60)
    assert load.growth(low[:, 0], low[:, 1]) == pytest.approx((18, 0), abs=0.1)
    assert load.growth(low[:, 0], low[:, 2])[0] == pytest.approx(9, abs=0.1)
