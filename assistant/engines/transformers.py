"""Decoder models on transformers: on GPUs, with adapters, in 4 or 8 bits, partly on disk, and to score given texts."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch

from assistant.engines import loading, prompts, scoring
from assistant.engines.batch import Ask, Ended, Progress, Token
from assistant.engines.drawing import Drawer
from assistant.engines.forms import FinishReason, Form
from assistant.engines.model_thread import ModelThread
from assistant.engines.protocol import (
    Capability,
    Delta,
    Engine,
    Message,
    Prompt,
    Sampling,
    Score,
    ScoreRequest,
    Usage,
)
from assistant.engines.text_stream import TextStream
from assistant.engines.torch_failures import is_out_of_memory, loading_failure, running_failure
from assistant.errors import EngineFailed, TextTooLong
from assistant.placement import Placement


class TransformersEngine(Engine):
    """One decoder and its adapters. Several conversations are decoded together (batch.py), in one thread."""

    name = "transformers"
    capabilities = frozenset({Capability.GENERATE, Capability.SCORE})

    def __init__(
        self,
        path: Path,
        *,
        model: str = "",
        placement: Placement | None = None,
        dtype: str = "float32",
        quantisation: str | None = None,
        context_length: int | None = None,
        threads: int | None = None,
        adapter: Path | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Load the folder at `path`.

        context_length: tokens of one conversation; None for all that the model was made for. threads: of the
        processor; None leaves torch's own setting. adapter: a PEFT folder, attached and in use.

        Raises ModelNotAvailable, ModelTooLarge, WeightsCorrupt, DiskFull, EngineFailed.
        """
        self.model = model or path.name
        placement = placement or Placement("CPU", "cpu")
        if threads:
            torch.set_num_threads(threads)
        self._offload = tempfile.TemporaryDirectory(prefix="parley-offload-") if placement.offloads else None
        offload_folder = Path(self._offload.name) if self._offload else None
        try:
            loaded, self._tokenizer = loading.load(path, placement, dtype, quantisation, offload_folder)
        except Exception as error:
            raise loading_failure(error, self.model) from error
        self._ends = loading.end_tokens(loaded, self._tokenizer)
        self.context_length = loading.context_length(loaded, context_length)
        self.template_hash = loading.template_hash(self._tokenizer)
        form = f"{quantisation} weights, {dtype}" if quantisation else dtype
        self.notes = (f"Runs on {placement.device} in {form}.", *notes)
        if placement.offloads:
            self.notes += ("Part of it does not fit the device that computes and is fetched for each token: slow.",)
        if not self.template_hash:
            self.notes += (prompts.BASE_NOTE,)
        self._adapters: dict[str, Path] = {}
        self._adapter: str | None = None
        self._thread = ModelThread(loaded, partial(loading.use_adapter, loaded))
        # The pool only forgets an engine: when the last who streams from it lets go, its thread must end by itself.
        self._close = weakref.finalize(self, self._thread.close)
        if adapter is not None:
            self.attach(adapter.name, adapter)
            self.use(adapter.name)

    @property
    def alive(self) -> bool:
        return self._close.alive

    def attach(self, name: str, path: Path) -> None:
        """Load the PEFT adapter in the folder `path` beside the model; `use(name)` turns it on.

        Raises ModelNotAvailable where the folder holds none, EngineFailed where it does not suit the model.
        """
        try:
            self._thread.call(partial(loading.attach_adapter, self._thread.forward.model, name, path))
        except Exception as error:
            raise loading_failure(error, f"{self.model} with the adapter {path.name}") from error
        self._adapters[name] = path

    def use(self, name: str | None) -> None:
        """Compute with the attached adapter `name` from the next request on, or with none."""
        if name is not None and name not in self._adapters:
            known = ", ".join(sorted(self._adapters)) or "none"
            raise EngineFailed(f"No adapter named {name} is attached to {self.model}.", hint=f"Attached: {known}.")
        self._adapter = name

    def generate(
        self,
        messages: Prompt,
        sampling: Sampling,
        *,
        probabilities: int = 0,
        cancel: threading.Event | None = None,
        form: Form | None = None,
    ) -> Iterator[Delta]:
        start = time.perf_counter()
        prompt = self._prompt(messages)
        room = self.context_length - len(prompt)
        if room <= 0:
            raise TextTooLong(f"The text has {len(prompt)} tokens, the model reads {self.context_length}.")
        left = threading.Event()
        ask = Ask(
            prompt,
            Drawer(sampling, probabilities, prompt),
            min(sampling.max_tokens, room),
            self._ends,
            cancelled=lambda: left.is_set() or (cancel is not None and cancel.is_set()),
            adapter=self._adapter,
        )
        raw = self.template_hash or isinstance(messages, str)
        stop = sampling.stop if raw else (*sampling.stop, *prompts.BASE_STOP)
        self._thread.ask(ask)
        try:
            yield from self._stream(ask, TextStream(loading.decoder(self._tokenizer), stop), start)
        finally:
            left.set()

    def _stream(self, ask: Ask, stream: TextStream, start: float) -> Iterator[Delta]:
        count = untold = 0
        first = last = 0.0
        finish: FinishReason = "stop"
        while not stream.stopped:
            event = ask.events.get()
            if isinstance(event, Token):
                count, untold, last = count + 1, untold + 1, event.at
                first = first or last
                drawn = event.drawn
                if drawn.token in self._ends:
                    continue
                logprob = drawn.logprob if ask.drawer.probabilities else None
                text, shown = stream.add(drawn.token, logprob, drawn.alternatives), stream.probabilities()
                if text or shown:
                    yield Delta(text, untold, shown)
                    untold = 0
            elif isinstance(event, Progress):
                yield Delta("", prompt_progress=event.share)
            elif isinstance(event, Ended):
                finish = event.finish
                break
            else:
                raise running_failure(event, self.model) from event
        if text := stream.finish():
            yield Delta(text, untold, stream.probabilities())
        seconds = (last or time.perf_counter()) - start
        usage = Usage(len(ask.prompt), count, seconds, first - start if first else seconds, finish, ask.cached_tokens)
        yield Delta("", usage=usage)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._prompt(messages))

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """As lm-evaluation-harness scores; a context that is too long loses its beginning, a text without context is
        read in windows.

        In float32 the result does not depend on what else is asked (to 1e-4); in 16 bits it may, by some hundredths.
        """
        tokenizer = self._tokenizer
        bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        prefix = bos if bos is not None else eos if eos is not None else 0

        def encode(text: str, special: bool) -> list[int]:
            return tokenizer.encode(text, add_special_tokens=special)

        asked = [self._pieces(each, scoring.pair(each, encode, prefix)) for each in requests]
        pairs = [pair for some in asked for pair in some]
        forward = self._thread.forward
        most_tokens = scoring.BATCH_TOKENS.get(forward.device.type, 2048) if forward.can_pad else 0
        most_logits = scoring.LOGIT_BYTES // (4 * forward.model.config.get_text_config().vocab_size)
        results = {each: scoring.EMPTY for each in pairs if not each.continuation}
        for batch in scoring.batches(pairs, most_tokens, most_logits, branch=forward.can_join):
            results.update(self._score_batch(batch))
        return [scoring.joined([results[each] for each in some]) for some in asked]

    def _pieces(self, request: ScoreRequest, pair: scoring.Pair) -> list[scoring.Pair]:
        if not request.context:
            return scoring.windows(pair, self.context_length)
        return [scoring.fitted(pair, self.context_length)]

    def _score_batch(self, batch: list[scoring.Work]) -> list[tuple[scoring.Pair, Score]]:
        """One pass, or two of half the size where memory does not suffice."""
        try:
            work = partial(scoring.log_likelihoods, self._thread.forward, batch)
            return self._thread.call(work, adapter=self._adapter)
        except Exception as error:
            half = len(batch) // 2
            if not (half and is_out_of_memory(error)):
                raise running_failure(error, self.model) from error
        return self._score_batch(batch[:half]) + self._score_batch(batch[half:])

    def _prompt(self, messages: Prompt) -> list[int]:
        try:
            return prompts.prompt_tokens(self._tokenizer, messages)
        except Exception as error:
            raise running_failure(error, self.model) from error

    def close(self) -> None:
        """Free the model's memory; replies that are running end with EngineFailed."""
        self._close()
        self._thread.join(timeout_seconds=10)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self._offload:
            self._offload.cleanup()
