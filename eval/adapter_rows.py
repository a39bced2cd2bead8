"""Rows of LLM-Adapters' files (Hu et al. 2023, arXiv:2304.01933), which hold a question and its answers in one text, as
the Hub's data sets have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Row = dict[str, Any]
COLUMNS = ("instruction", "answer")


def arc(row: Row) -> Row:
    question, answers, right = _choices(row)
    labels = list("ABCDE"[: len(answers)])
    return {"question": question, "choices": {"text": answers, "label": labels}, "answerKey": labels[right]}


def openbookqa(row: Row) -> Row:
    made = arc(row)
    return {"question_stem": made.pop("question"), **made}


def piqa(row: Row) -> Row:
    goal, (first, second), right = _choices(row)
    return {"goal": goal, "sol1": first, "sol2": second, "label": right}


def siqa(row: Row) -> Row:
    """Story and question stand in one line, which the harness's prompt makes of them again."""
    text, (first, second, third), right = _choices(row)
    found = re.fullmatch(r"(.+[.!?\"']\s*) ([^.!?]+\?)", text, re.DOTALL)
    context, question = found.groups() if found else text.rsplit(" ", 1)
    answers = {"answerA": first, "answerB": second, "answerC": third}
    return {"context": context, "question": question, **answers, "label": str(right + 1)}


def winogrande(row: Row) -> Row:
    sentence, (first, second), right = _choices(row)
    return {"sentence": sentence, "option1": first, "option2": second, "answer": str(right + 1)}


def boolq(row: Row) -> Row:
    """The passages are not in the file; the label is what the file has, "true" or "false"."""
    question = _asked(row).partition("question: ")[2].rstrip("?")
    return {"passage": "", "question": question, "label": row["answer"]}


def _choices(row: Mapping[str, Any]) -> tuple[str, list[str], int]:
    """Question, answers and the place of the right one."""
    question, *answers = re.split(r"\s*\b(?:Answer|Solution|Option)\d: ", _asked(row))
    question = question.partition(": ")[2]
    right = int(re.sub(r"\D", "", str(row["answer"]))) - 1
    if not 0 <= right < len(answers):
        raise ValueError(f"{row['answer']!r} is none of its {len(answers)} answers")
    return question, [answer.strip() for answer in answers], right


def _asked(row: Mapping[str, Any]) -> str:
    return str(row["instruction"]).rpartition("Answer format:")[0].strip()
