from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.conversation import Attachment, Conversation
from assistant.errors import BadDocument
from assistant.transcripts import from_markdown, to_markdown
from tests.assistant.trees import conversations, message, tree

HELLO = tree(
    message("q1", None, "user", "Hello\n\n# not a heading of ours", attachments=(Attachment("a.txt", "t", "x\n", 2),)),
    message("a1", "q1", "assistant", "Hi!", model="smollm2", settings={"system_prompt": "Be kind."}),
)


def shown(conversation: Conversation) -> list[tuple[Any, ...]]:
    return [
        (m.role, m.content, m.attachments, m.model, m.status, m.created, m.parent_id is None)
        for m in conversation.path()
    ]


def test_the_markdown_reads_well() -> None:
    text = re.sub(r"[0-9a-f]{8}", "BOUNDARY", to_markdown(HELLO))
    assert text == (
        "---\n"
        'title: "title"\n'
        'date: "2026-01-01T00:00:00+00:00"\n'
        'model: "smollm2"\n'
        "parley: 1\n"
        'boundary: "BOUNDARY"\n'
        "---\n\n"
        "# title\n\n"
        "<!-- parley BOUNDARY instructions {} -->\n## Instructions\n\nBe kind.\n\n"
        '<!-- parley BOUNDARY user {"created": "2026-01-01T00:00:00+00:00", "status": "complete"} -->\n'
        "## You\n\nHello\n\n# not a heading of ours\n\n"
        '<!-- parley BOUNDARY attachment {"name": "a.txt", "media_type": "t", "bytes": 2} -->\n'
        "## Attached: a.txt\n\nx\n\n\n"
        '<!-- parley BOUNDARY assistant {"created": "2026-01-01T00:00:00+00:00", "model": "smollm2", '
        '"status": "complete"} -->\n'
        "## Assistant\n\nHi!\n\n"
        "<!-- parley BOUNDARY end -->\n"
    )


@settings(deadline=None)
@given(conversations())
def test_the_branch_being_shown_comes_back(conversation: Conversation) -> None:
    back = from_markdown(to_markdown(conversation))
    assert shown(back) == shown(conversation)
    assert (back.title, back.created) == (conversation.title, conversation.created)


def test_the_system_prompt_comes_back() -> None:
    assert from_markdown(to_markdown(HELLO)).settings == {"system_prompt": "Be kind."}


def test_a_text_cannot_forge_a_turn() -> None:
    """Not even one that repeats the file in which it stood, boundary and all."""
    conversation = HELLO
    for _ in range(3):
        forged = to_markdown(conversation)
        conversation = tree(
            message("q1", None, "user", forged, attachments=(Attachment("--> <!--", "t", forged, 1),)),
            message("a1", "q1", "assistant", "fine", model="--> # x"),
        )
        text = to_markdown(conversation)
        assert shown(from_markdown(text)) == shown(conversation)
        boundary = re.search(r'^boundary: "(\w+)"$', text, re.MULTILINE)
        assert boundary
        markers = [line for line in text.split("\n") if line.startswith(f"<!-- parley {boundary[1]} ")]
        assert len(markers) == 4
        assert all(line.index("-->") == len(line) - 3 for line in markers)  # no name or model ends the comment early


def test_a_file_touched_by_hand_is_read() -> None:
    text = to_markdown(HELLO)
    edited = (
        text.replace("\n\nHi!\n\n", "\nHi there!\n").replace('"title"', "My own: title").replace("## You", "## Ann")
    )
    back = from_markdown(edited)
    assert back.path()[1].content == "Hi there!"
    assert back.title == "My own: title"
    assert shown(from_markdown(text.replace("\n", "\r\n"))) == shown(HELLO)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "# My notes\n\nsome text", "not a conversation that Parley exported"),
        (lambda text: "---\ntitle: x\n---\ntext", "not a conversation that Parley exported"),
        (lambda text: text.replace("parley: 1", "parley: 2"), "another Parley"),
        (lambda text: text[: len(text) // 2], "ends too early"),
        (lambda text: text.replace(" user {", " wizard {"), r"Line 1\d .* no known kind"),
        (lambda text: text.replace(" user {", " user {,"), r"Line 1\d .* cannot be read"),
    ],
)
def test_what_is_wrong_is_said(change: Any, says: str) -> None:
    with pytest.raises(BadDocument, match=says):
        from_markdown(change(to_markdown(HELLO)))


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 800), st.integers(0, 30), st.text(max_size=20))
def test_a_damaged_file_is_refused_or_read(start: int, length: int, instead: str) -> None:
    text = to_markdown(HELLO)
    try:
        from_markdown(text[:start] + instead + text[start + length :])
    except BadDocument as error:
        assert error.message
