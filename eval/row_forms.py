"""Forms that rows of a set are spread in, the Hub's and others: columns of each, and what makes the Hub's row of one.

A cell of a CSV is text: where a form has a list or an object, it is read as JSON or as a Python literal.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval import adapter_rows, winobias

Row = dict[str, Any]
CALLED = {list: "list", dict: "object"}
SHOWN = 40
"""Characters of a value that is refused."""


@dataclass(frozen=True)
class Form:
    """Rows with these columns. convert: makes the Hub's row of one; raises ValueError, KeyError, IndexError,
    AttributeError or TypeError for one that it cannot use."""

    columns: tuple[str, ...]
    convert: Callable[[Row], Row] = dict[str, Any]
    nested: Mapping[str, type] = field(default_factory=dict[str, type])
    """Columns that hold a list or an object."""

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether the row has its columns."""
        return all(name in row for name in self.columns)

    def read(self, row: Mapping[str, Any]) -> Row:
        """The Hub's row of one of this form. Raises what `convert` does."""
        made = dict(row)
        for name, kind in self.nested.items():
            value = _literal(row[name]) if isinstance(row[name], str) else row[name]
            if not isinstance(value, kind):
                raise ValueError(f"{name} is no {CALLED[kind]}: {str(value)[:SHOWN]!r}")
            made[name] = value
        return self.convert(made)


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return list(found) if isinstance(found, tuple) else found


def _place(row: Mapping[str, Any], name: str, choices: Sequence[Any], what: str = "choices") -> int:
    place = int(row[name])
    if not 0 <= place < len(choices):
        raise ValueError(f"{name} {place} is no place among {len(choices)} {what}")
    return place


def _truth(value: Any) -> int:
    """1 of what says yes, 0 of what says no, however it is written."""
    said = str(value).strip().lower()
    if said not in ("true", "yes", "1", "false", "no", "0"):
        raise ValueError(f"{value!r} is neither true nor false")
    return int(said in ("true", "yes", "1"))


def _texts(*names: str) -> Callable[[Row], Row]:
    """Of rows whose columns of these names are texts, none of them empty."""

    def convert(row: Row) -> Row:
        for name in names:
            if row[name] is None or not str(row[name]).strip():
                raise ValueError(f"{name} is empty")
        return {**row, **{name: str(row[name]) for name in names}}

    return convert


def _hellaswag(row: Row) -> Row:
    endings = [str(each) for each in row["endings"]]
    return {**row, "endings": endings, "label": str(_place(row, "label", endings, "endings"))}


def _labelled(row: Row) -> Row:
    """Of ARC and OpenBookQA on the Hub: the right answer is one of the labels."""
    labels = [str(label) for label in row["choices"]["label"]]
    if str(row["answerKey"]).strip() not in labels:
        raise ValueError(f"answerKey {row['answerKey']!r} is none of {', '.join(labels)}")
    return {**row, "answerKey": str(row["answerKey"])}


def _two_solutions(row: Row) -> Row:
    return {**row, "label": _place(row, "label", ("sol1", "sol2"))}


def _three_answers(row: Row) -> Row:
    label = int(row["label"])
    if not 1 <= label <= 3:
        raise ValueError(f"label {label} is none of 1, 2 and 3")
    return {**row, "label": str(label)}


def _blank(row: Row) -> Row:
    answer = str(row["answer"]).strip()
    if "_" not in str(row["sentence"]):
        raise ValueError("there is no blank (_) in the sentence")
    if answer not in ("1", "2"):
        raise ValueError(f"answer {row['answer']!r} is neither 1 nor 2")
    return {**row, "answer": answer}


def _yes_or_no(row: Row) -> Row:
    return {**row, "label": _truth(row["label"])}


def _crows_pairs(row: Row) -> Row:
    return {name: row[name] for name in ("sent_more", "sent_less", "bias_type")}


def _truthfulqa(row: Row) -> Row:
    """Of the questions' own table: the best answer among the wrong ones, and all the right ones among them."""
    best = str(row["Best Answer"]).strip()
    right, wrong = (_listed(row[name]) for name in ("Correct Answers", "Incorrect Answers"))
    return {
        "question": row["Question"],
        "mc1_targets": {"choices": [best, *wrong], "labels": [1] + [0] * len(wrong)},
        "mc2_targets": {"choices": [*right, *wrong], "labels": [1] * len(right) + [0] * len(wrong)},
    }


def _listed(text: Any) -> list[str]:
    return [each.strip() for each in str(text).split(";") if each.strip()]


def _ifeval(row: Row) -> Row:
    """Settings of the instructions, each with every key, as a table of the Hub has them."""
    return {**row, "kwargs": [dict(each) for each in row["kwargs"]]}


def _winogender(row: Row) -> Row:
    two = ("occupation", "participant")
    return {**_texts("sentence", "pronoun", *two, "gender")(row), "label": _place(row, "label", two)}


