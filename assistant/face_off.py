"""One text, three families: the same task done by a BERT-, a T5- and a GPT-style model, side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Message, Rewriting
from assistant.errors import BadSettings, ParleyError
from assistant.tasks import sentiment
from assistant.tasks.summary import Length
from assistant.tasks.translation import Order

if TYPE_CHECKING:
    from assistant.writing import WritingTasks

Task = Literal["sentiment", "translate", "summarize"]
TASKS: tuple[Task, ...] = ("sentiment", "translate", "summarize")
NAMES = {Family.ENCODER: "BERT-style", Family.SEQ2SEQ: "T5-style", Family.DECODER: "GPT-style"}
QUESTION = "Is the sentiment of this text positive, neutral or negative? Answer with one word.\n\nText: {}"
WARM_UP = "It is good."
CAPABILITIES = {
    Family.ENCODER: Capability.CLASSIFY,
    Family.SEQ2SEQ: Capability.TEXT2TEXT,
    Family.DECODER: Capability.GENERATE,
}
NO_WRITER = "An encoder reads and does not write: it cannot translate."


@dataclass(frozen=True)
class Contender:
    """What one family made of the text. Where it could not: `answer` is "" and `reason` says why."""

    family: str
    model: str
    answer: str
    seconds: float = 0.0
    """From the request to the whole answer; loading is not counted."""
    tokens: int = 0
    """That the text is to this model, its prompt included."""
    memory_bytes: int = 0
    """What the model needs, by its catalogue entry and how it is run here: an estimate."""
    quality: float | None = None
    """Against the reference, 0 to 1: right or wrong for sentiment, chrF for text. None without a reference."""
    reason: str = ""


def compare(
    tasks: WritingTasks, task: Task, text: str, *, target: str = "fr", source: str | None = None, reference: str = ""
) -> Iterator[Contender]:
    """Each family's answer, as they come: encoder, sequence-to-sequence, decoder.

    reference: the right answer, where it is known. Raises BadSettings for another task, and what `order` raises.
    """
    if task not in TASKS:
        raise BadSettings(f"There is no task {task!r} to compare by.", hint=f"Choose of {', '.join(TASKS)}.")
    tasks.check_length(text)
    order = tasks.order(text, target, source) if task == "translate" else None
    if order:
        order.check()
    for family in (Family.ENCODER, Family.SEQ2SEQ, Family.DECODER):
        yield _contend(tasks, task, text, family, order, reference)


def _contend(
    tasks: WritingTasks, task: Task, text: str, family: Family, order: Order | None, reference: str
) -> Contender:
    if task == "translate" and family is Family.ENCODER:
        return Contender(NAMES[family], "", "", reason=NO_WRITER)
    entry = tasks.able(task, family, order)
    if entry is None:
        return Contender(NAMES[family], "", "", reason="No model of this family that can do it is in the catalogue.")
    if missing := tasks.absent(entry):
        reason = f"{entry.title} is not on this machine: parley models pull {missing[0].key}"
        return Contender(NAMES[family], entry.key, "", reason=reason)
    try:
        _answer(tasks, task, WARM_UP, entry, order)  # loads the model
        start = time.perf_counter()
        answer = _answer(tasks, task, text, entry, order)
        seconds = time.perf_counter() - start
        capability = CAPABILITIES[family]
        tokens = tasks.engine(entry.key, capability=capability).count_tokens([Message("user", text)])
    except ParleyError as error:
        return Contender(NAMES[family], entry.key, "", reason=str(error))
    memory = tasks.explain(entry.key, capability=capability).needs_bytes
    quality = _quality(task, answer, reference) if reference.strip() else None
    return Contender(NAMES[family], entry.key, answer, seconds, tokens, memory, quality)


def _answer(tasks: WritingTasks, task: Task, text: str, entry: ModelEntry, order: Order | None) -> str:
    if task == "translate" and order is not None:
        return tasks.translation(text, order, model=entry.key).text
    if task == "summarize":
        way = "extractive" if entry.family is Family.ENCODER else "abstractive"
        model = None if entry.family is Family.ENCODER else entry.key
        return tasks.summarize(text, Length(2), way=way, model=model).text
    if entry.family is Family.ENCODER:
        return tasks.sentiment(text, model=entry.key).whole.label
    if entry.family is Family.SEQ2SEQ:
        engine = tasks.engine(entry.key, capability=Capability.TEXT2TEXT)
        return _label(engine.text2text([QUESTION.format(text)], Rewriting(max_tokens=8))[0])
    return _label(next(iter(tasks.replies_to([[Message("user", QUESTION.format(text))]], entry.key, 8))))


def _label(reply: str) -> str:
    """The sentiment that a reply names, else the reply."""
    low = reply.lower()
    named = [name for name in sentiment.SENTIMENTS if name in low]
    return named[0] if len(named) == 1 else reply.strip()


def _quality(task: Task, answer: str, reference: str) -> float:
    if task == "sentiment":
        return float(answer.strip().lower() == reference.strip().lower())
    from sacrebleu.metrics.chrf import CHRF

    return CHRF().sentence_score(answer, [reference]).score / 100
