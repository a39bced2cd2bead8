"""The engine and the form that a person chose for the model that is measured, whichever task runs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Engine
from assistant.engines.remote import Remote
from assistant.errors import BadSettings
from assistant.hardware import installed_version
from assistant.service import Assistant
from eval.suite import SuiteTask

if TYPE_CHECKING:
    from eval.runner import Evaluation

WRITES = ("generate", "translation", "summary", "judged")
"""Kinds of tasks for which a model writes."""


class Chosen(Assistant):
    """An assistant that runs one model on one engine, where it writes, and in one form; others as it always does."""

    def __init__(self, model: str, engine: str = "auto", quantisation: str | None = None, **more: Any) -> None:
        super().__init__(**more)
        self._key, self._engine, self._form = self.find(model).key, engine, quantisation
        self.used: dict[tuple[str, tuple[str, ...], str], None] = {}
        """(engine, its notes, hash of its template) of each that the model has run on."""

    def engine(
        self,
        model: str | None = None,
        *,
        engine: str = "auto",
        capability: Capability = Capability.GENERATE,
        quantisation: str | None = None,
        adapter: Path | None = None,
        cancel: threading.Event | None = None,
    ) -> Engine:
        own = model is not None and self.find(model).key == self._key  # one that nobody named is a judge
        if own and engine == "auto" and capability is Capability.GENERATE:
            engine = self._engine
        form = quantisation or (self._form if own else None)
        found = super().engine(
            model, engine=engine, capability=capability, quantisation=form, adapter=adapter, cancel=cancel
        )
        if own:
            self.used[found.name, tuple(found.notes), found.template_hash] = None
        return found


def require_form(
    asked: Evaluation, title: str, entry: ModelEntry | Remote, tasks: Sequence[SuiteTask], models: Assistant
) -> None:
    """Raises BadSettings or CapabilityMissing where these tasks would not be done on the engine and in the form that
    are asked for, so that the figures would be those of another model. title: of the suite."""
    if asked.engine == "auto" and asked.quantisation is None:
        return
    if any(task.kind == "speed" for task in tasks):
        hint = "Leave out --engine and --quantisation."
        raise BadSettings(f"{title} times each engine and each form by itself.", hint=hint)
    name = entry.model if isinstance(entry, Remote) else entry.title
    decoder = not isinstance(entry, Remote) and entry.family is Family.DECODER
    if asked.quantisation and not decoder:
        where = "runs on a server" if isinstance(entry, Remote) else "is no GPT-style model"
        raise BadSettings(f"{name} {where}: its weights are taken as they are.", hint="Leave out --quantisation.")
    for other in (asked.against, asked.judge):
        if other and models.find(other).key == entry.key:
            hint = "Name another model, or leave out --engine and --quantisation."
            raise BadSettings(f"{name} would be in that form on both sides.", hint=hint)
    if decoder or isinstance(entry, Remote):
        writes = any(task.kind in WRITES for task in tasks)
        capability = Capability.GENERATE if writes else Capability.SCORE
        engine = asked.engine if writes else "auto"
        models.explain(asked.model, engine=engine, capability=capability, quantisation=asked.quantisation)
    if asked.quantisation and not installed_version("bitsandbytes"):
        hint = "`PARLEY_EXTRAS=gpu make setup` in Parley's folder installs it."
        raise BadSettings(f"{asked.quantisation} weights are made by bitsandbytes, which is not installed.", hint=hint)
