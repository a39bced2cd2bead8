"""GGUF models on llama.cpp, through the xllamacpp wheel's native server: continuous batching and a prompt cache.

The server's HTTP side listens on a random loopback port and wants a key that only this process knows; it is used for
counting tokens alone. Generation goes through the in-process call.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib
import json
import queue
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assistant.engines.protocol import (
    Capability,
    Delta,
    Engine,
    FinishReason,
    Message,
    Sampling,
    TokenProbability,
    Usage,
)
from assistant.errors import EngineFailed, ParleyError, TextTooLong

PROMPT_BATCH = 512
"""Prompt tokens read between two looks at `cancel`."""


class LlamaCppEngine(Engine):
    """A GGUF file served to `slots` conversations at once, each with the whole of `context_length`."""

    name = "llamacpp"
    capabilities = frozenset({Capability.GENERATE})

    def __init__(
        self,
        path: Path,
        *,
        model: str = "",
        context_length: int = 8192,
        slots: int = 8,
        threads: int | None = None,
        gpu_layers: int = 0,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Load the file.

        context_length: tokens of one conversation, prompt and reply together.
        threads: of the processor, for decoding and for the prompt; None leaves it to llama.cpp (physical cores).
        gpu_layers: layers on the GPU, where the installed xllamacpp was built for one.

        Raises EngineFailed where llama.cpp does not accept the file.
        """
        xllamacpp: Any = importlib.import_module("xllamacpp")  # a compiled module without type stubs

        if not path.is_file():
            raise EngineFailed(f"There is no model file at {path}.", hint="Fetch it again with `parley models pull`.")
        self.model = model or path.stem
        self.notes = notes
        self.context_length = context_length
        self._key = secrets.token_urlsafe(24)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = context_length * slots
        params.n_parallel = slots
        params.n_batch = PROMPT_BATCH
        params.n_gpu_layers = gpu_layers
        params.cache_ram_mib = 1024
        params.api_keys = [self._key]
        params.ui = False
        params.verbosity = -1
        if threads is not None:
            params.cpuparams.n_threads = threads
            params.cpuparams_batch.n_threads = threads
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise EngineFailed(
                f"llama.cpp cannot load {path.name}.",
                hint="The file may be damaged, of a newer format, or too large for the memory that is free: "
                "`parley doctor` tells.",
            ) from error
        address = urlsplit(self._server.listening_address)
        self._address = (address.hostname or "127.0.0.1", address.port or 80)
        template: str = self._ask("GET", "/props").get("chat_template", "")
        self.template_hash = hashlib.sha256(template.encode()).hexdigest()[:12] if template else ""

    def generate(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        probabilities: int = 0,
        cancel: threading.Event | None = None,
    ) -> Iterator[Delta]:
        request = {
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "stream": True,
            "return_progress": True,
            "reasoning_format": "none",
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repeat_penalty,
            "max_tokens": sampling.max_tokens,
            "stop": list(sampling.stop),
        }
        if sampling.seed is not None:
            request["seed"] = sampling.seed
        if probabilities:
            request |= {"logprobs": True, "top_logprobs": probabilities}
        return self._stream(request, cancel or threading.Event())

    def _stream(self, request: dict[str, Any], cancel: threading.Event) -> Iterator[Delta]:
        """Run the request in a thread of its own and hand over what its callback receives.

        The thread is no daemon: an interpreter that ends while llama.cpp calls back crashes, so the thread ends first.
        """
        chunks: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()
        abandoned = threading.Event()

        def receive(chunk: dict[str, Any]) -> bool:
            chunks.put(chunk)
            return cancel.is_set() or abandoned.is_set() or not threading.main_thread().is_alive()

        def run() -> None:
            try:
                self._server.handle_chat_completions(request, receive)
            except BaseException as error:  # noqa: BLE001 - it is raised again in the reader's thread
                chunks.put(error)
            finally:
                chunks.put(None)

        start = time.perf_counter()
        threading.Thread(target=run, name="llamacpp-reply").start()
        tokens = prompt_tokens = cached = 0
        first = 0.0
        finish: FinishReason = "cancelled"
        try:
            while (chunk := chunks.get()) is not None:
                if isinstance(chunk, BaseException):
                    raise EngineFailed("llama.cpp stopped in the middle of a reply.", hint="Try again.") from chunk
                if "error" in chunk:
                    raise mapped_error(chunk["error"])
                if "usage" in chunk:
                    usage = chunk["usage"]
                    tokens, prompt_tokens = usage["completion_tokens"], usage["prompt_tokens"]
                    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
                if not chunk["choices"]:
                    continue
                choice = chunk["choices"][0]
                if choice["finish_reason"]:
                    finish = "length" if choice["finish_reason"] == "length" else "stop"
                delta = choice["delta"]
                text = delta.get("content") or ""
                shown = _probabilities(choice.get("logprobs"))
                if text or shown:
                    first = first or time.perf_counter() - start
                    tokens += 1
                    yield Delta(text, tokens=1, probabilities=shown)
                elif "prompt_progress" in chunk:
                    progress = chunk["prompt_progress"]
                    prompt_tokens = progress["total"]
                    yield Delta("", prompt_progress=progress["processed"] / max(1, progress["total"]))
        finally:
            abandoned.set()
        seconds = time.perf_counter() - start
        yield Delta("", usage=Usage(prompt_tokens, tokens, seconds, first or seconds, finish, cached))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        body = {"messages": [{"role": m.role, "content": m.content} for m in messages]}
        prompt = self._ask("POST", "/apply-template", body)["prompt"]
        return len(self._ask("POST", "/tokenize", {"content": prompt, "add_special": True})["tokens"])

    def close(self) -> None:
        self._server = None

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the server's own HTTP side, over loopback."""
        connection = http.client.HTTPConnection(*self._address, timeout=60)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineFailed("llama.cpp no longer answers.", hint="Restart Parley.") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise mapped_error(answer.get("error", {}))
        return answer


def _probabilities(logprobs: dict[str, Any] | None) -> tuple[TokenProbability, ...]:
    """The server's `logprobs` of one chunk, as ours."""
    if not logprobs:
        return ()
    return tuple(
        TokenProbability(
            entry["token"],
            entry["logprob"],
            tuple((other["token"], other["logprob"]) for other in entry["top_logprobs"]),
        )
        for entry in logprobs["content"]
    )


def mapped_error(error: dict[str, Any]) -> ParleyError:
    """The server's error object (`code`, `message`, `type`), as ours."""
    if error.get("type") == "exceed_context_size_error":
        return TextTooLong(
            f"The text has {error.get('n_prompt_tokens', '?')} tokens and the model reads {error.get('n_ctx', '?')}.",
            hint="Shorten the text, or choose a model with a longer context.",
        )
    return EngineFailed(f"llama.cpp refused the request: {error.get('message', 'no reason given')}.")
