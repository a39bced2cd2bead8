"""Rows of a file as the Hub's data sets have them, so that lm-evaluation-harness's own tasks can read them.

A file with the Hub's columns (JSON lines, JSON, CSV, Parquet) is taken as it is. Some sets are spread in other forms,
each of which has a reader here: a function that makes the Hub's row of one of theirs.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from assistant.documents import read_document
from assistant.errors import BadDataset
from assistant.tables import BadRow, format_of
from assistant.tables import rows as table_rows
from eval import winobias

Row = dict[str, Any]


def rows(path: Path, reader: str, limit: int | None = None) -> list[Row]:
    """The rows of a file, at most `limit`. Raises BadDataset, with the place of the first row that cannot be used."""
    try:
        if reader == "winobias":
            parts = [list(_rows(each, reader)) for each in winobias.files(path)]
            found = winobias.in_turn(path, parts)[:limit]
        else:
            found = list(islice(_rows(path, reader), limit))
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise BadDataset(
            f"{path.name} cannot be read: {error}.", hint="It should be a file of rows, in UTF-8."
        ) from error
    if not found:
        raise BadDataset(f"{path.name} has no rows.", hint="Give a file with at least one.")
    return found


def _rows(path: Path, reader: str) -> Iterator[Row]:
    if reader == "text" and format_of(path) in ("lines", "document"):
        yield {"text": read_document(path).text}
        return
    if reader == "hellaswag" and path.suffix == ".txt":
        yield from _six_lines(path)
        return
    if reader == "winobias" and format_of(path) == "lines":
        yield from winobias.lines(path)
        return
    needs, convert = READERS.get(reader, ((), dict[str, Any]))
    for number, row in enumerate(_plain(path), 1):
        if isinstance(row, BadRow):
            raise BadDataset(f"Row {number} of {path.name} cannot be read: {row.reason}.", hint="Mend or remove it.")
        if (hub := HUB.get(reader)) and all(name in row for name in hub):
            yield dict(row)
            continue
        if missing := [name for name in needs if name not in row]:
            wanted = " or ".join(", ".join(names) for names in (needs, HUB.get(reader, ())) if names)
            hint = f"It has {', '.join(map(str, row)) or 'none'}; wanted are {wanted}."
            raise BadDataset(f"Row {number} of {path.name} has no column {missing[0]!r}.", hint=hint)
        try:
            yield convert(row)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
            hint = f"It should be as the other rows of {reader} are."
            raise BadDataset(f"Row {number} of {path.name} cannot be read: {error}.", hint=hint) from error


def _plain(path: Path) -> Iterator[Mapping[str, Any] | BadRow]:
    if path.name.endswith((".jsonl.gz", ".json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError as error:
                    yield BadRow(str(error), line)
    else:
        yield from table_rows(path)


def _six_lines(path: Path) -> Iterator[Row]:
    """HellaSwag as llama.cpp's users know it: context, place of the right ending, four endings."""
    lines = path.read_text("utf-8").splitlines()
    for at in range(0, len(lines) - len(lines) % 6, 6):
        context, label, *endings = lines[at : at + 6]
        if label not in ("0", "1", "2", "3"):
            hint = "Each question has six lines: context, number of the right ending (0 to 3), four endings."
            raise BadDataset(f"Line {at + 2} of {path.name} is no number of an ending: {label[:40]!r}.", hint=hint)
        activity, _, rest = context.partition(": ")
        yield {"activity_label": activity, "ctx_a": rest, "ctx_b": "", "endings": endings, "label": label}


def _choices(row: Mapping[str, Any]) -> tuple[str, list[str], int]:
    """Question, answers and the place of the right one, from a row of LLM-Adapters' files."""
    text = str(row["instruction"]).rpartition("Answer format:")[0].strip()
    question, *answers = re.split(r"\s*\b(?:Answer|Solution|Option)\d: ", text)
    question = question.partition(": ")[2]
    right = int(re.sub(r"\D", "", str(row["answer"]))) - 1
    if not 0 <= right < len(answers):
        raise ValueError(f"{row['answer']!r} is none of its {len(answers)} answers")
    return question, [answer.strip() for answer in answers], right


def _arc(row: Mapping[str, Any]) -> Row:
    question, answers, right = _choices(row)
    labels = list("ABCDE"[: len(answers)])
    return {"question": question, "choices": {"text": answers, "label": labels}, "answerKey": labels[right]}


def _openbookqa(row: Mapping[str, Any]) -> Row:
    made = _arc(row)
    return {"question_stem": made.pop("question"), **made}


def _piqa(row: Mapping[str, Any]) -> Row:
    goal, (first, second), right = _choices(row)
    return {"goal": goal, "sol1": first, "sol2": second, "label": right}


