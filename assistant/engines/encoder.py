"""Encoders (BERT-style) on transformers: embeddings and labels of many texts, batched by length."""

from __future__ import annotations

import errno
import gc
import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assistant.engines.by_length import batches, cheapest_batches, count_tokens, portions
from assistant.engines.packed_linear import pack
from assistant.engines.protocol import Capability, Engine, Message, Span
from assistant.engines.quiet import silent_loading
from assistant.engines.spans import best_span
from assistant.engines.torch_failures import is_out_of_memory, loading_failure, running_failure
from assistant.engines.unpadded import unpad
from assistant.errors import Cancelled, TextTooLong
from assistant.placement import Placement

BATCH_TOKENS = {"cpu": 1024, "cuda": 65536, "mps": 8192}
"""Tokens of one pass, padding included: of 2048 the values between two layers no longer stay in a processor's cache."""
PASS_TOKENS = {"cpu": 24}
"""What a pass costs beside its tokens, in tokens (docs/experiments.md); a GPU would rather have it padded."""
MOST_AT_ONCE = 8192
"""Texts that are tokenised and sorted together."""
CHARACTERS_AT_ONCE = 2_000_000
"""Of those texts: tokenising them takes a second or two, and is not broken off."""
MOST_CHARACTERS = 400_000
MOST_TOKENS = 16_384
"""Of one text that is embedded for others: the characters are counted before it is tokenised. Two or three seconds'
work on two cores, while whoever asks next waits."""


