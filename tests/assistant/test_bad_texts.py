"""What a person may give the text tasks by mistake: each is told in words, by the service that every face asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.documents import read_document
from assistant.engines.fake import FakeEngine
from assistant.errors import BadDataset, BadDocument, CapabilityMissing, ParleyError, TextTooLong
from assistant.service import Assistant
from tests.assistant.engines.test_seq2seq import make

Task = Callable[[Assistant, str], Any]
TASKS: dict[str, Task] = {
    "sentiment": lambda assistant, text: assistant.sentiment(text),
    "translate": lambda assistant, text: list(assistant.translate(text, assistant.order(text, "fr", "en"))),
    "summarize": lambda assistant, text: assistant.summarize(text),
    "ask": lambda assistant, text: assistant.ask("Why?", text),
    "classify": lambda assistant, text: assistant.labels([text], ["a", "b"]),
}
GERMAN = "Das Zimmer war leider schmutzig, und niemand hat sich darum gekümmert."


@pytest.fixture
def assistant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assistant:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)
    return Assistant(open_engine=lambda _, entry, *__, **___: FakeEngine(model=entry.key))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("text", "error", "said"),
    [("", BadDocument, "empty"), (" \n\t", BadDocument, "empty"), ("word" * 2_500_000, TextTooLong, "10,000,000")],
    ids=["empty", "blank", "ten megabytes of one word"],
)
def test_no_text_and_too_much_of_it(
    assistant: Assistant, task: str, text: str, error: type[ParleyError], said: str
) -> None:
    with pytest.raises(error, match=said) as told:
        TASKS[task](assistant, text)
    assert told.value.hint


@pytest.mark.parametrize("task", ["sentiment", "classify"])
def test_a_language_that_the_model_was_not_made_for(assistant: Assistant, task: str) -> None:
    with pytest.raises(BadDocument, match=r"in German; .* reads English"):
        TASKS[task](assistant, GERMAN)
    TASKS[task](assistant, "Super, danke!")  # too short to be sure


def test_rows_in_another_language_are_set_apart(assistant: Assistant, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f'text\nThe room was clean.\n"{GERMAN}"\nWe would come again.\n', "utf-8")
    last = assistant.sentiment_batch(source, tmp_path / "out.csv").run()
    assert (last.done, last.rejected) == (3, 1)
    assert "German" in (tmp_path / "out.csv.rejected").read_text("utf-8")
    assert len((tmp_path / "out.csv").read_text("utf-8").splitlines()) == 3


def test_a_pair_that_the_translator_lacks(tmp_path: Path) -> None:
    changes = {"task_specific_params": {"translation_en_to_de": {"prefix": "translate English to German: "}}}
    model = str(make(tmp_path / "t5", **changes))
    assistant = Assistant()
    with pytest.raises(CapabilityMissing, match="Yoruba"):
        list(assistant.translate("Hello there.", assistant.order("Hello there.", "yo", "en"), model=model))


@pytest.mark.parametrize("kind", ["sentiment", "translation", "summary", "label"])
def test_a_column_that_does_not_exist(assistant: Assistant, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "reviews" / "in.csv"
    source.parent.mkdir()
    source.write_text("id,text\n1,Hello.\n", "utf-8")
    more: dict[str, Any] = {"translation": {"target": "fr"}, "label": {"labels": ["a", "b"]}}.get(kind, {})
    with pytest.raises(BadDataset, match="no column 'review'") as told:
        getattr(assistant, f"{kind}_batch")(source, source.with_name("out.csv"), column="review", **more).run()
    assert "id, text" in told.value.hint
    assert sorted(path.name for path in source.parent.iterdir()) == ["in.csv"]


def test_a_binary_that_is_named_txt(assistant: Assistant, tmp_path: Path) -> None:
    source = tmp_path / "program.txt"
    source.write_bytes(bytes(range(256)) * 400)
    with pytest.raises(BadDocument, match="not text"):
        read_document(source)
    with pytest.raises(BadDataset, match="not text"):
        assistant.sentiment_batch(source, tmp_path / "out.csv").run()


def test_a_stop_that_nobody_asked_for_does_not_happen(assistant: Assistant) -> None:
    text = "Whales live in the sea. They breathe air. They eat krill."
    cancel = threading.Event()
    assert assistant.summarize(text, way="abstractive", cancel=cancel).text
    assert assistant.ask("What do whales eat?", text, cancel=cancel).text
    assert not cancel.is_set()