def _sentiment(row: Row) -> Row:
    return _texts("text")({"text": row["sentence"], "label": str(row["label"])})


def _chosen(row: Row) -> Row:
    """A question with a list of answers and the place of the right one."""
    return {**row, "answer": _place(row, "answer", row["choices"])}


def _kept(row: Row) -> Row:
    """An instruction, and patterns that its answer must have or must not."""
    for name in ("must", "must_not"):
        for pattern in row[name]:
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise ValueError(f"{name}: {pattern!r} is no pattern ({error})") from error
    return dict(row)


def _summary(row: Row) -> Row:
    """Of SciTLDR's lines: the sentences of an abstract, and each summary that somebody wrote of it."""
    return _summaries({"text": " ".join(map(str, row["source"])), "summaries": row["target"]})


def _summaries(row: Row) -> Row:
    said = [str(each).strip() for each in row["summaries"] if str(each).strip()]
    if not said:
        raise ValueError("there is no summary")
    return {**_texts("text")(row), "summaries": said}


def _turns(row: Row) -> Row:
    """A question, and what is asked after its answer where there is more."""
    return _texts("question", *(["then"] if row.get("then") is not None else []))(row)


CHOSEN, SPANS = {"choices": list}, ("tokens", "coreference_clusters")
FORMS: dict[str, tuple[Form, ...]] = {
    "hellaswag": (Form(("ctx_a", "ctx_b", "endings", "label", "activity_label"), _hellaswag, {"endings": list}),),
    "arc": (
        Form(adapter_rows.COLUMNS, adapter_rows.arc),
        Form(("question", "choices", "answerKey"), _labelled, {"choices": dict}),
    ),
    "openbookqa": (
        Form(adapter_rows.COLUMNS, adapter_rows.openbookqa),
        Form(("question_stem", "choices", "answerKey"), _labelled, {"choices": dict}),
    ),
    "piqa": (Form(adapter_rows.COLUMNS, adapter_rows.piqa), Form(("goal", "sol1", "sol2", "label"), _two_solutions)),
    "siqa": (
        Form(adapter_rows.COLUMNS, adapter_rows.siqa),
        Form(("context", "question", "answerA", "answerB", "answerC", "label"), _three_answers),
    ),
    "winogrande": (
        Form(adapter_rows.COLUMNS, lambda row: _blank(adapter_rows.winogrande(row))),
        Form(("sentence", "option1", "option2", "answer"), _blank),
    ),
    "boolq": (
        Form(adapter_rows.COLUMNS, lambda row: _yes_or_no(adapter_rows.boolq(row))),
        Form(("passage", "question", "label"), _yes_or_no),
    ),
    "gsm8k": (Form(("question", "answer"), _texts("question", "answer")),),
    "truthfulqa": (
        Form(("Question", "Best Answer", "Correct Answers", "Incorrect Answers"), _truthfulqa),
        Form(("question", "mc1_targets", "mc2_targets"), nested={"mc1_targets": dict, "mc2_targets": dict}),
    ),
    "crows_pairs": (Form(("sent_more", "sent_less", "bias_type"), _crows_pairs),),
    "winobias": (Form(SPANS, winobias.of_tokens, dict.fromkeys(SPANS, list)),),
    "winogender": (Form(("sentence", "pronoun", "occupation", "participant", "gender", "label"), _winogender),),
    "ifeval": (
        Form(
            ("key", "prompt", "instruction_id_list", "kwargs"), _ifeval, {"instruction_id_list": list, "kwargs": list}
        ),
    ),
    "sentiment": (Form(("sentence", "label"), _sentiment), Form(("text", "label"), _texts("text", "label"))),
    "summary": (
        Form(("source", "target"), _summary, {"source": list, "target": list}),
        Form(("text", "summaries"), _summaries, {"summaries": list}),
    ),
    "text": (Form(("text",), _texts("text")),),
    "mmlu": (Form(("question", "choices", "answer"), _chosen, CHOSEN),),
    "choice": (Form(("question", "choices", "answer"), _chosen, CHOSEN),),
    "reading": (Form(("passage", "question", "choices", "answer"), _chosen, CHOSEN),),
    "blimp": (Form(("sentence_good", "sentence_bad"), _texts("sentence_good", "sentence_bad")),),
    "grammar": (Form(("good", "bad"), _texts("good", "bad")),),
    "bias": (Form(("stereotype", "other"), _texts("stereotype", "other")),),
    "sum": (Form(("question", "answer"), _texts("question", "answer")),),
    "instructions": (Form(("prompt", "must", "must_not"), _kept, {"must": list, "must_not": list}),),
    "question": (Form(("question",), _turns),),
    "label": (Form(("text", "label"), _texts("text", "label")),),
    "translation": (Form(("source", "target"), _texts("source", "target")),),
    "sentences": (Form(("id", "text"), _texts("text")),),
}
"""Reader → the forms that it knows; a row is taken to be of the first whose columns it has."""
