"""The models of the assistant: which there are, how they are run here, and those that are loaded."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from assistant import dequantise, hardware, marian, placement, sources, tuned
from assistant.catalogue import Catalogue, ModelEntry
from assistant.engines.choice import Choice, choose
from assistant.engines.opening import check_fits, open_engine
from assistant.engines.protocol import Capability, Engine, Sampling
from assistant.engines.remote import Remote, remote
from assistant.errors import EngineFailed, ModelNotAvailable, ParleyError, UnknownModel
from assistant.pool import EnginePool
from assistant.pulls import Pulls
from assistant.settings import sampling_from
from assistant.weights.gguf_files import read_gguf_header
from assistant.weights.pickles import refuse_pickles

log = logging.getLogger("parley.engines")


class OpenEngine(Protocol):
    """How a chosen model is loaded; tests hand in one that makes a FakeEngine."""

    def __call__(
        self,
        choice: Choice,
        entry: ModelEntry | Remote,
        path: Path | None,
        *,
        context_length: int,
        adapter: Path | None,
        adapters: Sequence[Path] = (),
    ) -> Engine: ...


QUICK_MODEL = "smollm2-135m-instruct"
"""The chat model that is fetched first: the page opens on it."""
GOOD_MODEL = "qwen2.5-coder-1.5b-instruct"
"""The chat model that arrives behind it and answers new conversations from then on."""
ENCODER = "all-minilm-l6-v2"
"""What sentiment, and all that goes by the meaning of a text, is done with."""
GOOD_MODEL_NEEDS_RAM_BYTES = 6 * 2**30
"""Machines with less are offered the good model instead of being sent it."""
CONTEXT_TOKENS = 8192
"""Context that a chat gets where the model can have more: each running conversation pays for it in memory."""


class Models:
    """Finds, explains, loads and fetches models. All methods are thread-safe."""

    def __init__(
        self,
        *,
        machine: hardware.Machine | None = None,
        catalogue: Catalogue | None = None,
        open_engine: OpenEngine = open_engine,
        only_known: Callable[[], bool] = lambda: False,
    ) -> None:
        """open_engine: how a chosen model is loaded. only_known: whether the person for whom the code that asks is
        running may name models of the catalogue alone, and no files or addresses."""
        self._only_known = only_known
        self.machine = machine or hardware.detect()
        self.catalogue = catalogue or Catalogue.load()
        self.pulls = Pulls()
        self._open_engine = open_engine
        self._pool = EnginePool(placement.has_bytes(self.machine, self.machine.device))

    def default_model(self) -> str:
        """The best embedded chat model that is here, else the one that would be fetched first."""
        here = [e for e in self.catalogue if e.embedded and "chat" in e.tasks and sources.locate(e)]
        return max(here, key=lambda e: e.parameters).key if here else QUICK_MODEL

    def find(self, model: str | None = None) -> ModelEntry | Remote:
        """The model of that name: of the catalogue, the Hub, this disk, or behind a URL. Raises UnknownModel."""
        name = model or self.default_model()
        return self.known(name) if self._only_known() else remote(name) or self.catalogue.find(name)

    def known(self, name: str) -> ModelEntry:
        """The model of the catalogue, or of a run of this machine, of exactly that key: no file is opened and nobody is
        asked to find out. Raises UnknownModel."""
        found = (
            self.catalogue[name] if name in self.catalogue else next((e for e in self.catalogue if e.key == name), None)
        )
        if found is None:
            raise UnknownModel(f"There is no model called {name!r} here.", hint="Choose one of those that are listed.")
        return found

    def explain(
        self,
        model: str | None = None,
        *,
        engine: str = "auto",
        capability: Capability = Capability.GENERATE,
        quantisation: str | None = None,
        adapter: bool = False,
    ) -> Choice:
        """Which engine would run the model, why, and whether it fits."""
        return self._choice(self.find(model), engine, capability, quantisation, adapter)

    def _choice(
        self,
        entry: ModelEntry | Remote,
        engine: str,
        capability: Capability,
        quantisation: str | None = None,
        adapter: bool = False,
    ) -> Choice:
        return choose(
            entry,
            self.machine,
            engine=engine,
            capability=capability,
            quantisation=quantisation,
            adapter=adapter,
            context=CONTEXT_TOKENS,
            others=self.catalogue,
        )

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
        """The model, loaded; shared with everyone who asks for the same. Hold it for one piece of work and no longer:
        while it is held, it keeps its memory. adapter: the folder of a PEFT adapter. cancel: ends the wait for memory.

        Raises ModelNotAvailable where its weights are not here, ModelTooLarge where it does not fit, ModelsBusy where
        only others that are in use keep it from fitting, Cancelled.
        """
        entry = named = self.find(model)
        choice = self._choice(entry, engine, capability, quantisation, adapter is not None)
        beside: Path | None = None
        if isinstance(entry, ModelEntry) and entry.base and entry.format == "adapter" and choice.engine == "llamacpp":
            beside = self._weights(entry) / tuned.ADAPTER_GGUF
            entry = self.catalogue.find(entry.base)  # one server has the base and what is put on it
            choice = self._choice(entry, choice.engine, capability)
        # The dtype is part of the key: scores need float32, where an engine that generates may have 16 bits.
        key = (entry.key, choice.engine, choice.dtype, quantisation, adapter)

        def suits(loaded: Engine) -> bool:
            return beside is None or loaded.carries(beside)

        loaded = self._pool.find(key, suits)
        if loaded is None:
            self._require_loadable(entry, choice, beside)
            load = partial(self._load, entry, choice, adapter, beside)
            loaded = self._pool.get(key, choice.needs_bytes, load, suits=suits, cancel=cancel)
        loaded.require(capability)
        return loaded.with_adapter(beside, named.key) if beside else loaded

    def _require_loadable(self, entry: ModelEntry | Remote, choice: Choice, beside: Path | None) -> None:
        """Raise what would come of loading it, before another has left for it."""
        if not isinstance(entry, Remote):
            self._weights(entry)
            if entry.format == "adapter" and entry.base:
                self._weights(self.catalogue.find(entry.base))
        check_fits(choice, entry)
        if beside:
            read_gguf_header(beside)

    def _load(self, entry: ModelEntry | Remote, choice: Choice, adapter: Path | None, beside: Path | None) -> Engine:
        path, put_on = None, adapter
        adapters: list[Path] = []
        if not isinstance(entry, Remote):
            path = self._weights(entry)
            refuse_pickles(path, known=entry.key in self.catalogue or entry.format == "marian")
            if entry.format == "adapter" and entry.base is not None:
                base = self.catalogue.find(entry.base)
                path, put_on = self._weights(base), path
                if base.format == "gguf" and choice.engine == "transformers":
                    path = dequantise.dequantised(path)
            elif choice.engine == "llamacpp":
                adapters = [*tuned.adapters_on(entry, self.catalogue, choice.prompts_bytes)]
        wanted = [beside] if beside else []
        opened = partial(self._open_engine, choice, entry, path, context_length=CONTEXT_TOKENS, adapter=put_on)
        try:
            return opened(adapters=list(dict.fromkeys(wanted + adapters)))
        except EngineFailed as error:
            if not set(adapters) - set(wanted):
                raise
            log.warning("%s is loaded without adapters that were not asked for: %s", entry.key, error)
            return opened(adapters=wanted)

    @property
    def restarts(self) -> int:
        """How many engines ended by themselves and were loaded again, since the start."""
        return self._pool.restarts

    def _weights(self, entry: ModelEntry) -> Path:
        path = sources.locate(entry)
        if path is None:
            hint = f"Fetch it with `parley models pull {entry.key}`, or on the page under Models."
            raise ModelNotAvailable(f"{entry.title} is not on this machine yet.", hint=hint)
        return path

    def loaded(self) -> list[Engine]:
        """The models that are in memory now."""
        return self._pool.loaded()

    def remove_model(self, model: str) -> int:
        """Delete a model's weights; how many bytes that freed."""
        entry = self.catalogue.find(model)
        self._pool.forget(entry.key)
        path = sources.locate(entry)
        full = 0
        if path is not None and entry.format in ("gguf", "marian"):
            full = marian.forget(path) if entry.format == "marian" else dequantise.forget(path)
        return full + sources.remove(entry)

    def start_pulls(self) -> None:
        """Begin to fetch what the page wants to have: the quick chat model, the encoder, and the good chat model where
        it fits.

        `PARLEY_AUTO_PULL=0` leaves them to be asked for.
        """
        if os.environ.get("PARLEY_AUTO_PULL", "1") == "0":
            return
        for key in (QUICK_MODEL, ENCODER):
            self.pulls.start(self.catalogue[key])
        if self.machine.ram_bytes >= GOOD_MODEL_NEEDS_RAM_BYTES:
            self.pulls.start(self.catalogue[GOOD_MODEL])

    def preload(self) -> None:
        """Begin to load the model that new conversations use, where it is here: the first answer then waits less."""

        def load() -> None:
            with suppress(ParleyError):  # whoever asks for an answer is told
                self.engine(self.default_model())

        threading.Thread(target=load, name="preload", daemon=True).start()

    def sampling(self, model: str | None, *changes: Mapping[str, Any]) -> Sampling:
        """What the model's own card recommends, then each layer of changes."""
        entry = self.find(model)
        return sampling_from({} if isinstance(entry, Remote) else entry.sampling, *changes)
