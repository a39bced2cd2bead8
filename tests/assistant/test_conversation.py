from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.conversation import Attachment, Conversation, StoredMessage, prompt, title_from, window
from assistant.engines.protocol import Message, Role
from assistant.errors import TextTooLong, UnknownConversation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def message(name: str, parent: str | None, role: Role, content: str | None = None, **fields: object) -> StoredMessage:
    text = name if content is None else content
    return StoredMessage(name, "c", parent, role, text, NOW, **fields)  # type: ignore[arg-type]


def tree(head: str | None, *messages: StoredMessage) -> Conversation:
    return Conversation("c", "title", {}, head, {m.id: m for m in messages}, NOW, NOW)


TREE = tree(
    "a2",
    message("q1", None, "user"),
    message("a1", "q1", "assistant"),
    message("q2", "a1", "user"),
    message("a2", "q2", "assistant"),
    message("a1-again", "q1", "assistant"),  # regenerated
    message("q1-edited", None, "user"),
    message("q3", "a1-again", "user"),
    message("a3", "q3", "assistant"),
    message("a3-beside", "q3", "assistant", beside="a3"),
)


def names(messages: Sequence[StoredMessage]) -> list[str]:
    return [m.id for m in messages]


def test_a_path_runs_from_the_first_question_to_the_head() -> None:
    assert names(TREE.path()) == ["q1", "a1", "q2", "a2"]
    assert names(TREE.path("a3")) == ["q1", "a1-again", "q3", "a3"]
    assert tree(None).path() == []


def test_siblings_share_parent_and_role() -> None:
    assert TREE.siblings("a1-again") == ["a1", "a1-again"]
    assert TREE.siblings("q1-edited") == ["q1", "q1-edited"]
    assert TREE.siblings("q2") == ["q2"]


def test_the_leaf_under_a_message_follows_the_newest_children() -> None:
    assert TREE.leaf_under("q1") == "a3-beside"
    assert TREE.leaf_under("a1") == "a2"
    assert TREE.leaf_under("q1-edited") == "q1-edited"
    assert TREE.leaves() == ["a2", "q1-edited", "a3", "a3-beside"]


@pytest.mark.parametrize("walk", [TREE.path, TREE.siblings, TREE.leaf_under])
def test_an_unknown_message_is_named(walk: object) -> None:
    with pytest.raises(UnknownConversation, match="nowhere"):
        walk("nowhere")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", ""),
        ("  \n ## \n", ""),
        ("Hello there\nsecond line", "Hello there"),
        ("\n\n  ## A   heading\t here", "A heading here"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("word " * 11 + "seventy characters are too long", "word word word word word word word word word word word…"),
        ("Is it true, that a comma, before the cut, here and there, is dropped, or kept?", None),
    ],
)
def test_a_title_is_the_first_line_cut_at_a_word(text: str, title: str | None) -> None:
    made = title_from(text)
    assert title is None or made == title
    assert not made.endswith((",…", " …"))


@given(st.text())
def test_a_title_is_one_short_line(text: str) -> None:
    title = title_from(text)
    assert len(title) <= 60
    assert len(title.splitlines()) <= 1
    assert title == title.strip()


def test_a_prompt_has_the_documents_and_no_two_neighbours_of_one_role() -> None:
    document = Attachment("notes.txt", "text/plain", "Paris is a city.", 16)
    branch = [
        message("q1", None, "user", "What is this?", attachments=(document,)),
        message("a1", "q1", "assistant", "", status="failed"),
        message("q2", "a1", "user", "Well?"),
        message("a2", "q2", "assistant", "A letter.", correction="A note."),
    ]
    assert prompt(branch, "Be brief.") == [
        Message("system", "Be brief."),
        Message("user", '<document name="notes.txt">\nParis is a city.\n</document>\n\nWhat is this?\n\nWell?'),
        Message("assistant", "A note."),
    ]
    assert prompt([]) == []


class Counter:
    """Counts words, as a tokenizer would, and how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, messages: Sequence[Message]) -> int:
        self.calls += 1
        return sum(len(m.content.split()) + 4 for m in messages)


def words(count: int) -> str:
    return "word " * count


@st.composite
def chats(draw: st.DrawFn) -> list[Message]:
    """Any order of roles after the system prompt, alternating or not."""
    system = [Message("system", words(n)) for n in draw(st.lists(st.integers(0, 20), max_size=1))]
    turns = draw(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.integers(0, 30)), min_size=1))
    return system + [Message(role, words(n)) for role, n in turns]


@given(chats(), st.integers(0, 400))
def test_the_window_keeps_the_most_that_fits(messages: list[Message], budget: int) -> None:
    """Compared with the plain way: try every number of turns to leave out."""
    count = Counter()
    system = [m for m in messages if m.role == "system"]
    rest = messages[len(system) :]
    starts = sorted({0, *(i for i, m in enumerate(rest) if m.role == "user")})
    fitting = [i for i in starts if Counter()(system + rest[i:]) <= budget]
    if not fitting:
        with pytest.raises(TextTooLong):
            window(messages, budget=budget, count=count)
        return
    kept, left_out = window(messages, budget=budget, count=count)
    assert kept == system + rest[fitting[0] :]
    assert left_out == fitting[0] == len(messages) - len(kept)
    assert count.calls <= 2 + len(starts).bit_length()


def test_a_chat_that_fits_is_counted_once() -> None:
    count = Counter()
    messages = [Message("user", "hello"), Message("assistant", "hello")] * 500
    assert window(messages, budget=10_000, count=count) == (messages, 0)
    assert count.calls == 1


def test_a_question_too_long_says_by_how_much() -> None:
    with pytest.raises(TextTooLong, match=r"1004 tokens.* 512 fit"):
        window([Message("user", words(1000))], budget=512, count=Counter())
