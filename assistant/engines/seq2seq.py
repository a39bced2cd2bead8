"""Sequence-to-sequence models (T5-style) on transformers: many texts rewritten at once, batched by length."""

from __future__ import annotations

import errno
import gc
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from assistant.engines import beams as search
from assistant.engines import channel, greedy
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
        rerank: Mapping[str, float] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Load the folder at `path`; `adapter` is a PEFT folder, merged into it. prompts, rerank: the
        catalogue's fields.

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
        self._rerank = dict(rerank or {})
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
            some = self._pass([encoded[n] for n in batch], [texts[n] for n in batch], forced, asked, cancel)
            for place, text in zip(batch, some, strict=True):
                found[place] = text
        return found

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return count_tokens(self._tokenizer, messages)

    def _pass(
        self,
        pieces: list[list[int]],
        texts: list[str],
        forced: int | None,
        asked: Rewriting,
        cancel: threading.Event | None,
    ) -> list[str]:
        """One batch, or two of half the size where memory does not suffice. The longest piece comes first."""
        inputs = self._tokenizer.pad({"input_ids": pieces}, return_tensors="pt").to(self._loaded.device)
        most = asked.max_tokens or 2 * len(pieces[0]) + 16
        try:
            with self._lock, torch.inference_mode():
                tokens = self._decoded(inputs, texts, most, forced, asked, cancel)
        except Exception as error:
            half = len(pieces) // 2
            if not (half and is_out_of_memory(error)):
                raise running_failure(error, self.model) from error
        else:
            return self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [
            *self._pass(pieces[:half], texts[:half], forced, asked, cancel),
            *self._pass(pieces[half:], texts[half:], forced, asked, cancel),
        ]

    def _decoded(
        self,
        inputs: Mapping[str, torch.Tensor],
        texts: list[str],
        most: int,
        forced: int | None,
        asked: Rewriting,
        cancel: threading.Event | None,
    ) -> Any:
        """The tokens of each row. inputs: input_ids and attention_mask, (row, source token)."""
        input_ids, attention_mask = inputs["input_ids"], inputs["attention_mask"]
        settings = self._loaded.generation_config
        number = asked.beams or settings.num_beams or 1
        stopped = cancel.is_set if cancel is not None else bool
        if number == 1 and greedy.able(settings):
            return greedy.decode(
                self._loaded, input_ids, attention_mask, most, best=self._best, forced=forced, stopped=stopped
            )
        if number > 1 and search.able(settings):
            found = search.search(self._loaded, input_ids, attention_mask, most, number, forced=forced, stopped=stopped)
            weight = 0.0 if asked.beams else self._rerank.get(f"{asked.source}-{asked.target}", 0.0)
            if weight and not stopped():
                return self._best_both_ways(found, texts, asked, weight)
            return [row[0].tokens for row in found]
        options: dict[str, Any] = {"max_new_tokens": most, "do_sample": False}
        if asked.beams:
            options["num_beams"] = asked.beams
        if forced is not None:
            options["forced_bos_token_id"] = forced
        if cancel is not None:
            options["stopping_criteria"] = [_Stop(cancel)]
        return self._loaded.generate(input_ids=input_ids, attention_mask=attention_mask, **options)

    def _best_both_ways(
        self, found: list[list[search.Found]], texts: list[str], asked: Rewriting, weight: float
    ) -> list[list[int]]:
        """The tokens of each row's text that is likely and says the row's text when translated back."""
        back = replace(asked, source=asked.target, target=asked.source)
        said = [self._tokenizer.decode(each.tokens, skip_special_tokens=True) for row in found for each in row]
        sources = self._tokenizer([self.directions.written(each, back) for each in said])["input_ids"]
        own = self._tokenizer(texts)["input_ids"]
        targets = [tokens for tokens, row in zip(own, found, strict=True) for _ in row]
        told = iter(channel.likelihoods(self._loaded, sources, targets))
        penalty = self._loaded.generation_config.length_penalty
        penalty = 1.0 if penalty is None else penalty
        return [row[channel.chosen(row, [next(told) for _ in row], penalty, weight)].tokens for row in found]

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