def _winogrande(row: Mapping[str, Any]) -> Row:
    sentence, (first, second), right = _choices(row)
    if "_" not in sentence:
        raise ValueError("there is no blank (_) in the sentence")
    return {"sentence": sentence, "option1": first, "option2": second, "answer": str(right + 1)}


def _boolq(row: Mapping[str, Any]) -> Row:
    text = str(row["instruction"]).rpartition("Answer format:")[0].strip()
    question = text.partition("question: ")[2].rstrip("?")
    return {"passage": "", "question": question, "label": int(row["answer"] == "true")}


def _crows_pairs(row: Mapping[str, Any]) -> Row:
    return {name: row[name] for name in ("sent_more", "sent_less", "bias_type")}


def _truthfulqa(row: Mapping[str, Any]) -> Row:
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


def _ifeval(row: Mapping[str, Any]) -> Row:
    """Settings of the instructions, each with every key, as a table of the Hub has them."""
    return {**row, "kwargs": [dict(each) for each in row["kwargs"]]}


def _sentiment(row: Mapping[str, Any]) -> Row:
    return {"text": str(row["sentence"]), "label": str(row["label"])}


def _chosen(row: Mapping[str, Any]) -> Row:
    """A question with a list of answers and the place of the right one."""
    choices, answer = row["choices"], int(row["answer"])
    if not isinstance(choices, list):
        raise ValueError("choices is no list")
    if not 0 <= answer < len(choices):
        raise ValueError(f"answer {answer} is no place among {len(choices)} choices")
    return {**row, "answer": answer}


def _kept(row: Mapping[str, Any]) -> Row:
    """An instruction, and patterns that its answer must have or must not."""
    for name in ("must", "must_not"):
        if not isinstance(row[name], list):
            raise ValueError(f"{name} is no list")
        for pattern in row[name]:
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                raise ValueError(f"{name}: {pattern!r} is no pattern ({error})") from error
    return dict(row)


def _texts(*names: str) -> tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Row]]:
    """A reader of rows whose columns of these names are texts."""

    def convert(row: Mapping[str, Any]) -> Row:
        for name in names:
            if not str(row[name] or "").strip():
                raise ValueError(f"{name} is empty")
        return {**row, **{name: str(row[name]) for name in names}}

    return names, convert


def _summary(row: Mapping[str, Any]) -> Row:
    """Of SciTLDR's lines: the sentences of an abstract, and each summary that somebody wrote of it."""
    return {"text": " ".join(row["source"]), "summaries": [str(each).strip() for each in row["target"]]}


READERS: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Row]]] = {
    "hellaswag": (("ctx_a", "ctx_b", "endings", "label", "activity_label"), dict[str, Any]),
    "arc": (("instruction", "answer"), _arc),
    "openbookqa": (("instruction", "answer"), _openbookqa),
    "piqa": (("instruction", "answer"), _piqa),
    "winogrande": (("instruction", "answer"), _winogrande),
    "boolq": (("instruction", "answer"), _boolq),
    "gsm8k": (("question", "answer"), dict[str, Any]),
    "truthfulqa": (("Question", "Best Answer", "Correct Answers", "Incorrect Answers"), _truthfulqa),
    "crows_pairs": (("sent_more", "sent_less", "bias_type"), _crows_pairs),
    "winobias": (("tokens", "coreference_clusters"), winobias.of_tokens),
    "ifeval": (("key", "prompt", "instruction_id_list", "kwargs"), _ifeval),
    "sentiment": (("sentence", "label"), _sentiment),
    "summary": (("source", "target"), _summary),
    "text": (("text",), dict[str, Any]),
    "mmlu": (("question", "choices", "answer"), _chosen),
    "choice": (("question", "choices", "answer"), _chosen),
    "blimp": _texts("sentence_good", "sentence_bad"),
    "reading": (("passage", "question", "choices", "answer"), _chosen),
    "grammar": _texts("good", "bad"),
    "bias": _texts("stereotype", "other"),
    "sum": _texts("question", "answer"),
    "instructions": (("prompt", "must", "must_not"), _kept),
    "question": _texts("question"),
    "label": _texts("text", "label"),
    "translation": _texts("source", "target"),
}
"""Reader → the columns that it needs, and what it makes of a row."""
HUB: dict[str, tuple[str, ...]] = {
    "arc": ("question", "choices", "answerKey"),
    "openbookqa": ("question_stem", "choices", "answerKey"),
    "piqa": ("goal", "sol1", "sol2", "label"),
    "winogrande": ("sentence", "option1", "option2", "answer"),
    "boolq": ("passage", "question", "label"),
    "truthfulqa": ("question", "mc1_targets", "mc2_targets"),
    "sentiment": ("text", "label"),
    "summary": ("text", "summaries"),
}
"""Reader → the columns of the Hub's rows, which are taken as they are."""
