"""Rows that a chat model writes: new ones, no test rows, no gaps to fill in, and a second opinion of each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Message
from assistant.errors import BadDataset, BadSettings, UserError
from assistant.service import Assistant
from finetune.lint import lint
from finetune.synthesis import Tally, Wanted, labels_of, synthesize
from finetune.written_texts import Seen, clean

LABELS = ("billing=invoices", "repair")
Make = Callable[[Callable[[Sequence[Message]], str]], Assistant]


class Opinion(FakeEngine):
    """As an encoder, finds the word after "under" in what it reads."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.full((len(texts), 2), 0.1, np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0 if "billing" in text else 1] = 1
        return rows


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr("assistant.sources.locate", lambda _: tmp_path)
    return lambda reply: Assistant(open_engine=lambda _, entry, *__, **___: Opinion(reply, model=entry.key))


def numbered(first: int = 0) -> Callable[[Sequence[Message]], str]:
    numbers = itertools.count(first)

    def reply(messages: Sequence[Message]) -> str:
        asked = messages[-1].content
        label = "billing" if "under “billing: invoices”" in asked else "repair"
        return f"{label} question number {next(numbers)} about {len(asked)} things"

    return reply


def file(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_labels_take_turns_and_the_second_model_agrees(make: Make, tmp_path: Path) -> None:
    tally, output = Tally(), tmp_path / "out.jsonl"
    rows = list(synthesize(make(numbered()), Wanted("mails", 10, LABELS), tally, output))
    assert [row["label"] for row in rows] == ["billing", "repair"] * 5
    assert (tally.kept, tally.agreement) == (10, 1.0)
    assert [json.loads(line) for line in output.read_text().splitlines()] == rows
    assert lint(output).methods == ("classifier",)
    more = list(synthesize(make(numbered(100)), Wanted("mails", 4, LABELS), Tally(), output))
    assert not {row["text"] for row in more} & {row["text"] for row in rows}
    assert len(output.read_text().splitlines()) == 14


def test_a_model_that_repeats_itself_ends(make: Make) -> None:
    tally = Tally()
    rows = list(synthesize(make(lambda _: "always the same old text here"), Wanted("mails", 5, LABELS), tally))
    assert (len(rows), tally.asked) == (1, 15)
    assert tally.left_out["near-duplicates"] == 14 and "14 near-duplicates" in str(tally)


def test_test_rows_and_gaps_do_not_come_out(make: Make, tmp_path: Path) -> None:
    tests = file(tmp_path / "test.jsonl", [{"text": "My phone is broken and I am sad.", "label": "repair"}])
    said = itertools.cycle(["My phone is broken, and I am sad!", "Dear [Your Name], thank you.", "", "x" * 3000])
    tally = Tally()
    assert not list(synthesize(make(lambda _: next(said)), Wanted("m", 4, LABELS, tests=tests), tally))
    assert tally.left_out == {"test rows": 3, "gaps to fill in": 3, "empty": 3, "too long": 3}


def test_what_is_not_agreed_with_can_be_left_out(make: Make) -> None:
    reply, tally = numbered(), Tally()
    wrong = make(lambda messages: reply(messages).replace("repair", "billing"))
    rows = list(synthesize(wrong, Wanted("mails", 6, LABELS, agreed_only=True), tally))
    assert {row["label"] for row in rows} == {"billing"} and tally.left_out["not agreed"] > 0
    assert tally.agreement == pytest.approx(0.5, abs=0.1)


def test_questions_are_answered(make: Make, tmp_path: Path) -> None:
    numbers = itertools.count()

    def reply(messages: Sequence[Message]) -> str:
        text = messages[-1].content
        if text.endswith("yes or no."):
            return "Yes." if "Answer: aye" in text else "No."
        if "Make up one question" in text:
            assert "- What is a keel?" in text
            return f"Question: What is thing {next(numbers)} of a boat?"
        assert messages[0].content == "You are a captain."
        return "aye" if "thing 1 " in text else "no answer"

    samples = file(tmp_path / "s.jsonl", [{"prompt": "What is a keel?", "completion": "Wood, matey."}])
    tally = Tally()
    wanted = Wanted("You are a captain.", 3, samples=samples, check="smollm2-135m-instruct")
    rows = list(synthesize(make(reply), wanted, tally))
    assert rows[1] == {"prompt": "What is thing 1 of a boat?", "completion": "aye"}
    assert tally.agreement == pytest.approx(1 / 3)


def test_mistakes_are_told(make: Make, tmp_path: Path) -> None:
    some = make(lambda _: "text")
    pairs = file(tmp_path / "p.jsonl", [{"prompt": "a", "completion": "b"}])
    for wanted in (Wanted("", 3), Wanted("mails", 0), Wanted("m", 3, ("one",)), Wanted("m", 3, LABELS, samples=pairs)):
        with pytest.raises(BadSettings):
            list(synthesize(some, wanted, Tally()))
    with pytest.raises(BadDataset):
        list(synthesize(some, Wanted("m", 3, LABELS, tests=tmp_path / "none.csv"), Tally()))


@pytest.mark.parametrize("name", ["no/such/folder.jsonl", "file/x.jsonl"])
def test_a_file_that_cannot_be_written_is_told_before_any_work(make: Make, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    asked: list[object] = []
    tally = Tally()
    with pytest.raises(UserError, match="cannot be written"):
        list(synthesize(make(lambda each: asked.append(each) or "text"), Wanted("m", 3), tally, tmp_path / name))
    assert not asked and tally.asked == 0


def test_nothing_is_left_where_nothing_was_written(make: Make, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    assert not list(synthesize(make(lambda _: ""), Wanted("mails", 2, LABELS), Tally(), output))
    assert not output.exists()


def test_agreement_needs_somebody_who_agrees(make: Make) -> None:
    with pytest.raises(BadSettings, match="second opinion"):
        list(synthesize(make(lambda _: "text"), Wanted("m", 3, agreed_only=True), Tally()))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('Sure, here is one:\n\n"My phone is late."', "My phone is late."),
        ("Text: Hello\nthere.\n\nNote: this is polite.", "Hello\nthere."),
        ("**Where is it?**", "Where is it?"),
        ("Dear shop,\n\nit broke.\n\nJane", "Dear shop,\n\nit broke.\n\nJane"),
        ('"', '"'),
        (f"{'It broke again. ' * 30}And then", f"{'It broke again. ' * 30}".strip()),
    ],
)
def test_what_a_model_says_about_its_text_goes(said: str, text: str) -> None:
    assert clean(said) == text


def test_labels_are_read_as_people_write_them() -> None:
    assert labels_of("a, b ,c") == ("a", "b", "c")
    assert labels_of("a=x, y; b=z") == ("a=x, y", "b=z")
    assert labels_of(" ") == ()


def test_short_texts_are_the_same_only_as_a_whole() -> None:
    seen = Seen()
    seen.add("Where is it")
    assert seen.why("where is it?") == "near-duplicates"
    assert not seen.why("Where is she") and not seen.why("Where is it now, my friend")
