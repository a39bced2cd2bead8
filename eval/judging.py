"""Answers to open questions, each judged beside another model's by a third, with both in either place (Zheng et al.
2023, arXiv:2306.05685): what a judge prefers only where it stands counts as a tie."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

from assistant.engines.protocol import Message
from assistant.service import Assistant
from eval import metrics
from eval.answers import Answers
from eval.assistant_tasks import Found, Told, answered, results_of, sample_of
from eval.local_rows import rows
from eval.suite import SuiteTask

MOST_TOKENS = 256
"""Of an answer."""
MOST_CHARACTERS = 2000
"""Of an answer, that a judge reads."""
RULES = (
    "You compare two answers to one question. Which of them is more correct, more helpful and more to the point? A "
    "longer answer is not better for being longer. Reply with one word: A, B or tie."
)


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
    """Results and samples. against: Evaluation.check wants one."""
    assert against  # noqa: S101
    asked = rows(data, task.reader, limit)
    questions = [str(row["question"]) for row in asked]

    def reply(name: str) -> list[str]:
        def said(texts: Sequence[str]) -> list[str]:
            return list(assistant.replies_to([[Message("user", text)] for text in texts], name, MOST_TOKENS))

        return answered(f"reply {name}", questions, said, answers, tell)

    own, other = reply(model), reply(against)

    def verdicts(first: Sequence[str], second: Sequence[str]) -> list[str]:
        prompts = [compared(*three) for three in zip(questions, first, second, strict=True)]
        by_prompt = {prompt[-1].content: prompt for prompt in prompts}

        def said(texts: Sequence[str]) -> list[str]:
            replies = assistant.replies_to([by_prompt[text] for text in texts], judge, 8)
            return [verdict(each) for each in replies]

        return answered(f"judge {judge}", list(by_prompt), said, answers, tell, of=[p[-1].content for p in prompts])

    outcomes = [outcome(*both) for both in zip(verdicts(own, other), verdicts(other, own), strict=True)]
    won = [value for value, _ in outcomes]
    figures = {
        "won,none": statistics.fmean(won),
        "won_stderr,none": metrics.standard_error(won),
        "swayed,none": statistics.fmean(swayed for _, swayed in outcomes),
    }
    samples = [
        {**sample_of(place, row, question, theirs, mine, {"won": value}), "against": against, "judge": judge or ""}
        for place, (row, question, theirs, mine, value) in enumerate(
            zip(asked, questions, other, own, won, strict=True)
        )
    ]
    return results_of(task, figures, samples, {"won": True, "swayed": False}), samples


def compared(question: str, first: str, second: str) -> list[Message]:
    """What a judge is asked."""
    cut = [text[:MOST_CHARACTERS] for text in (first, second)]
    said = f"Question:\n{question}\n\nAnswer A:\n{cut[0]}\n\nAnswer B:\n{cut[1]}\n\nWhich is better: A, B or tie?"
    return [Message("system", RULES), Message("user", said)]


def verdict(reply: str) -> str:
    """ "A", "B" or "tie" in a judge's reply; "tie" where it says neither, or both."""
    named = set(re.findall(r"\b([AB])\b", reply))
    return next(iter(named)) if len(named) == 1 and not re.search(r"\btie\b", reply, re.IGNORECASE) else "tie"


def outcome(as_first: str, as_second: str) -> tuple[float, bool]:
    """(1 where the own answer won in both places, 0 where it lost in both, else a half; whether the judge was swayed by
    the place)."""
    own = {"A": 1, "B": -1, "tie": 0}[as_first]
    turned = {"A": -1, "B": 1, "tie": 0}[as_second]
    swayed = own * turned < 0
    return (1 + (own + turned > 0) - (own + turned < 0)) / 2 if not swayed else 0.5, swayed
