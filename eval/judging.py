"""Answers to open questions, and to what is asked after them, judged beside another model's by a third, with both in
either place (Zheng et al. 2023, arXiv:2306.05685): what a judge prefers only where it stands counts as a tie."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from assistant.engines.protocol import Message
from assistant.errors import EngineFailed
from assistant.service import Assistant
from eval import metrics
from eval.answers import Answers
from eval.assistant_tasks import Found, Told, answered, results_of, sample_of
from eval.local_rows import rows
from eval.suite import SuiteTask

MOST_TOKENS = 256
"""Of an answer."""
VERDICT_TOKENS = 8
THOUGHT_TOKENS = 1024
"""More, where a model says nothing in those: a reasoning model thinks first."""
MOST_CHARACTERS = 2000
"""Of the answers of one side, that a judge reads."""
RULES = (
    "You compare what two assistants answered to the same question, or to the same two, one after the other. Which of "
    "them is more correct, more helpful and more to the point, on the whole? A longer answer is not better for being "
    "longer. Reply with one word: A, B or tie."
)
ALONE = re.compile(r"\W*(?:(?:final |my )?(?:verdict|answer|choice)\W+(?:is\W+)?)?(A|B|tie)\W*", re.IGNORECASE)
"""A line that is nothing but a verdict."""


def evaluate(
    task: SuiteTask,
    data: Path,
    assistant: Assistant,
    model: str,
    against: str | None,
    judge: str | None,
    limit: int | None,
    answers: Answers,
    tell: Told,
) -> Found:
    """Results and samples. against: Evaluation.check wants one. Raises EngineFailed for a judge of whom no verdict can
    be read."""
    assert against  # noqa: S101
    asked = rows(data, task.reader, limit)
    questions = [[str(row[name]) for name in ("question", "then") if row.get(name)] for row in asked]
    own, other = (_answers(assistant, name, questions, answers, tell) for name in (model, against))

    def judged(first: Sequence[Sequence[str]], second: Sequence[Sequence[str]]) -> list[str]:
        prompts = [compared(*three) for three in zip(questions, first, second, strict=True)]
        by_text = {prompt[-1].content: prompt for prompt in prompts}

        def said(texts: Sequence[str]) -> list[str]:
            return _replies(assistant, [by_text[text] for text in texts], judge, VERDICT_TOKENS, verdict)

        return answered(f"judge {judge}", list(by_text), said, answers, tell, of=[p[-1].content for p in prompts])

    said = list(zip(judged(own, other), judged(other, own), strict=True))
    verdicts = [(verdict(first), verdict(second)) for first, second in said]
    outcomes = [outcome(*both) if all(both) else None for both in verdicts]
    read = [each for each in outcomes if each is not None]
    if not read:
        told = next(text for both in said for text in both if not verdict(text))
        hint = "A judge should say A, B or tie: name a larger one with --judge."
        raise EngineFailed(f"{judge or 'The judge'} gave no verdicts that can be read: {told[:80]!r}.", hint=hint)
    won = [value for value, _ in read]
    own_figures = [{} if each is None else {"won": each[0]} for each in outcomes]
    figures = {
        "won,none": statistics.fmean(won),
        "won_stderr,none": metrics.standard_error(won),
        "swayed,none": statistics.fmean(swayed for _, swayed in read),
        "unreadable,none": statistics.fmean(not each for both in verdicts for each in both),
    }
    samples = [
        {
            **sample_of(place, row, "\n\n".join(turns), "\n\n".join(theirs), "\n\n".join(mine), found),
            "against": against,
            "judge": judge or "",
            "judged": list(both),
        }
        for place, (row, turns, theirs, mine, found, both) in enumerate(
            zip(asked, questions, other, own, own_figures, said, strict=True)
        )
    ]
    found = results_of(task, figures, samples, {"won": True, "swayed": False, "unreadable": False})
    found["n-samples"][task.name]["effective"] = len(read)
    return found, samples


def _answers(
    assistant: Assistant, name: str, questions: Sequence[Sequence[str]], answers: Answers, tell: Told
) -> list[list[str]]:
    """What a model answers to each question, and then, with that before it, to what is asked after it."""

    def said(texts: Sequence[str]) -> list[str]:
        prompts: list[list[Message]] = [
            [Message("assistant" if place % 2 else "user", turn) for place, turn in enumerate(json.loads(text))]
            for text in texts
        ]
        return _replies(assistant, prompts, name, MOST_TOKENS, spoken)

    history: list[list[str]] = [[] for _ in questions]
    for turn in range(max(map(len, questions))):
        places = [place for place, each in enumerate(questions) if len(each) > turn]
        texts = [json.dumps([*history[place], questions[place][turn]]) for place in places]
        for place, reply in zip(places, answered(f"reply {name}", texts, said, answers, tell), strict=True):
            history[place] += [questions[place][turn], reply]
    return [each[1::2] for each in history]


def _replies(
    assistant: Assistant,
    prompts: Sequence[Sequence[Message]],
    model: str | None,
    most: int,
    good: Callable[[str], str],
) -> list[str]:
    """Replies of `most` tokens, without the thoughts before them; those that are not good are asked for again with room
    to think."""
    found = list(assistant.replies_to(prompts, model, most))
    if again := [place for place, reply in enumerate(found) if not good(reply)]:
        longer = assistant.replies_to([prompts[place] for place in again], model, THOUGHT_TOKENS + most)
        for place, reply in zip(again, longer, strict=True):
            found[place] = reply
    return [spoken(reply) for reply in found]


def spoken(reply: str) -> str:
    """A reply without what a reasoning model thought before it; "" where it had not come to an end of that."""
    _, thought, said = reply.rpartition("</think>")
    return "" if not thought and "<think>" in reply else said.strip()


def compared(questions: Sequence[str], first: Sequence[str], second: Sequence[str]) -> list[Message]:
    """What a judge is asked. first, second: the answers of each side, as many as questions."""
    parts = [f"Question:\n{questions[0]}", *(f"Asked then:\n{each}" for each in questions[1:])]
    for name, said in (("A", first), ("B", second)):
        cut = [text[: MOST_CHARACTERS // len(said)] for text in said]
        parts += [f"Answer {name}:\n{cut[0]}", *(f"Answer {name} to what was asked then:\n{text}" for text in cut[1:])]
    return [Message("system", RULES), Message("user", "\n\n".join([*parts, "Which is better: A, B or tie?"]))]


def verdict(reply: str) -> str:
    """ "A", "B" or "tie" in a judge's reply, by a line that says nothing else, by the whole, or by its last line; ""
    where it says none of them, or several."""
    lines = [line for line in spoken(reply).splitlines() if line.strip()]
    alone = {found[1].lower() for line in lines if (found := ALONE.fullmatch(line))}
    if len(alone) == 1:
        return {"a": "A", "b": "B", "tie": "tie"}[alone.pop()]
    for text in (" ".join(lines), *lines[-1:]):
        named = {"tie"} if re.search(r"\btie\b", text, re.IGNORECASE) else set(re.findall(r"\b([AB])\b", text))
        if len(named) == 1:
            return named.pop()
    return ""


def outcome(as_first: str, as_second: str) -> tuple[float, bool]:
    """(1 where the own answer won in both places, 0 where it lost in both, else a half; whether the judge was swayed by
    the place)."""
    own = {"A": 1, "B": -1, "tie": 0}[as_first]
    turned = {"A": -1, "B": 1, "tie": 0}[as_second]
    swayed = own * turned < 0
    return (1 + (own + turned > 0) - (own + turned < 0)) / 2 if not swayed else 0.5, swayed
