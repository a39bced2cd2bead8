"""What clients of a benchmark meet is counted or told: figures of a server that does not answer are none."""

from __future__ import annotations

import pytest

from tests.bench.clients import FAILURES, MOST_ERRORS, Asking, Shift, connection, embed, together
from tests.bench.conftest import Answer, Serve, streamed
from tests.bench.program import BenchFailed

FAILED = streamed("fine", done=False)[1] + b'data: {"error": {"message": "closing"}}\n\ndata: [DONE]\n\n'


def test_a_whole_stream_says_what_it_was(serve: Serve) -> None:
    asking = Asking(serve(lambda path, body: streamed("once upon a time", tokens=4, finish="length")))
    for _ in range(2):
        reply = asking.stream({})
        assert (reply.text, reply.tokens, reply.finish) == ("once upon a time", 4, "length")


@pytest.mark.parametrize(
    "answer",
    [
        streamed("fine", done=False),
        streamed("fine", finish=None),
        streamed("fine", tokens=0),
        (200, FAILED),
        (200, b"error: slot is gone\n\ndata: [DONE]\n\n"),
        (200, b"data: {no JSON\n\n"),
        (500, b"oh"),
        None,
    ],
    ids=["cut off", "no reason", "no tokens", "failed", "failed, llama.cpp", "no JSON", "500", "hung up"],
)
def test_a_stream_that_is_not_whole_is_a_failure(serve: Serve, answer: Answer) -> None:
    with pytest.raises(FAILURES):
        Asking(serve(lambda path, body: answer)).stream({})


def test_a_text_without_its_embedding_is_a_failure(serve: Serve) -> None:
    port = serve(lambda path, body: (200, b'{"data": [{"index":0,"embedding":"AA"}]}'))
    embed(connection(port), ["one"])
    with pytest.raises(OSError, match="as many"):
        embed(connection(port), ["one", "two"])


def test_clients_do_not_fail_in_silence() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 1:
            raise ConnectionResetError("gone")
        done.append(number)

    with pytest.raises(BenchFailed, match=r"1 of 3 clients failed, the first with .*gone"):
        together(work, 3)
    assert sorted(done) == [0, 2]


def test_a_shift_counts_and_ends_early_where_too_much_fails() -> None:
    shift = Shift(60)
    shift.count("answered", 3)
    shift.check()
    shift.failed(OSError("status 500"))
    assert shift.on
    with pytest.raises(BenchFailed, match=r"1 requests failed, the first with .*500"):
        shift.check()
    for _ in range(MOST_ERRORS):
        shift.failed(OSError("later"))
    assert not shift.on and not Shift(0).on
