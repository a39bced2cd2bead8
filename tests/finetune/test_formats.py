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
    "row", [{"a": 1, "b": 2}, {"source": ["one", "two"], "target": ["three"]}, {"text": 5}, {"text": "", "name": ""}]
)
def test_what_nobody_can_tell_is_said_with_the_columns(row: dict[str, Any]) -> None:
    with pytest.raises(BadDataset, match=", ".join(row)) as caught:
        recognised([row])
    assert "prompt, chosen, rejected" in (caught.value.hint or "")


GOOD: dict[str, dict[str, Any]] = {
    "messages": {"messages": [user("a"), assistant("b")]},
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
