"""Every character of a streamed reply is known before: what is lost, and what is another's, is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench import serving
from tests.bench.conftest import Answer, Body, Serve, streamed
from tests.bench.program import BenchFailed
from tests.bench.serving import Side, fate, told

WHOLE = json.dumps({"told": told("client 1 turn 2 0a1b")})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (WHOLE, "whole"),
        (WHOLE.replace('{"', '{\n  "'), "whole"),  # a schema leaves room between the parts
        (WHOLE.replace("turn", "tur", 1), "lost"),
        (WHOLE.replace(" turn 2", "", 1), "lost"),
        (WHOLE.replace("1 turn", "1turn", 1), "lost"),
        (WHOLE[:-20], "lost"),
        ("", "lost"),
        (WHOLE.replace("1 turn 2", "3 turn 2", 1), "crossed"),
        (WHOLE.replace("turn", "turn turn", 1), "crossed"),
        (WHOLE.replace("0a1b", "0b1a"), "crossed"),
        (json.dumps({"told": told("client 7 turn 2 ffff")}), "crossed"),
        (WHOLE + WHOLE, "crossed"),
    ],
)
def test_what_became_of_a_reply(text: str, what: str) -> None:
    assert fate(text, "client 1 turn 2 0a1b") == what


def asked_for(body: Body) -> str:
    """What a request holds the model to."""
    schema: dict[str, Any] = body["response_format"]["json_schema"]["schema"]
    return json.dumps({"told": schema["properties"]["told"]["enum"][0]})


class Faulty:
    """Says what it is asked for, but that `changed` is done to every third client's."""

    def __init__(self, changed: Any) -> None:
        self._changed, self.asked = changed, 0

    def __call__(self, path: str, body: Body) -> Answer:
        text = asked_for(body)
        self.asked += 1
        return streamed(self._changed(text) if self.asked % 3 == 0 else text)


@pytest.mark.parametrize(
    ("changed", "what"),
    [(lambda text: text, ""), (lambda text: text[:30] + text[37:], "lost"), (lambda text: WHOLE, "crossed")],
    ids=["good", "loses a piece", "gives another's"],
)
def test_a_server_is_counted_by_what_its_clients_have(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, changed: Any, what: str
) -> None:
    monkeypatch.setattr(serving, "CLIENTS", 6)
    side = Side("a server", serve(Faulty(changed)))
    side.turn(0.3)
    counts, seconds = dict(side.counts), side.seconds
    assert counts["requests"] > 6 and counts["tokens"] == 3 * counts["requests"] and seconds >= 0.3
    faults = {name: counts.get(name, 0) for name in ("lost", "crossed")}
    assert {name for name, count in faults.items() if count} == ({what} if what else set())
    assert counts["whole"] + sum(faults.values()) == counts["requests"]
    side.turn(0.1)
    assert side.counts["requests"] > counts["requests"] and side.seconds > seconds


def test_a_server_that_refuses_has_no_figures(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CLIENTS", 2)
    asked = iter(range(10**6))
    side = Side(
        "a server", serve(lambda path, body: (503, b"closing") if next(asked) > 4 else streamed(asked_for(body)))
    )
    with pytest.raises(BenchFailed, match="503"):
        side.turn(5)
