"""Adapters of one base share its engine: what is switched in mid-conversation is an adapter, not a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant import sources
from assistant.catalogue import ModelEntry
from assistant.engines.fake import FakeEngine
from assistant.errors import EngineFailed, WeightsCorrupt
from assistant.run import Run, State, Status
from assistant.runs import Runs
from assistant.service import QUICK_MODEL, Assistant
from assistant.settings import ChatSettings
from assistant.tuned import ADAPTER_GGUF, write_about
from tests.assistant.embedded import embedded, smol_adapter
from tests.assistant.weights.test_gguf_files import write_gguf


def tuned(title: str, adapter: Path) -> Run:
    """A run that has left an adapter on the small chat model."""
    run = Runs().create("sft", title, "finetune", {})
    run.model.mkdir()
    (run.model / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    write_about(run.model, QUICK_MODEL)
    shutil.copyfile(adapter, run.model / ADAPTER_GGUF)
    run.write_status(Status(State.FINISHED))
    return run


class Carrying(FakeEngine):
    """One that has the adapters which it was opened with."""

    def __init__(self, model: str, adapters: Sequence[Path]) -> None:
        super().__init__(model=model)
        self.adapters = adapters

    def carries(self, adapter: Path) -> bool:
        return adapter in self.adapters


Opened = list[tuple[str, list[str]]]


@pytest.fixture
def opened() -> Opened:
    """Model and titles of the adapters of each engine that was opened."""
    return []


@pytest.fixture
def assistant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened) -> Assistant:
    """One whose base seems to be here, on engines without weights; an adapter named "bad" breaks them."""
    locate = sources.locate
    monkeypatch.setattr(sources, "locate", lambda entry: tmp_path / "base" if entry.embedded else locate(entry))

    def open_engine(_: Any, entry: Any, *__: Any, adapters: Sequence[Path] = (), **___: Any) -> FakeEngine:
        assert isinstance(entry, ModelEntry)
        opened.append((entry.key, [each.parent.parent.name.rsplit("-", 1)[1] for each in adapters]))
        if any("bad" in str(each) for each in adapters):
            raise EngineFailed("llama.cpp cannot load it.")
        return Carrying(entry.key, adapters)

    return Assistant(open_engine=open_engine)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "adapter.gguf")


def test_one_engine_has_the_base_and_all_its_adapters(assistant: Assistant, opened: Opened, adapter: Path) -> None:
    one, two = tuned("one", adapter), tuned("two", adapter)
    names = [assistant.engine(name).model for name in (QUICK_MODEL, one.id, QUICK_MODEL, two.id, one.id)]
    assert names == [QUICK_MODEL, one.id, QUICK_MODEL, two.id, one.id]
    assert opened == [(QUICK_MODEL, ["two", "one"])]
    assert len(assistant.loaded()) == 1


def test_an_adapter_that_is_made_later_makes_the_engine_open_anew(
    assistant: Assistant, opened: Opened, adapter: Path
) -> None:
    streaming = assistant.engine(QUICK_MODEL)
    later = tuned("later", adapter)
    assert assistant.engine(QUICK_MODEL) is streaming, "who does not ask for it is not disturbed"
    assert assistant.engine(later.id).model == later.id
    assert opened == [(QUICK_MODEL, []), (QUICK_MODEL, ["later"])]
    assert assistant.engine(QUICK_MODEL) is not streaming


def test_an_adapter_that_breaks_the_engine_keeps_nobody_else_from_it(
    assistant: Assistant, opened: Opened, adapter: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = tuned("bad", adapter), tuned("good", adapter)
    assert assistant.engine(QUICK_MODEL).model == QUICK_MODEL
    assert opened == [(QUICK_MODEL, ["good", "bad"]), (QUICK_MODEL, [])]
    assert "without adapters" in caplog.text
    assert assistant.engine(good.id).model == good.id
    with pytest.raises(EngineFailed):
        assistant.engine(bad.id)


def test_a_file_that_is_no_adapter_is_told_before_anybody_makes_room(assistant: Assistant, adapter: Path) -> None:
    broken = tuned("broken", adapter)
    (broken.model / ADAPTER_GGUF).write_bytes(b"GGUF")
    base = assistant.engine(QUICK_MODEL)
    with pytest.raises(WeightsCorrupt):
        assistant.engine(broken.id)
    assert assistant.engine(QUICK_MODEL) is base


def test_adapters_are_taken_along_as_far_as_there_is_room(
    assistant: Assistant, opened: Opened, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 2 * adapter.stat().st_size
    monkeypatch.setattr("assistant.placement.PROMPTS_BYTES", room)
    oldest, *_ = [tuned(title, adapter) for title in ("a", "b", "c")]
    assistant.engine(QUICK_MODEL)
    assistant.engine(oldest.id)
    assert opened == [(QUICK_MODEL, ["c", "b"]), (QUICK_MODEL, ["a", "c", "b"])]


@pytest.mark.model
@pytest.mark.timeout(600)
def test_an_adapter_is_switched_in_mid_conversation(tmp_path: Path) -> None:
    """On the real small model: base, adapter, base; each goes on with the whole conversation, in one process."""
    embedded(QUICK_MODEL)
    run = tuned("mine", smol_adapter(tmp_path / "adapter.gguf", 1))
    assistant = Assistant()
    conversation = assistant.store.create()

    def answered(text: str, model: str) -> str:
        settings = ChatSettings(model=model, sampling={"temperature": 0, "max_tokens": 12})
        (reply,) = assistant.send(conversation, text, settings=settings)
        assert reply.wait(120) and reply.error is None, reply.error
        return reply.text

    first = answered("What is the capital of France?", QUICK_MODEL)
    (engine,) = assistant.loaded()
    answered("And of Italy?", run.id)
    answered("And of Spain?", QUICK_MODEL)
    assert assistant.loaded() == [engine], "nothing was loaded for it"
    kept = assistant.store.get(conversation).path()
    assert [each.model for each in kept if each.role == "assistant"] == [QUICK_MODEL, run.id, QUICK_MODEL]
    last = [each.id for each in kept if each.role == "assistant"][-1]
    said = {each.id: each.content for each in kept}
    settings = {"temperature": 0, "max_tokens": 12}
    again = assistant.regenerate(last, settings=ChatSettings(model=run.id, sampling=settings))
    once_more = assistant.regenerate(last, settings=ChatSettings(model=QUICK_MODEL, sampling=settings))
    assert again.wait(120) and once_more.wait(120)
    assert once_more.text == said[last], "the base answers as before an adapter was asked"
    assert again.text != said[last], "the adapter changes nothing"
    assert first and assistant.restarts == 0
    del engine
    assistant.close()
