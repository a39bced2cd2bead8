from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Engine, Message
from assistant.errors import BadSettings
from assistant.runs import Runs
from assistant.service import Assistant
from eval.answers import Answers
from eval.judging import compared, evaluate, outcome, verdict
from eval.runner import Evaluation, create
from eval.suite import FOLDER, suite
from tests.ui.api.conftest import running
from ui.api.state import Serving


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("A", "A"),
        ("Answer B is better.", "B"),
        ("tie", "tie"),
        ("A and B are a Tie", "tie"),
        ("Both A and B are good", "tie"),
        ("", "tie"),
        ("a", "tie"),
    ],
)
def test_what_a_judge_says(reply: str, said: str) -> None:
    assert verdict(reply) == said


@pytest.mark.parametrize(
    ("first", "second", "won", "swayed"),
    [
        ("A", "B", 1.0, False),  # preferred in both places
        ("B", "A", 0.0, False),
        ("A", "A", 0.5, True),  # whatever stands first is preferred
        ("B", "B", 0.5, True),
        ("A", "tie", 1.0, False),
        ("tie", "A", 0.0, False),
        ("tie", "tie", 0.5, False),
    ],
)
def test_places_are_swapped(first: str, second: str, won: float, swayed: bool) -> None:
    assert outcome(first, second) == (won, swayed)


def reply(messages: Sequence[Message]) -> str:
    """Two chat models in one: what is asked for a verdict likes the answer with a 7 in it."""
    asked = messages[-1].content
    if "Answer A:" not in asked:
        return "It has 7 colours."
    return "A" if "7" in asked.partition("Answer B:")[0] else "B"


class Two(Assistant):
    """One model says something with a 7, the other does not; the judge likes a 7."""

    def engine(self, model: str | None = None, **_: object) -> Engine:
        return FakeEngine("No idea." if model == "poor" else reply)


def test_the_better_model_wins(tmp_path: Path) -> None:
    answers, told = Answers(tmp_path / "answers.jsonl"), list[tuple[int, int]]()
    (task,) = suite("chat").tasks
    found, samples = evaluate(
        task, FOLDER / task.file, Two(), "good", "poor", "judge", 6, answers, lambda *far: told.append(far)
    )
    assert found["results"]["chat"]["won,none"] == 1.0 and found["results"]["chat"]["swayed,none"] == 0.0
    assert (samples[0]["target"], samples[0]["filtered_resps"], samples[0]["won"]) == (
        "No idea.", ["It has 7 colours."], 1.0,
    )  # fmt: skip
    assert told[-1] == (6, 6) and len(answers) == 24
    back, _ = evaluate(task, FOLDER / task.file, Two(), "poor", "good", "judge", 6, answers, lambda *far: None)
    assert back["results"]["chat"]["won,none"] == 0.0


def test_the_judge_may_be_another_machine_s(tmp_path: Path) -> None:
    """A model behind an address, by OpenAI's protocol."""
    seen: list[str] = []

    def judge(messages: Sequence[Message]) -> str:
        seen.append(messages[0].content)
        return reply(messages)

    class Remote(Two):
        def engine(self, model: str | None = None, **more: Any) -> Engine:
            far = model is not None and model.startswith("openai:")
            return Assistant.engine(self, model, **more) if far else Two.engine(self, model)

    there = Assistant(open_engine=lambda *_, **__: FakeEngine(judge))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assistant.sources.locate", lambda entry: tmp_path)
        with running(there, Serving()) as server:
            (task,), address = suite("chat").tasks, f"openai:smollm2-135m-instruct@{server.url}/v1"
            answers = Answers(tmp_path / "answers.jsonl")
            found, _ = evaluate(
                task, FOLDER / task.file, Remote(), "good", "poor", address, 3, answers, lambda *_: None
            )
    there.close()
    assert found["results"]["chat"]["won,none"] == 1.0
    assert len(seen) == 6 and all("You compare two answers" in each for each in seen)


def test_long_answers_are_cut_for_the_judge() -> None:
    asked = compared("?", "x" * 10_000, "y")[-1].content
    assert asked.count("x") == 2000 and asked.endswith("A, B or tie?")


def test_somebody_must_be_named(tiny_decoder: Path) -> None:
    with pytest.raises(BadSettings, match="Nobody is named"):
        create(Runs(), Evaluation(model=str(tiny_decoder), suite="chat"))
