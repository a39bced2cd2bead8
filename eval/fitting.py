"""Which tasks of a suite a model can do."""

from __future__ import annotations

from assistant.catalogue import Family, ModelEntry
from assistant.engines.remote import Remote
from assistant.errors import CapabilityMissing
from assistant.tasks.sentiment import SENTIMENTS
from assistant.translating import made_for
from eval import speed
from eval.suite import KINDS, Suite, SuiteTask

BY_SERVERS = ("generate", "translation", "summary", "judged")
"""Kinds of tasks that a server's model can do: likelihoods of given texts are not in the protocol."""


def fitting(entry: ModelEntry | Remote, chosen: Suite) -> list[SuiteTask]:
    """The tasks of a suite that a model can do. Raises CapabilityMissing where it can do none."""
    tasks = [task for task in chosen.tasks if _fits(entry, task)]
    if not tasks:
        name = entry.model if isinstance(entry, Remote) else entry.title
        does = " or ".join(dict.fromkeys(KINDS[task.kind] for task in chosen.tasks))
        hint = f"{chosen.title} asks for that: choose another suite, or another model."
        raise CapabilityMissing(f"{name} cannot {does}.", hint=hint)
    return tasks


def _fits(entry: ModelEntry | Remote, task: SuiteTask) -> bool:
    if isinstance(entry, Remote):
        return task.kind in BY_SERVERS
    decoder = entry.family is Family.DECODER
    if task.kind == "speed":
        return decoder and speed.able(entry, task)
    if task.kind == "labels":
        named = set(task.options["labels"].values())
        own = "sentiment" in entry.tasks and named <= set(SENTIMENTS)
        return decoder or own or "embed" in entry.tasks
    if task.kind == "summary":
        return bool({"summarize", "embed"} & set(entry.tasks))
    if task.kind == "translation":
        source, target = task.options["source"], task.options["target"]
        return (decoder and "translate" in entry.tasks) or made_for(entry, source, target)
    return decoder
