from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Engine, Message
from assistant.errors import BadSettings, EngineFailed
from assistant.runs import Runs
from assistant.service import Assistant
from eval.answers import Answers
from eval.judging import compared, evaluate, outcome, verdict
from eval.local_rows import rows
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
        ("a", "A"),
        ("**B**", "B"),
        ("Verdict: B", "B"),
        ("<think>A is short. B is long.</think>\n\nB", "B"),
        ("Answer A is right and answer B is not.\n\nA", "A"),
        ("Answer A names two reasons, answer B none.\nSo the better one is A.", "A"),
        ("B\n\nAnswer A has an error, and answer B has none.", "B"),
        ("Both A and B are good", ""),
        ("I cannot decide.", ""),
        ("<think>Answer A is", ""),
        ("", ""),
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
        "No idea.\n\nNo idea.", ["It has 7 colours.\n\nIt has 7 colours."], 1.0,
    )  # fmt: skip
    assert found["results"]["chat"]["unreadable,none"] == 0.0 and samples[0]["judged"] == ["A", "B"]
    assert told[-1] == (6, 6) and len(answers) == 2 * (6 + 6) + 12
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
    assert len(seen) == 6 and all("You compare what two" in each for each in seen)


def test_long_answers_are_cut_for_the_judge() -> None:
    asked = compared(["?"], ["x" * 10_000], ["y"])[-1].content
    assert asked.count("x") == 2000 and asked.endswith("A, B or tie?")
    asked = compared(["?", "And?"], ["x" * 10_000] * 2, ["y", "z"])[-1].content
    assert asked.count("x") == 2000 and asked.count("Asked then:") == 1


def test_somebody_must_be_named(tiny_decoder: Path) -> None:
    with pytest.raises(BadSettings, match="Nobody is named"):
        create(Runs(), Evaluation(model=str(tiny_decoder), suite="chat"))


def judged(judge: Any, tmp_path: Path, limit: int = 3) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a judge makes of a good model and a poor one."""

    class Three(Assistant):
        def engine(self, model: str | None = None, **_: object) -> Engine:
            return FakeEngine(judge if model == "judge" else "It has 7 colours." if model == "good" else "No idea.")

    (task,) = suite("chat").tasks
    answers = Answers(tmp_path / "answers.jsonl")
    return evaluate(task, FOLDER / task.file, Three(), "good", "poor", "judge", limit, answers, lambda *_: None)


def test_a_judge_may_think_first(tmp_path: Path) -> None:
    """Its thoughts are longer than a verdict, and speak of both."""

    def judge(messages: Sequence[Message]) -> str:
        return f"<think>\nAnswer A or answer B? {'Let me see. ' * 50}\n</think>\n\n{reply(messages)}"

    found, samples = judged(judge, tmp_path)
    assert found["results"]["chat"]["won,none"] == 1.0 and found["results"]["chat"]["unreadable,none"] == 0.0
    assert samples[0]["judged"] == ["A", "B"]


def test_a_model_that_thinks_first_is_judged_by_what_it_says_then(tmp_path: Path) -> None:
    class Thinking(Two):
        def engine(self, model: str | None = None, **_: object) -> Engine:
            if model == "good":
                return FakeEngine(f"<think>{'Seven or six? ' * 200}</think>It has 7 colours.")
            return FakeEngine("No idea." if model == "poor" else reply)

    (task,) = suite("chat").tasks
    answers = Answers(tmp_path / "answers.jsonl")
    _, samples = evaluate(task, FOLDER / task.file, Thinking(), "good", "poor", "judge", 1, answers, lambda *_: None)
    assert samples[0]["filtered_resps"] == ["It has 7 colours.\n\nIt has 7 colours."]


def test_verdicts_that_cannot_be_read_are_counted_apart(tmp_path: Path) -> None:
    def judge(messages: Sequence[Message]) -> str:
        return "Both are fine." if "ten-year-old" in messages[-1].content else reply(messages)

    found, samples = judged(judge, tmp_path, 4)
    figures = found["results"]["chat"]
    assert (figures["won,none"], figures["unreadable,none"]) == (1.0, 0.25)
    assert found["n-samples"]["chat"] == {"original": 4, "effective": 3}
    assert ["won" in each for each in samples] == [False, True, True, True]
    assert samples[0]["judged"] == ["Both are fine.", "Both are fine."]


def test_a_judge_of_whom_nothing_can_be_read_is_no_judge(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="judge gave no verdicts that can be read: 'Both are fine") as told:
        judged("Both are fine.", tmp_path)
    assert "--judge" in told.value.hint


def test_what_is_asked_then_is_asked_in_the_same_conversation(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "Why?", "then": "Sure?"}\n{"question": "When?"}\n', "utf-8")
    heard: list[list[tuple[str, str]]] = []

    def model(messages: Sequence[Message]) -> str:
        heard.append([(each.role, each.content) for each in messages])
        return "A" if "Answer A:" in messages[-1].content else f"So, {len(messages)}."

    class One(Assistant):
        def engine(self, model_: str | None = None, **_: object) -> Engine:
            return FakeEngine(model)

    (task,) = suite("chat").tasks
    answers = Answers(tmp_path / "answers.jsonl")
    found, samples = evaluate(task, path, One(), "one", "other", None, None, answers, lambda *_: None)
    assert heard.count([("user", "Why?"), ("assistant", "So, 1."), ("user", "Sure?")]) == 2
    assert [each["filtered_resps"][0] for each in samples] == ["So, 1.\n\nSo, 3.", "So, 1."]
    assert [each["arguments"][0][0] for each in samples] == ["Why?\n\nSure?", "When?"]
    assert found["results"]["chat"]["swayed,none"] == 1.0  # it says A, whatever stands there


def test_our_questions_go_on() -> None:
    (task,) = suite("chat").tasks
    asked = rows(FOLDER / task.file, task.reader)
    assert len(asked) == 24 and all(row["then"] != row["question"] for row in asked)
