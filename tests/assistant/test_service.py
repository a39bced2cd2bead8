"""The assistant: conversations, replies in the background, what goes to the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation import Attachment
from assistant.engines.choice import Choice
from assistant.engines.fake import FakeEngine
from assistant.engines.forms import Form
from assistant.engines.protocol import Delta, Message, Sampling
from assistant.errors import BadSettings, EngineFailed, ModelNotAvailable, UnknownConversation, UnknownModel
from assistant.service import AGAIN_TEMPERATURE, QUICK_MODEL, Assistant
from assistant.settings import ChatSettings
from tests.assistant.machines import A100, machine

SETTINGS = ChatSettings(model=QUICK_MODEL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model of the catalogue seems to be on the disk."""
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)


def assistant_with(engine: FakeEngine) -> Assistant:
    return Assistant(open_engine=lambda *_, **__: engine)


@pytest.fixture
def seen() -> list[list[Message]]:
    return []


@pytest.fixture
def assistant(here: None, seen: list[list[Message]]) -> Iterator[Assistant]:
    def reply(messages: Sequence[Message]) -> str:
        seen.append(list(messages))
        return f"Answer {len(seen)} to {messages[-1].content.splitlines()[-1]}"

    made = assistant_with(FakeEngine(reply))
    yield made
    made.close()


def test_a_form_is_llamacpps_where_other_replies_are_the_gpus(here: None) -> None:
    opened: list[str] = []

    def opening(choice: Choice, *_: Any, **__: Any) -> FakeEngine:
        opened.append(choice.engine)
        return FakeEngine()

    assistant = Assistant(machine=machine(16, A100), open_engine=opening)
    for form in (None, Form(schema={}), Form(tools=({"type": "function", "function": {"name": "look"}},))):
        list(assistant.stream([Message("user", "Hello")], model=QUICK_MODEL, form=form))
    assert opened == ["transformers", "llamacpp"]


@pytest.mark.parametrize(
    "name", ["/etc", "~/mine.gguf", "../x", "openai:x@http://169.254.169.254/v1", "org/name", "gpt"]
)
def test_who_may_name_known_models_alone_opens_nothing(here: None, name: str) -> None:
    assistant = Assistant(only_known=lambda: True)
    with pytest.raises(UnknownModel, match="There is no model"):
        assistant.find(name)
    assert assistant.find(QUICK_MODEL).key == QUICK_MODEL
    with pytest.raises(UnknownModel):
        assistant.send(assistant.store.create(), "Hello", settings=ChatSettings(model=name))


def test_everyone_has_a_store_of_their_own(here: None) -> None:
    now = ["ada"]
    assistant = Assistant(open_engine=lambda *_, **__: FakeEngine(seconds_per_token=0.05), whose=lambda: now[0])
    conversation = assistant.store.create()
    (reply,) = assistant.send(conversation, "A secret of several words", settings=SETTINGS)
    now[0] = "bob"
    assert assistant.reply(reply.id) is None and assistant.live(conversation) == []
    with pytest.raises(UnknownConversation):
        assistant.store.get(conversation)
    now[0] = "ada"
    assert assistant.reply(reply.id) is reply and reply.wait(10)
    assert len(assistant.store.get(conversation).path()) == 2
    assistant.close()


def test_a_question_is_answered_and_kept(assistant: Assistant) -> None:
    conversation = assistant.store.create()
    (reply,) = assistant.send(conversation, "Hello", settings=SETTINGS)
    assert reply.wait(10)
    kept = assistant.store.get(conversation).path()
    assert [(m.role, m.content, m.status) for m in kept] == [
        ("user", "Hello", "complete"),
        ("assistant", "Answer 1 to Hello", "complete"),
    ]
    told: list[str] = []
    reply.when_done(lambda: told.append("late"))
    assert told == ["late"]
    assert kept[1].model == QUICK_MODEL
    assert kept[1].usage["completion_tokens"] == 4
    assert kept[1].settings["system_prompt"] == "You are a helpful assistant."


def test_the_model_reads_system_prompt_note_documents_and_corrections(
    assistant: Assistant, seen: list[list[Message]]
) -> None:
    assistant.store.set_preference("note", "My name is Ann.")
    conversation = assistant.store.create()
    document = Attachment("plan.txt", "text/plain", "Meet on Tuesday.", 16)
    (first,) = assistant.send(conversation, "When?", settings=SETTINGS, attachments=[document])
    first.wait(10)
    assistant.store.correct(first.id, "On Tuesday.")
    assistant.send(conversation, "Thanks", settings=SETTINGS)[0].wait(10)
    system, question, answer, thanks = seen[-1]
    assert system.role == "system"
    assert "helpful assistant" in system.content and "My name is Ann." in system.content
    assert "plan.txt" in question.content and "Meet on Tuesday." in question.content
    assert question.content.endswith("When?")
    assert (answer.content, thanks.content) == ("On Tuesday.", "Thanks")


