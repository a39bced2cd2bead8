from __future__ import annotations

from typing import Any

from hypothesis import given

from assistant.conversation import Attachment
from assistant.training_rows import kto_rows, preference_rows, sft_rows
from tests.assistant.trees import conversations, message, tree


def turns(*texts: str, system: str | None = None) -> list[dict[str, str]]:
    """Question, answer, question, … in TRL's form."""
    first = [{"role": "system", "content": system}] if system else []
    return first + [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


BRIEF = {"system_prompt": "Be brief."}
VOTED = tree(
    message("q1", None, "user"),
    message("good", "q1", "assistant", vote=1, settings=BRIEF),
    message("bad", "q1", "assistant", vote=-1, settings=BRIEF, beside="good"),
    message("bad elsewhere", "q1", "assistant", vote=-1, settings={"system_prompt": "Be long."}),
    message("broken", "q1", "assistant", vote=-1, settings=BRIEF, status="interrupted"),
    message("unvoted", "q1", "assistant", settings=BRIEF),
    message("q2", "good", "user"),
    message("wrong", "q2", "assistant", vote=-1, correction="right", status="stopped"),
)


def test_liked_over_disliked_and_corrected_over_original() -> None:
    assert list(preference_rows(VOTED)) == [
        {"prompt": turns("q1", "good", "q2"), "chosen": said("right"), "rejected": said("wrong")},
        {"prompt": turns("q1", system="Be brief."), "chosen": said("good"), "rejected": said("bad")},
    ]


def test_votes_become_labels() -> None:
    question = turns("q1", system="Be brief.")
    assert list(kto_rows(VOTED)) == [
        {"prompt": question, "completion": said("good"), "label": True},
        {"prompt": question, "completion": said("bad"), "label": False},
        {"prompt": turns("q1", system="Be long."), "completion": said("bad elsewhere"), "label": False},
        {"prompt": turns("q1", "good", "q2"), "completion": said("wrong"), "label": False},
    ]


def test_branches_of_good_replies_become_examples() -> None:
    assert list(sft_rows(VOTED)) == [{"messages": turns("q1", "good", "q2", "right")}]


def test_a_branch_ends_before_its_first_reply_that_is_not_good() -> None:
    conversation = tree(
        message("q1", None, "user"),
        message("a1", "q1", "assistant", vote=1),
        message("q2", "a1", "user"),
        message("a2", "q2", "assistant"),
        message("q3", "a2", "user"),
        message("a3", "q3", "assistant", vote=1),
        message("q2 edited", "a1", "user"),
        message("a4", "q2 edited", "assistant", vote=1),
    )
    assert list(sft_rows(conversation)) == [{"messages": turns("q1", "a1", "q2 edited", "a4")}]
    assert list(sft_rows(conversation, everything=True)) == [
        {"messages": turns("q1", "a1", "q2", "a2", "q3", "a3")},
        {"messages": turns("q1", "a1", "q2 edited", "a4")},
    ]


def test_a_document_is_part_of_the_question() -> None:
    document = Attachment("a.txt", "text/plain", "text", 4)
    conversation = tree(message("q1", None, "user", attachments=(document,)), message("a1", "q1", "assistant", vote=1))
    (row,) = kto_rows(conversation)
    assert row["prompt"] == turns('<document name="a.txt">\ntext\n</document>\n\nq1')


def test_a_correction_that_changes_nothing_teaches_nothing() -> None:
    conversation = tree(message("q1", None, "user"), message("a1", "q1", "assistant", correction="a1"))
    assert list(preference_rows(conversation)) == []


def test_a_reply_to_nothing_is_left_out() -> None:
    conversation = tree(message("hello", None, "assistant", vote=1, correction="hi"))
    assert [*preference_rows(conversation), *kto_rows(conversation)] == []


@given(conversations())
def test_every_row_is_in_the_form_that_trl_names_conversational(conversation: Any) -> None:
    rows = {
        ("prompt", "chosen", "rejected"): list(preference_rows(conversation)),
        ("prompt", "completion", "label"): list(kto_rows(conversation)),
        ("messages",): [*sft_rows(conversation), *sft_rows(conversation, everything=True)],
    }
    for columns, found in rows.items():
        for row in found:
            assert tuple(row) == columns
            for name in set(columns) - {"label"}:
                assert row[name]
                for turn in row[name]:
                    assert turn.keys() == {"role", "content"}
                    assert turn["role"] in ("system", "user", "assistant")
                    assert turn["content"]
            assert row.get("prompt", said(""))[-1]["role"] == ("user" if "prompt" in row else "assistant")
            assert row.get("messages", said(""))[-1]["role"] == "assistant"
            assert isinstance(row.get("label", True), bool)
            assert row.get("chosen", 1) != row.get("rejected", 2)
