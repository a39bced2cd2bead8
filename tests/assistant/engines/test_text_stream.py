from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.text_stream import TextStream


def letters(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens))


def octets(tokens: Sequence[int]) -> str:
    """A byte-level vocabulary: one token a byte, as GPT-2's falls back to."""
    return bytes(tokens).decode("utf-8", errors="replace")


def words(tokens: Sequence[int]) -> str:
    """A sentencepiece-like vocabulary: a space before every word but the first of what is decoded."""
    return " ".join(f"w{token}" for token in tokens)


def run(stream: TextStream, tokens: Sequence[int]) -> list[str]:
    pieces: list[str] = []
    for token in tokens:
        pieces.append(stream.add(token))
        if stream.stopped:
            break
    return [*pieces, stream.finish()]


@given(st.text(max_size=60))
def test_characters_split_over_tokens_come_whole(text: str) -> None:
    pieces = run(TextStream(octets), text.encode())
    assert "".join(pieces) == text
    assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces) or "\N{REPLACEMENT CHARACTER}" in text


@given(st.lists(st.integers(0, 9), max_size=20))
def test_spaces_between_words_are_kept(tokens: list[int]) -> None:
    assert "".join(run(TextStream(words), tokens)) == words(tokens)


def test_text_comes_at_once_where_nothing_holds_it() -> None:
    assert run(TextStream(letters), [ord(c) for c in "abc"]) == ["a", "b", "c", ""]


def test_broken_bytes_are_shown_in_the_end() -> None:
    pieces = run(TextStream(octets), b"ok\xf0\x9f")
    assert "".join(pieces) == "ok\N{REPLACEMENT CHARACTER}"
    assert "".join(run(TextStream(octets), [0x80] * 50)).startswith("\N{REPLACEMENT CHARACTER}" * 9)


@pytest.mark.parametrize(
    ("text", "stop", "expected", "stopped"),
    [
        ("hello world", ("wor",), "hello ", True),
        ("hello wo", ("wor",), "hello wo", False),
        ("aXbXXc", ("XX",), "aXb", True),
        ("aaab", ("aab",), "a", True),
        ("one\nUser: two", ("\nUser:", "###"), "one", True),
        ("stop", ("stop",), "", True),
        ("x###y\nUser:", ("\nUser:", "###"), "x", True),
        ("nothing", (), "nothing", False),
    ],
)
def test_stop_texts(text: str, stop: tuple[str, ...], expected: str, stopped: bool) -> None:
    stream = TextStream(letters, stop)
    assert "".join(run(stream, [ord(c) for c in text])) == expected
    assert stream.stopped == stopped


@given(st.text("ab", max_size=30), st.text("ab", min_size=1, max_size=4))
def test_a_stop_text_is_never_seen_and_nothing_else_is_lost(text: str, stop: str) -> None:
    seen = "".join(run(TextStream(letters, (stop,)), [ord(c) for c in text]))
    assert seen == text.partition(stop)[0]


def test_probabilities_come_with_their_text() -> None:
    stream = TextStream(letters, ("bcd",))
    for token, passed in [("a", ["a"]), ("b", []), ("c", []), ("x", ["b", "c", "x"]), ("b", []), ("c", []), ("d", [])]:
        stream.add(ord(token), -0.5, [(ord("q"), -1.0)])
        assert [p.text for p in stream.probabilities()] == passed
    assert stream.stopped and stream.finish() == ""


def test_alternatives_are_what_could_stand_in_the_token_s_place() -> None:
    stream = TextStream(words)
    stream.add(1, -0.1, [(1, -0.1), (2, -3.0)])
    stream.add(3, -0.2, [(4, -2.0)])
    first, second = stream.probabilities()
    assert (first.text, first.alternatives) == ("w1", (("w1", -0.1), ("w2", -3.0)))
    assert (second.text, second.alternatives) == (" w3", ((" w4", -2.0),))


def test_a_long_reply_costs_no_more_a_token_than_a_short_one() -> None:
    longest = 0

    def decode(tokens: Sequence[int]) -> str:
        nonlocal longest
        longest = max(longest, len(tokens))
        return words(tokens)

    run(TextStream(decode), range(500))
    assert longest <= 3