class EncoderEngine(Engine):
    """One encoder. A text that is longer than its context is read in pieces, which count by their length."""

    name = "transformers"

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
        notes: tuple[str, ...] = (),
    ) -> None:
        """Load the folder at `path`; `adapter` is a PEFT folder with a head for sorting texts, merged into it.

        Raises ModelNotAvailable, ModelTooLarge, WeightsCorrupt, EngineFailed.
        """
        self.model = model or path.name
        placement = placement or Placement("CPU", "cpu")
        if threads:
            torch.set_num_threads(threads)
        try:
            loaded, self._tokenizer = _load(path, placement, dtype, adapter)
            pack(loaded)
            self._unpadded = not hasattr(loaded, "qa_outputs") and unpad(loaded)
        except Exception as error:
            raise loading_failure(error, self.model) from error
        self._loaded: Any = loaded
        self._lock = threading.Lock()
        config: Any = loaded.config
        heads = getattr(loaded, "classifier", None) or getattr(loaded, "score", None)
        self.labels = tuple(config.id2label[n] for n in sorted(config.id2label)) if heads is not None else ()
        other = Capability.ANSWER if hasattr(loaded, "qa_outputs") else Capability.EMBED
        self.capabilities = frozenset({Capability.CLASSIFY if self.labels else other})
        most = min(getattr(config, "max_position_embeddings", 512), self._tokenizer.model_max_length)
        # RoBERTa counts positions from its padding token's number on.
        most -= (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
        self.context_length = min(most, context_length or most)
        self._cls_pooling = _pools_by_cls(path)
        self.notes = (f"Runs on {placement.device} in {dtype}.", *notes)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return self._embedded(texts)[0]

    def embed_counted(
        self, texts: Sequence[str], *, cancel: threading.Event | None = None
    ) -> tuple[np.ndarray, list[int]]:
        for text in texts:
            if len(text) > MOST_CHARACTERS:
                raise _too_long(f"{len(text):,} characters; {MOST_CHARACTERS:,}")
        return self._embedded(texts, cancel, MOST_TOKENS)

    def _embedded(
        self, texts: Sequence[str], cancel: threading.Event | None = None, most_tokens: int | None = None
    ) -> tuple[np.ndarray, list[int]]:
        self.require(Capability.EMBED)

        def pooled(**inputs: Tensor) -> Tensor:
            states = self._loaded(**inputs).last_hidden_state  # (text, token, dimension)
            if self._cls_pooling:
                return states[:, 0]
            mask = inputs["attention_mask"][..., None].to(states.dtype)
            return (states * mask).sum(1) / mask.sum(1)

        vectors, counts = self._read(texts, pooled, cancel, most_tokens)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), counts

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        self.require(Capability.CLASSIFY)
        several = self._loaded.config.problem_type == "multi_label_classification"

        def probabilities(**inputs: Tensor) -> Tensor:
            logits = self._loaded(**inputs).logits.float()  # (text, label)
            return logits.sigmoid() if several else logits.softmax(-1)

        rows, _ = self._read(texts, probabilities)
        return [dict(zip(self.labels, row, strict=True)) for row in rows.tolist()]

    def answer(self, question: str, passages: Sequence[str]) -> Span | None:
        self.require(Capability.ANSWER)
        try:
            with self._lock:
                return best_span(question, passages, self._loaded, self._tokenizer, self.context_length)
        except TextTooLong:
            raise
        except Exception as error:
            raise running_failure(error, self.model) from error

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return count_tokens(self._tokenizer, messages)

    def _read(
        self,
        texts: Sequence[str],
        work: Callable[..., Tensor],
        cancel: threading.Event | None = None,
        most_tokens: int | None = None,
    ) -> tuple[np.ndarray, list[int]]:
        """(what `work` makes of each text, (text, value) float32; the tokens of each). cancel: looked at between two
        passes. most_tokens: of one text."""
        together = portions(texts, MOST_AT_ONCE, CHARACTERS_AT_ONCE)
        parts = [self._read_some(some, work, cancel, most_tokens) for some in together]
        if not parts:
            return np.zeros((0, 0), np.float32), []
        return np.concatenate([rows for rows, _ in parts]), [count for _, counts in parts for count in counts]

    def _read_some(
        self,
        texts: list[str],
        work: Callable[..., Tensor],
        cancel: threading.Event | None,
        most_tokens: int | None,
    ) -> tuple[np.ndarray, list[int]]:
        # A text that is too long for one pass becomes several pieces; `owners` says whose each is.
        encoded = self._tokenizer(
            texts,
            truncation=True,
            max_length=self.context_length,
            return_overflowing_tokens=self._tokenizer.is_fast,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        pieces: list[list[int]] = encoded["input_ids"]
        lengths = [len(piece) for piece in pieces]
        owners = np.array(encoded["overflow_to_sample_mapping"] if len(pieces) > len(texts) else range(len(texts)))
        counts = np.bincount(owners, lengths, minlength=len(texts)).astype(int)
        if most_tokens is not None and counts.max(initial=0) > most_tokens:
            raise _too_long(f"{counts.max():,} tokens; {most_tokens:,}")
        order: list[int] = []
        values: list[np.ndarray] = []
        kind: str = self._loaded.device.type
        most, alone = BATCH_TOKENS.get(kind, 2048), PASS_TOKENS.get(kind)
        ways = partial(cheapest_batches, pass_tokens=alone, unpadded=self._unpadded) if alone else batches
        for batch in ways(lengths, most):
            if cancel is not None and cancel.is_set():
                raise Cancelled("The request was taken back while its texts were read.")
            order += batch
            values.append(self._pass([pieces[place] for place in batch], work))
        rows = np.empty_like(joined := np.concatenate(values))
        rows[order] = joined
        if len(pieces) == len(texts):
            return rows, lengths
        total = np.zeros((len(texts), rows.shape[1]), np.float32)
        np.add.at(total, owners, rows * np.array(lengths, np.float32)[:, None])
        return total / counts.astype(np.float32)[:, None], counts.tolist()

    def _pass(self, pieces: list[list[int]], work: Callable[..., Tensor]) -> np.ndarray:
        """One pass, or two of half the size where memory does not suffice. The longest piece comes first."""
        padding: int = self._tokenizer.pad_token_id or 0
        tokens = torch.full((len(pieces), len(pieces[0])), padding, dtype=torch.long)  # (piece, token)
        mask = torch.zeros_like(tokens)
        for row, piece in enumerate(pieces):
            tokens[row, : len(piece)] = torch.tensor(piece)
            mask[row, : len(piece)] = 1
        device = self._loaded.device
        try:
            with self._lock, torch.inference_mode():
                return work(input_ids=tokens.to(device), attention_mask=mask.to(device)).float().cpu().numpy()
        except Exception as error:
            half = len(pieces) // 2
            if not (half and is_out_of_memory(error)):
                raise running_failure(error, self.model) from error
        return np.concatenate([self._pass(pieces[:half], work), self._pass(pieces[half:], work)])

    def close(self) -> None:
        """Free the model's memory."""
        self._loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _load(path: Path, placement: Placement, dtype: str, adapter: Path | None) -> tuple[Any, Any]:
    """(model, tokeniser): a classifier where the weights or the adapter bring a head, else the bare encoder."""
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForQuestionAnswering,
        AutoModelForSequenceClassification,
        AutoTokenizer,
    )
    from transformers.utils import logging

    logging.disable_progress_bar()
    if not (path / "config.json").is_file():  # transformers would speak of an unknown architecture
        raise FileNotFoundError(errno.ENOENT, "there is no config.json", str(path))
    options: dict[str, Any] = {"dtype": getattr(torch, dtype), "device_map": placement.device_map}
    tokenizer = AutoTokenizer.from_pretrained(path)
    if adapter is not None:
        from peft import PeftModel

        if not (adapter / "adapter_config.json").is_file():
            raise FileNotFoundError(errno.ENOENT, "there is no adapter_config.json", str(adapter))
        labels = AutoConfig.from_pretrained(adapter)
        with silent_loading():  # that the head is new is no news: the adapter brings it
            base: Any = AutoModelForSequenceClassification.from_pretrained(path, config=labels, **options)
            model: Any = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
        return model.eval(), tokenizer
    architectures: list[str] = AutoConfig.from_pretrained(path).architectures or []
    heads = {
        "ForSequenceClassification": AutoModelForSequenceClassification,
        "ForQuestionAnswering": AutoModelForQuestionAnswering,
    }
    kinds = [kind for name in architectures for ending, kind in heads.items() if name.endswith(ending)]
    kind: Any = kinds[0] if kinds else AutoModel
    return kind.from_pretrained(path, **options).eval(), tokenizer


def _pools_by_cls(path: Path) -> bool:
    """Whether a text's embedding is that of its first token, as sentence-transformers' own files say; else the mean."""
    settings = path / "1_Pooling" / "config.json"
    return settings.is_file() and bool(json.loads(settings.read_text("utf-8")).get("pooling_mode_cls_token"))


def _too_long(said: str) -> TextTooLong:
    return TextTooLong(
        f"A text has {said} can be embedded as one.", hint="Embed it in parts: what is meant shows better in them, too."
    )