def test_regenerating_and_editing_make_branches(assistant: Assistant, seen: list[list[Message]]) -> None:
    conversation = assistant.store.create()
    (first,) = assistant.send(conversation, "One", settings=SETTINGS)
    first.wait(10)
    second = assistant.regenerate(first.id, settings=SETTINGS)
    second.wait(10)
    tree = assistant.store.get(conversation)
    assert tree.siblings(first.id) == [first.id, second.id]
    assert tree.head_id == second.id
    question = tree.path()[0]
    (third,) = assistant.edit(question.id, "Two", settings=SETTINGS)
    third.wait(10)
    assert [m.content for m in assistant.store.get(conversation).path()] == ["Two", "Answer 3 to Two"]
    assert [m.content for m in seen[-1]] == ["You are a helpful assistant.", "Two"]


def test_a_greedy_model_writes_something_new_the_second_time(here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    drawn: list[float] = []
    generate = engine.generate

    def watched(messages: Sequence[Message], sampling: Sampling, **rest: Any) -> Iterator[Delta]:
        drawn.append(sampling.temperature)
        return generate(messages, sampling, **rest)

    monkeypatch.setattr(engine, "generate", watched)
    assistant = assistant_with(engine)
    (first,) = assistant.send(assistant.store.create(), "One", settings=SETTINGS)
    first.wait(10)
    assistant.regenerate(first.id, settings=SETTINGS).wait(10)
    chosen = replace(SETTINGS, sampling={"temperature": 0.0})
    assistant.regenerate(first.id, settings=chosen).wait(10)
    assistant.close()
    assert drawn == [0.0, AGAIN_TEMPERATURE, 0.0]


def test_only_replies_are_written_again_and_only_questions_edited(assistant: Assistant) -> None:
    conversation = assistant.store.create()
    (reply,) = assistant.send(conversation, "One", settings=SETTINGS)
    reply.wait(10)
    question = assistant.store.get(conversation).path()[0]
    with pytest.raises(UnknownConversation, match="Only a reply"):
        assistant.regenerate(question.id, settings=SETTINGS)
    with pytest.raises(UnknownConversation, match="Only a question"):
        assistant.edit(reply.id, "x", settings=SETTINGS)


def test_two_models_answer_side_by_side_and_the_first_goes_on(assistant: Assistant) -> None:
    conversation = assistant.store.create()
    settings = replace(SETTINGS, beside="qwen2.5-coder-1.5b-instruct")
    first, second = assistant.send(conversation, "Hello", settings=settings)
    assert first.wait(10) and second.wait(10)
    tree = assistant.store.get(conversation)
    assert tree.messages[second.id].beside == first.id
    assert tree.messages[second.id].model == "qwen2.5-coder-1.5b-instruct"
    assert tree.head_id == first.id


def test_another_model_goes_on_in_the_middle_of_a_conversation(here: None) -> None:
    """An adapter of one's own, say: it reads what the other has said, and each answer knows who gave it."""
    opened: list[str] = []
    seen: list[list[str]] = []

    def open_engine(_: Any, entry: Any, *__: Any, **___: Any) -> FakeEngine:
        opened.append(entry.key)
        return FakeEngine(lambda messages: seen.append([m.content for m in messages]) or f"{entry.key} speaks")

    assistant, other = Assistant(open_engine=open_engine), "qwen2.5-coder-1.5b-instruct"
    conversation = assistant.store.create()
    for text, model in (("One", QUICK_MODEL), ("Two", other), ("Three", QUICK_MODEL)):
        (reply,) = assistant.send(conversation, text, settings=ChatSettings(model=model, system_prompt=""))
        assert reply.wait(10)
    assert seen[1] == ["One", f"{QUICK_MODEL} speaks", "Two"] and seen[2][-2:] == [f"{other} speaks", "Three"]
    answers = [m for m in assistant.store.get(conversation).messages.values() if m.role == "assistant"]
    assert [each.model for each in answers] == [QUICK_MODEL, other, QUICK_MODEL]
    assert opened == [QUICK_MODEL, other]  # the first is loaded still
    assistant.close()


def test_a_reply_is_stopped_and_what_is_written_stays(here: None) -> None:
    assistant = assistant_with(FakeEngine("word " * 1000, seconds_per_token=0.01))
    conversation = assistant.store.create()
    (reply,) = assistant.send(conversation, "Go", settings=SETTINGS)
    while reply.tokens < 5:
        time.sleep(0.01)
    assistant.stop(reply.id)
    assert reply.wait(10)
    kept = assistant.store.message(reply.id)
    assert kept.status == "stopped"
    assert 5 <= len(kept.content.split()) < 1000
    assert assistant.reply(reply.id) is None
    assistant.close()


def test_closing_stops_and_keeps_what_runs(here: None) -> None:
    assistant = assistant_with(FakeEngine("word " * 1000, seconds_per_token=0.01))
    conversation = assistant.store.create()
    (reply,) = assistant.send(conversation, "Go", settings=SETTINGS)
    while reply.tokens < 3:
        time.sleep(0.01)
    path = assistant.store.path
    assistant.close()
    from assistant.store import Store

    assert Store(path).message(reply.id).status == "stopped"


def test_a_failing_engine_leaves_a_failed_reply_with_its_reason(here: None) -> None:
    class Broken(FakeEngine):
        def generate(self, *args: Any, **kwargs: Any) -> Iterator[Delta]:
            yield Delta("Half a")
            raise EngineFailed("The engine broke.", hint="Try again.")

    assistant = assistant_with(Broken())
    conversation = assistant.store.create()
    (reply,) = assistant.send(conversation, "Go", settings=SETTINGS)
    reply.wait(10)
    kept = assistant.store.message(reply.id)
    assert (kept.status, kept.content, kept.error) == ("failed", "Half a", "The engine broke. Try again.")
    assistant.close()


def test_a_model_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.sources.locate", lambda entry: None)
    assistant = Assistant()
    with pytest.raises(ModelNotAvailable, match=f"parley models pull {QUICK_MODEL}"):
        assistant.engine(QUICK_MODEL)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (ChatSettings(model="no-such-model"), UnknownModel),
        (ChatSettings(model=QUICK_MODEL, beside="no-such-model"), UnknownModel),
        (ChatSettings(model=QUICK_MODEL, sampling={"temperature": -1, "top_p": 7}), BadSettings),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(
    assistant: Assistant, settings: ChatSettings, error: type[Exception]
) -> None:
    conversation = assistant.store.create()
    with pytest.raises(error):
        assistant.send(conversation, "Hello", settings=settings)
    assert assistant.store.get(conversation).messages == {}


def test_old_turns_leave_a_full_context_and_the_reply_says_how_many(here: None) -> None:
    assistant = assistant_with(FakeEngine("yes", context_length=200))
    conversation = assistant.store.create()
    for _ in range(8):
        (reply,) = assistant.send(conversation, "word " * 30, settings=SETTINGS)
        assert reply.wait(10)
    kept = assistant.store.message(reply.id)
    assert kept.status == "complete"
    assert kept.usage["left_out"] > 0
    assistant.close()


def test_a_document_that_is_too_long_is_cut_and_the_reply_says_how_far(
    assistant: Assistant, seen: list[list[Message]]
) -> None:
    conversation = assistant.store.create()
    long = Attachment("long.txt", "text/plain", "beginning " + "word " * 9000 + "end", 45_000)
    (reply,) = assistant.send(conversation, "What is it?", settings=SETTINGS, attachments=[long])
    assert reply.wait(10)
    kept = assistant.store.message(reply.id)
    assert kept.status == "complete"
    assert 0.2 < kept.usage["documents_share"] < 0.5  # 4096 tokens of context, a quarter of it for the reply
    read = seen[-1][-1].content
    assert "beginning" in read and "end" not in read.split() and read.endswith("What is it?")


def test_a_question_that_is_too_long_by_itself_fails_with_its_length(assistant: Assistant) -> None:
    conversation = assistant.store.create()
    (reply,) = assistant.send(conversation, "word " * 9000, settings=SETTINGS)
    assert reply.wait(10)
    kept = assistant.store.message(reply.id)
    assert kept.status == "failed" and "9" in (kept.error or "")


def test_the_text_of_a_running_reply_loses_no_piece_to_its_readers(here: None) -> None:
    words = [f"w{number} " for number in range(20_000)]
    assistant = assistant_with(FakeEngine("".join(words)))
    conversation = assistant.store.create()
    settings = replace(SETTINGS, sampling={"max_tokens": 30_000})
    (reply,) = assistant.send(conversation, "Go", settings=settings)
    readers = [threading.Thread(target=lambda: [reply.text for _ in range(200)]) for _ in range(3)]
    for reader in readers:
        reader.start()
    assert reply.wait(60)
    assert assistant.store.message(reply.id).content.split() == "".join(words).split()
    assistant.close()


def test_sampling_layers_card_preset_person(assistant: Assistant) -> None:
    card = assistant.catalogue[QUICK_MODEL].sampling
    assert assistant.sampling(QUICK_MODEL) == replace(Sampling(), **dict(card))
    changed = assistant.sampling(QUICK_MODEL, {"max_tokens": 1500}, {"temperature": 0, "seed": 7})
    assert (changed.max_tokens, changed.temperature, changed.seed) == (1500, 0, 7)


def test_nothing_is_fetched_by_itself_when_that_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assistant = Assistant()
    monkeypatch.setattr(assistant.pulls, "start", lambda entry: pytest.fail(f"fetched {entry.key}"))
    assistant.start_pulls()


def test_the_default_model_is_loaded_ahead_and_a_missing_one_is_no_error(
    here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = threading.Event()

    def open_engine(*args: Any, **kwargs: Any) -> FakeEngine:
        loaded.set()
        return FakeEngine()

    assistant = Assistant(open_engine=open_engine)
    assistant.preload()
    assert loaded.wait(10)
    monkeypatch.setattr("assistant.sources.locate", lambda entry: None)
    assistant.preload()
    assistant.close()
