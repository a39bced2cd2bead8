"""Sequence-to-sequence models (T5-style) on transformers: many texts rewritten at once, batched by length."""

from __future__ import annotations

import errno
import gc
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from assistant.engines import beams as search
from assistant.engines import greedy
from assistant.engines.by_length import batches, count_tokens
from assistant.engines.directions import Directions
from assistant.engines.protocol import Capability, Engine, Message, Rewriting
from assistant.engines.torch_failures import is_out_of_memory, loading_failure, running_failure
from assistant.errors import BadDocument, TextTooLong
from assistant.hardware import cpu_multiplies_int8
from assistant.placement import Placement

BATCH_TOKENS = {"cpu": 4096, "cuda": 32768, "mps": 8192}
"""Tokens that a batch reads, padding included: a step of decoding costs a CPU little more for 128 rows than for 32."""
MOST_ROWS = {"cpu": 128, "cuda": 512, "mps": 128}


class Seq2SeqEngine(Engine):
    """One encoder-decoder model that turns texts into texts."""

    name = "transformers"
    capabilities = frozenset({Capability.TEXT2TEXT})

    def __init__(
        self,
        path: Path,
        *,
        model: str = "",
        placement: Placement | None = None,
        dtype: str = "float32",
        context_length: int | None = None,
        threads: int | None = None,
        adapter: Path | None = None,
        prompts: Mapping[str, str] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Load the folder at `path`; `adapter` is a PEFT folder, merged into it. prompts: the catalogue's field.

        Raises ModelNotAvailable, ModelTooLarge, WeightsCorrupt, EngineFailed.
        """
        self.model = model or path.name
        placement = placement or Placement("CPU", "cpu")
        if threads:
            torch.set_num_threads(threads)
        try:
            loaded, self._tokenizer = _load(path, placement, dtype, adapter)
        except Exception as error:
            raise loading_failure(error, self.model) from error
        self._loaded: Any = loaded
        config: Any = loaded.config
        # T5 has relative positions: its tokeniser names the length that it was trained on.
        known = [self._tokenizer.model_max_length, getattr(config, "max_position_embeddings", None)]
        most = min(length for length in (*known, 2**20) if length)
        self.context_length = min(most, context_length or most)
        self.directions = Directions.read(self.model, self._tokenizer, config, prompts or {})
        self._lock = threading.Lock()
        on_cpu = placement.device_map == "cpu"
        self._best = greedy.best_word(loaded) if on_cpu and cpu_multiplies_int8() else None
        self.notes = (f"Runs on {placement.device} in {dtype}.", *notes)

    def text2text(self, texts: Sequence[str], asked: Rewriting, *, cancel: threading.Event | None = None) -> list[str]:
        written = [self.directions.written(text, asked) for text in texts]
        forced = self.directions.begin(asked)
        with self._lock:
            if code := self.directions.codes.get(asked.source or ""):
                self._tokenizer.src_lang = code
            encoded: list[list[int]] = self._tokenizer(written)["input_ids"] if written else []
        for text, tokens in zip(texts, encoded, strict=True):
            if not text.strip():
                raise BadDocument("There are no words in this text.", hint="Give at least one sentence.")
            if len(tokens) > self.context_length:
                raise TextTooLong(
                    f"A text of {len(tokens):,} tokens does not fit {self.model}, which reads {self.context_length:,}.",
                    hint="Give it in shorter pieces.",
                )
        found = [""] * len(texts)
        kind = self._loaded.device.type
        sizes = [len(tokens) for tokens in encoded]
        for batch in batches(sizes, BATCH_TOKENS.get(kind, 4096), MOST_ROWS.get(kind, 128)):
            if cancel is not None and cancel.is_set():
                break
            for place, text in zip(batch, self._pass([encoded[n] for n in batch], forced, asked, cancel), strict=True):
                found[place] = text
        return found

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return count_tokens(self._tokenizer, messages)

    def _pass(
        self, pieces: list[list[int]], forced: int | None, asked: Rewriting, cancel: threading.Event | None
    ) -> list[str]:
        """One batch, or two of half the size where memory does not suffice. The longest piece comes first."""
        inputs = self._tokenizer.pad({"input_ids": pieces}, return_tensors="pt").to(self._loaded.device)
        most = asked.max_tokens or 2 * len(pieces[0]) + 16
        try:
            with self._lock, torch.inference_mode():
                tokens = self._decoded(inputs["input_ids"], inputs["attention_mask"], most, forced, asked.beams, cancel)
        except Exception as error:
            half = len(pieces) // 2
            if not (half and is_out_of_memory(error)):
                raise running_failure(error, self.model) from error
        else:
            return self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [
            *self._pass(pieces[:half], forced, asked, cancel),
            *self._pass(pieces[half:], forced, asked, cancel),
        ]

    def _decoded(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        most: int,
        forced: int | None,
        beams: int | None,
        cancel: threading.Event | None,
    ) -> Any:
        """The tokens of each row."""
        settings = self._loaded.generation_config
        number = beams or settings.num_beams or 1
        stopped = cancel.is_set if cancel is not None else bool
        if number == 1 and greedy.able(settings):
            return greedy.decode(
                self._loaded, input_ids, attention_mask, most, best=self._best, forced=forced, stopped=stopped
            )
        if number > 1 and search.able(settings):
            return search.search(self._loaded, input_ids, attention_mask, most, number, forced=forced, stopped=stopped)
        options: dict[str, Any] = {"max_new_tokens": most, "do_sample": False}
        if beams:
            options["num_beams"] = beams
        if forced is not None:
            options["forced_bos_token_id"] = forced
        if cancel is not None:
            options["stopping_criteria"] = [_Stop(cancel)]
        return self._loaded.generate(input_ids=input_ids, attention_mask=attention_mask, **options)

    def close(self) -> None:
        """Free the model's memory."""
        self._loaded = self._best = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class _Stop:
    """Ends every row of a batch when the event is set; transformers calls it after each token."""

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self.cancel.is_set(), dtype=torch.bool, device=input_ids.device)


def _load(path: Path, placement: Placement, dtype: str, adapter: Path | None) -> tuple[Any, Any]:
    """(model, tokeniser)."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    if not (path / "config.json").is_file():  # transformers would speak of an unknown architecture
        raise FileNotFoundError(errno.ENOENT, "there is no config.json", str(path))
    options: dict[str, Any] = {"dtype": getattr(torch, dtype), "device_map": placement.device_map}
    tokenizer = AutoTokenizer.from_pretrained(path)
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(path, **options)
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    return model.eval(), tokenizer
