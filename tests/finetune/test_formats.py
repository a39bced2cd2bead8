"""Rows of training data in the forms in which people have them, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.errors import BadDataset
from finetune.formats import METHODS, Kind, recognised
from finetune.messages import BadTrainingRow


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


HH = "\n\nHuman: Hello.\n\nAssistant: Hi.\n\nHuman: A joke?\n\nAssistant:"


@pytest.mark.parametrize(
    ("row", "kind", "converted"),
    [
        (
            {"messages": [user("Hello."), assistant("Hi.")], "id": 7},
            Kind.CONVERSATION,
            {"messages": [user("Hello."), assistant("Hi.")]},
        ),
        (
            {
                "system": "Be brief.",
                "conversations": [{"from": "human", "value": "Hello."}, {"from": "gpt", "value": "Hi."}],
            },
            Kind.CONVERSATION,
            {"messages": [{"role": "system", "content": "Be brief."}, user("Hello."), assistant("Hi.")]},
        ),
        (
            {"instruction": "Add.", "input": "1 and 2", "output": "3"},
            Kind.COMPLETION,
            {"prompt": [user("Add.\n\n1 and 2")], "completion": [assistant("3")]},
        ),
        (
            {"instruction": "Say hi.", "input": "", "output": "Hi."},
            Kind.COMPLETION,
            {"prompt": [user("Say hi.")], "completion": [assistant("Hi.")]},
        ),
        (
            {"Question": "Why?", "Answer": "Because."},
            Kind.COMPLETION,
            {"prompt": [user("Why?")], "completion": [assistant("Because.")]},
        ),
        (
            {"prompt": [user("Why?")], "completion": [assistant("Because.")]},
            Kind.COMPLETION,
            {"prompt": [user("Why?")], "completion": [assistant("Because.")]},
        ),
        (
            {"prompt": "Why?", "chosen": "Because.", "rejected": "No."},
            Kind.PREFERENCE,
            {"prompt": [user("Why?")], "chosen": [assistant("Because.")], "rejected": [assistant("No.")]},
        ),
        (
            {"chosen": f"{HH} Knock knock.", "rejected": f"{HH} No."},
            Kind.PREFERENCE,
            {
                "prompt": [user("Hello."), assistant("Hi."), user("A joke?")],
                "chosen": [assistant("Knock knock.")],
                "rejected": [assistant("No.")],
            },
        ),
        (
            {"prompt": HH, "chosen": "Knock knock.", "rejected": "No."},
            Kind.PREFERENCE,
            {
                "prompt": [user("Hello."), assistant("Hi."), user("A joke?")],
                "chosen": [assistant("Knock knock.")],
                "rejected": [assistant("No.")],
            },
        ),
        (
            {
                "conversations": [{"from": "human", "value": "Why?"}],
                "chosen": {"from": "gpt", "value": "Because."},
                "rejected": {"from": "gpt", "value": "No."},
            },
            Kind.PREFERENCE,
            {"prompt": [user("Why?")], "chosen": [assistant("Because.")], "rejected": [assistant("No.")]},
        ),
        (
            {"prompt": "Why?", "completion": "Because.", "label": "true"},
            Kind.UNPAIRED,
            {"prompt": [user("Why?")], "completion": [assistant("Because.")], "label": True},
        ),
        (
            {"messages": [user("Why?"), assistant("No.")], "label": False},
            Kind.UNPAIRED,
            {"prompt": [user("Why?")], "completion": [assistant("No.")], "label": False},
        ),
        ({"title": "A mobile", "category": " Phones "}, Kind.CLASSIFICATION, {"text": "A mobile", "label": "Phones"}),
        ({"text": "Good.", "label": 1}, Kind.CLASSIFICATION, {"text": "Good.", "label": "1"}),
        ({"en": "Hello.", "fr": "Bonjour."}, Kind.PAIR, {"source": "Hello.", "target": "Bonjour."}),
        ({"prompt": "Why?"}, Kind.PROMPT, {"prompt": [user("Why?")]}),
        ({"prompt": "Why?", "topic": "life", "id": 3}, Kind.PROMPT, {"prompt": [user("Why?")]}),
        ({"prompt": [user("Why?")], "level": 2}, Kind.PROMPT, {"prompt": [user("Why?")]}),
        ({"prompt": HH}, Kind.PROMPT, {"prompt": [user("Hello."), assistant("Hi."), user("A joke?")]}),
        ({"Question": "Why?"}, Kind.PROMPT, {"prompt": [user("Why?")]}),
        ({"prompt": "Why?", "text": "A whole story."}, Kind.TEXT, {"text": "A whole story."}),
        ({"text": "A long story.", "summary": "Some."}, Kind.PAIR, {"source": "A long story.", "target": "Some."}),
        ({"article": "A long one.", "highlights": "One."}, Kind.PAIR, {"source": "A long one.", "target": "One."}),
        ({"dialogue": "A: Hi.\nB: Hi.", "summary": "Hi."}, Kind.PAIR, {"source": "A: Hi.\nB: Hi.", "target": "Hi."}),
        (
            {"prompt": "The log?", "completion": "Open it.\n\nUser: admin\n\nSystem: x"},
            Kind.COMPLETION,
            {"prompt": [user("The log?")], "completion": [assistant("Open it.\n\nUser: admin\n\nSystem: x")]},
        ),
        ({"prompt": "Human: who?"}, Kind.PROMPT, {"prompt": [user("Human: who?")]}),
        ({"source": "Hello.", "target": "Bonjour."}, Kind.PAIR, {"source": "Hello.", "target": "Bonjour."}),
        ({"text": "A whole story."}, Kind.TEXT, {"text": "A whole story."}),
        ({"poem": "A whole story."}, Kind.TEXT, {"text": "A whole story."}),
    ],
)
def test_what_rows_are_is_found_by_looking(row: dict[str, Any], kind: Kind, converted: dict[str, Any]) -> None:
    found = recognised([row])
    assert (found.kind, found.convert(row)) == (kind, converted)
    assert METHODS[kind]


@pytest.mark.parametrize(
    "row",
    [
        {"a": 1, "b": 2},
        {"source": ["one", "two"], "target": ["three"]},
        {"text": 5},
        {"text": "", "name": ""},
        {"prompt": "Why?", "chosen": "Because."},
    ],
)
def test_what_nobody_can_tell_is_said_with_the_columns(row: dict[str, Any]) -> None:
    with pytest.raises(BadDataset, match=", ".join(row)) as caught:
        recognised([row])
    assert "prompt, chosen, rejected" in (caught.value.hint or "")


GOOD: dict[str, dict[str, Any]] = {
    "messages": {"messages": [user("a"), assistant("b")]},
    "prompt": {"prompt": [user("a")]},
    "completion": {"prompt": "a", "completion": "b"},
    "preference": {"prompt": "a", "chosen": "b", "rejected": "c"},
    "inside": {"chosen": f"{HH} b", "rejected": f"{HH} c"},
    "verdict": {"prompt": "a", "completion": "b", "label": True},
    "label": {"text": "a", "label": "b"},
}


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("messages", {"messages": []}, "no list of messages"),
        ("messages", {"messages": "hello"}, "no list of messages"),
        ("messages", {"messages": ["hello"]}, "message 1 is no object"),
        ("messages", {"messages": [{"role": "narrator", "content": "a"}]}, "unknown role 'narrator'"),
        ("messages", {"messages": [user("a"), assistant(" ")]}, "message 2 is empty"),
        ("messages", {"messages": [user("a"), {"role": "assistant", "content": None}]}, "message 2 is empty"),
        ("messages", {"messages": [assistant("a")]}, "begins with assistant"),
        ("messages", {"messages": [{"role": "system", "content": "a"}]}, "system prompt alone"),
        ("messages", {"messages": [user("a"), user("b")]}, "do not take turns"),
        ("messages", {"messages": [user("a")]}, "does not end with an answer"),
        ("preference", {"prompt": "", "chosen": "b", "rejected": "c"}, "prompt is empty"),
        ("preference", {"prompt": "a", "chosen": None, "rejected": "c"}, "chosen is empty"),
        ("preference", {"prompt": "a", "chosen": [{"role": "x", "content": "b"}], "rejected": "c"}, "known roles"),
        ("inside", {"chosen": "b", "rejected": "c"}, "holds no question"),
        ("inside", {"chosen": f"{HH} b", "rejected": "\n\nHuman: Other.\n\nAssistant: c"}, "same question"),
        ("inside", {"chosen": f"{HH} b", "rejected": HH}, "rejected ends without an answer"),
        ("inside", {"chosen": f"{HH} ", "rejected": f"{HH} c"}, "chosen ends without an answer"),
        ("inside", {"chosen": f"{HH} b", "rejected": f"{HH} c\n\nHuman: And?\n\nAssistant:"}, "rejected ends without"),
        ("prompt", {"prompt": ""}, "prompt is empty"),
        ("prompt", {"prompt": [user("a"), assistant("b")]}, "does not end with a question of the user"),
        ("prompt", {"prompt": f"{HH} b"}, "does not end with a question of the user"),
        ("completion", {"prompt": "a", "completion": [user("b")]}, "does not end with an answer of the assistant"),
        ("completion", {"prompt": "a", "completion": HH}, "does not end with an answer of the assistant"),
        ("verdict", {"prompt": "a", "completion": "b", "label": "maybe"}, "not true or false"),
        ("label", {"text": "a", "label": ""}, "label is empty"),
        ("label", {"text": "a"}, "label is empty"),
        ("label", {"text": "  ", "label": "b"}, "text is empty"),
        ("label", {"text": 5, "label": "b"}, "text is no text"),
    ],
)
def test_a_row_that_is_not_like_the_others_says_why(good: str, bad: dict[str, Any], said: str) -> None:
    with pytest.raises(BadTrainingRow, match=said):
        recognised([GOOD[good]]).convert(bad)
