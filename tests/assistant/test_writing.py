"""Summaries and answers as the service gives them, with engines that say what they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from assistant.catalogue import Catalogue, ModelEntry
from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Message
from assistant.errors import BadDocument, CapabilityMissing
from assistant.service import Assistant
from assistant.tasks.summary import Length

GERMAN = (
    "Die Verhandlung gegen den früheren Bürgermeister ist am 3. Mai bzw. am 5. Juni vor dem Landgericht. "
    "Er soll über Jahre hinweg Geld der Stadt für eigene Reisen ausgegeben haben. "
    "Das Urteil wird wohl erst im Herbst gesprochen."
)
ENGLISH = "The whales live in the sea. They breathe air at its surface. They eat krill and small fish."
Make = Callable[..., Assistant]


class Blind(FakeEngine):
    """Holds no two texts to be alike, as an encoder does with languages that it never read."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), 512), np.float32)
        rows[range(len(texts)), [crc32(text.encode()) % 512 for text in texts]] = 1
        return rows


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """An assistant whose every model says `reply`; `here` names the models that are on the machine."""

    def build(
        reply: str | Callable[[Sequence[Message]], str] = "",
        engine: type[FakeEngine] = FakeEngine,
        here: Callable[[ModelEntry], bool] = lambda _: True,
        context: int = 4096,
    ) -> Assistant:
        monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path if here(entry) else None)
        return Assistant(
            open_engine=lambda _, entry, *__, **___: engine(reply, model=entry.key, context_length=context)
        )

    return build


def test_a_german_text_is_summarised_and_its_support_left_open(make: Make) -> None:
    said = "Die Verhandlung ist am 3. Mai bzw. am 5. Juni. Das Urteil folgt im Herbst. Mehr nicht."
    found = make(said, Blind).summarize(GERMAN, Length(2), way="abstractive")
    assert [each.text for each in found.sentences] == [
        "Die Verhandlung ist am 3. Mai bzw. am 5. Juni.",
        "Das Urteil folgt im Herbst.",
    ]
    assert {each.supported for each in found.sentences} == {None} and found.support_rate is None
    assert "German" in found.notes[0] and "MiniLM" in found.notes[0]


def test_german_key_sentences_come_whole_and_with_a_note(make: Make) -> None:
    found = make().summarize(GERMAN, Length(3), way="extractive")
    assert found.text == GERMAN
    assert "German" in found.notes[0]
    assert not make().summarize(ENGLISH, Length(2), way="extractive").notes


def test_a_t5_keeps_to_the_length(make: Make) -> None:
    found = make().summarize(ENGLISH, Length(2), model="t5-small")
    assert found.text == "THE WHALES LIVE IN THE SEA. THEY BREATHE AIR AT ITS SURFACE."


@pytest.mark.parametrize(
    ("way", "model"), [("abstractive", "all-minilm-l6-v2"), ("extractive", "smollm2-135m-instruct")]
)
def test_a_model_that_does_not_do_it_that_way_is_refused(make: Make, way: str, model: str) -> None:
    with pytest.raises(CapabilityMissing, match=model):
        make().summarize(ENGLISH, way=way, model=model)


def test_a_table_of_numbers_is_read_in_pieces_that_fit(make: Make) -> None:
    class Digits(FakeEngine):
        def count_tokens(self, messages: Sequence[Message]) -> int:
            return sum(len(message.content) for message in messages)  # a token a character

    table = "\n".join(f"Row {n}: {n * 7919:012d} {n * 104729:012d}" for n in range(200))
    read: list[str] = []

    def reply(messages: Sequence[Message]) -> str:
        read.append(messages[-1].content)
        return "Numbers. They rise."

    found = make(reply, Digits, context=2048).summarize(table, Length(1), way="abstractive")
    assert found.text == "Numbers."
    assert all(any(f"{n * 7919:012d}" in text for text in read) for n in range(200))


@pytest.mark.parametrize(("question", "text"), [("Wann ist die Verhandlung?", GERMAN), (GERMAN, ENGLISH)])
def test_a_question_in_another_language_is_not_given_up_unread(make: Make, question: str, text: str) -> None:
    found = make("Am 3. Mai.", Blind).ask(question, text)
    assert (found.found, found.text) == (True, "Am 3. Mai.")
    assert "German" in found.notes[0]


def test_a_question_far_from_an_english_text_is_not_asked(make: Make) -> None:
    assert not make("Krill.", Blind).ask("Who is king?", ENGLISH).found


def test_another_model_answers_where_the_chat_model_is_not_here(make: Make) -> None:
    assistant = make("Krill.", here=lambda entry: entry.key in ("all-minilm-l6-v2", "reader"))
    assert [each.key for each in assistant.missing("ask")] == ["smollm2-135m-instruct"]
    reader = replace(assistant.catalogue["all-minilm-l6-v2"], key="reader", title="Reader", tasks=("answer",))
    assistant.catalogue = Catalogue({each.key: each for each in (*assistant.catalogue, reader)})
    assert not assistant.missing("ask") and reader in assistant.able_here("ask")
    found = assistant.ask("What do whales eat?", ENGLISH)
    assert (found.model, found.text) == ("reader", "The")


def test_emotions_of_a_language_that_the_encoder_does_not_read(make: Make) -> None:
    with pytest.raises(BadDocument, match="in German"):
        make().emotions([GERMAN])
