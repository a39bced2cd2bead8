"""The form that a person chose is the form that is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.engines.choice import Choice
from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Engine
from assistant.errors import BadSettings, CapabilityMissing, ParleyError
from assistant.runs import Runs
from eval.chosen import Chosen
from eval.runner import Evaluation, create

SMALL, OTHER = "smollm2-135m-instruct", "smollm2-360m-instruct-gguf"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str, str | None]]:
    """(model, engine, form) of each engine that is opened."""
    monkeypatch.setattr("assistant.sources.locate", lambda entry: tmp_path)
    return []


def chosen(opened: list[Any], *asked: str | None) -> Chosen:
    def note(choice: Choice, entry: Any, path: Path | None, **_: Any) -> Engine:
        opened.append((entry.key, choice.engine, choice.quantisation))
        return FakeEngine("yes", model=entry.key)

    return Chosen(*asked, open_engine=note)


def test_texts_are_sorted_by_the_form_that_was_asked_for(opened: list[Any]) -> None:
    with_four = chosen(opened, SMALL, "auto", "4bit")
    assert with_four.labels(["good"], ["positive", "negative"], model=SMALL)
    assert opened == [(SMALL, "transformers", "4bit")]
    assert [engine for engine, _, _ in with_four.used] == ["fake"]


def test_what_is_written_runs_on_the_engine_that_was_asked_for(opened: list[Any]) -> None:
    on_torch = chosen(opened, SMALL, "transformers", None)
    assert list(on_torch.replies_to([[]], SMALL, 4))
    assert opened == [(SMALL, "transformers", None)]


def test_who_is_beside_it_and_who_judges_run_as_ever(opened: list[Any]) -> None:
    with_four = chosen(opened, SMALL, "transformers", "8bit")
    for model in (OTHER, None, SMALL):
        assert list(with_four.replies_to([[]], model, 4))
    assert [form for _, _, form in opened] == [None, None, "8bit"]
    assert opened[0][0] == OTHER and len(with_four.used) == 1


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        pytest.param({"suite": "speed", "quantisation": "4bit"}, BadSettings, "Speed times each engine", id="speed"),
        pytest.param({"suite": "speed", "engine": "llamacpp"}, BadSettings, "Speed times each engine", id="its engine"),
        pytest.param(
            {"model": "all-minilm-l6-v2", "quantisation": "4bit"}, BadSettings, "no GPT-style model", id="an encoder"
        ),
        pytest.param(
            {"model": "openai:some@http://localhost:1/v1", "suite": "mini", "quantisation": "4bit"},
            BadSettings,
            "runs on a server",
            id="a server's",
        ),
        pytest.param({"quantisation": "5bit"}, BadSettings, "8bit, 4bit, not 5bit", id="no such form"),
        pytest.param(
            {"engine": "llamacpp", "model": "TINY"}, CapabilityMissing, "llamacpp engine can", id="no such engine"
        ),
        pytest.param(
            {"suite": "chat", "against": SMALL, "quantisation": "4bit"},
            BadSettings,
            "on both sides",
            id="beside itself",
        ),
        pytest.param(
            {"suite": "chat", "against": OTHER, "judge": SMALL, "quantisation": "4bit"},
            BadSettings,
            "on both sides",
            id="its own judge",
        ),
    ],
)
def test_a_form_that_would_not_be_measured_is_refused(
    changes: dict[str, Any], error: type[ParleyError], said: str, tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.harness.require", lambda: None)
    given = {"model": SMALL, "suite": "mini", **changes}
    given["model"] = str(tiny_decoder) if given["model"] == "TINY" else given["model"]
    with pytest.raises(error, match=said) as told:
        create(Runs(), Evaluation(**given))
    assert told.value.hint and not list(Runs())


@pytest.mark.parametrize("there", [True, False])
def test_a_form_is_named_in_the_title_and_wants_what_makes_it(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.harness.require", lambda: None)
    monkeypatch.setattr("eval.chosen.installed_version", lambda _: "0.50" if there else None)
    asked = Evaluation(model=SMALL, suite="mini", quantisation="4bit")
    if there:
        assert create(Runs(), asked).title.endswith(" (4bit)")
        return
    with pytest.raises(BadSettings, match="bitsandbytes, which is not installed") as told:
        create(Runs(), asked)
    assert "PARLEY_EXTRAS=gpu make setup" in told.value.hint and not list(Runs())
