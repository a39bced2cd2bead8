"""GGUF models on llama.cpp, through the xllamacpp wheel's native server: continuous batching and a prompt cache.

The server runs in a process of its own; llamacpp_server.py says why, llamacpp_client.py talks to it.
"""

from __future__ import annotations

import copy
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.engines import tool_calls
from assistant.engines.forms import FinishReason, Form, ToolCallPart, finish_reason
from assistant.engines.llamacpp_client import Events, ServerProcess
from assistant.engines.protocol import (
    Capability,
    Delta,
    Engine,
    Message,
    Prompt,
    Sampling,
    TokenProbability,
    Usage,
)
from assistant.engines.slots import Slots
from assistant.errors import CapabilityMissing, EngineFailed

PROMPT_BATCH = 512
"""Prompt tokens read between two looks at whether somebody still waits."""
PROMPT_CACHE_MIB = 512
"""Memory for prompts of conversations that no slot holds at the moment."""


class LlamaCppEngine(Engine):
    """A GGUF file served to `slots` conversations at once, each with the whole of `context_length`."""

    name = "llamacpp"
    capabilities = frozenset({Capability.GENERATE, Capability.SCHEMA, Capability.TOOLS})

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
        adapter: Path | None = None,
        adapters: Sequence[Path] = (),
        prompts_bytes: int = PROMPT_CACHE_MIB * 2**20,
    ) -> None:
        """Load the file.

        context_length: tokens of one conversation, prompt and reply together.
        threads: of the processor, for decoding and for the prompt; None leaves it to llama.cpp (physical cores).
        gpu_layers: layers on the GPU, where the installed xllamacpp was built for one.
        adapter: a GGUF with a LoRA adapter to put on it. adapters: others that `with_adapter` can put on it.
        prompts_bytes: memory for prompts of conversations that no slot holds. There are none where there are adapters:
            llama.cpp does not keep apart which adapter read them.

        Raises EngineFailed where llama.cpp does not accept the file.
        """
        if not path.is_file():
            raise EngineFailed(f"There is no model file at {path}.", hint="Fetch it again with `parley models pull`.")
        self.model = model or path.stem
        self.notes = notes
        self.context_length = context_length
        every: list[Path] = list(dict.fromkeys([*([adapter] if adapter else []), *adapters]))
        self._adapters = {_version(each): number for number, each in enumerate(every)}
        self._adapter = 0 if adapter else None
        self._slots = Slots(slots) if every else None
        self._base: LlamaCppEngine | None = None
        settings = {
            "path": str(path),
            "adapters": [str(each) for each in every],
            "context_length": context_length,
            "slots": slots,
            "prompt_batch": PROMPT_BATCH,
            "cache_mib": 0 if every else prompts_bytes // 2**20,
            "gpu_layers": gpu_layers,
            "threads": threads,
        }
        self._server = ServerProcess(settings)
        properties = self._server.ask("GET", "/props")
        template: str = properties.get("chat_template", "")
        self._knows_tools = bool(properties.get("chat_template_caps", {}).get("supports_tools"))
        self.template_hash = hashlib.sha256(template.encode()).hexdigest()[:12] if template else ""

    @property
    def alive(self) -> bool:
        """Whether the server's process still runs."""
        return self._server.alive

    def carries(self, adapter: Path) -> bool:
        """Whether the file was there, as it is now, when the engine was loaded."""
        return adapter.is_file() and _version(adapter) in self._adapters

    def with_adapter(self, adapter: Path, model: str) -> LlamaCppEngine:
        """The same server with another of its adapters put on what is asked of it. It is held as long as this is."""
        if not self.carries(adapter):
            raise EngineFailed(f"{self.model} is loaded without the adapter of {model}.", hint="Try again.")
        view = copy.copy(self)
        view.model, view._adapter, view._base = model, self._adapters[_version(adapter)], self
        return view

    def generate(
        self,
        messages: Prompt,
        sampling: Sampling,
        *,
        probabilities: int = 0,
        cancel: threading.Event | None = None,
        form: Form | None = None,
    ) -> Iterator[Delta]:
        request: dict[str, Any] = {
            "stream": True,
            "stream_options": {"include_usage": True},
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
        cancel = cancel or threading.Event()
        if isinstance(messages, str):
            return self._stream("/v1/completions", request | {"prompt": messages}, cancel)
        if probabilities:
            request |= {"logprobs": True, "top_logprobs": probabilities}
        if form is not None and tool_calls.forced(form):
            return self._call(messages, form, request, cancel)
        if form is not None:
            if form.tools and form.tool_choice == "auto" and not self._knows_tools:
                raise CapabilityMissing(
                    f"{self.model} has learnt nothing of tools.",
                    hint='It can be held to calling one: tool_choice "required", or a tool\'s name.',
                )
            request |= form.fields()
        request["messages"] = [m.fields() for m in messages]
        return self._stream("/v1/chat/completions", request, cancel)

    def _call(
        self, messages: Sequence[Message], form: Form, request: dict[str, Any], cancel: threading.Event
    ) -> Iterator[Delta]:
        """A reply that has to be a call: llama.cpp asks a model for one, and does not hold it to it."""
        asked = tool_calls.told(messages, form)
        request |= {"messages": [m.fields() for m in asked], **Form(tool_calls.call_schema(form)).fields()}
        text: list[str] = []
        for delta in self._stream("/v1/chat/completions", request, cancel):
            if delta.usage is None:
                text.append(delta.text)
                yield replace(delta, text="")
                continue
            call = tool_calls.read("".join(text))
            if call is not None:
                yield Delta("", tool_calls=(replace(call, id=f"call-{secrets.token_hex(8)}"),))
            yield replace(delta, usage=replace(delta.usage, finish="tool_calls" if call else delta.usage.finish))

    def _stream(self, path: str, request: dict[str, Any], cancel: threading.Event) -> Iterator[Delta]:
        start = time.perf_counter()
        tokens = prompt_tokens = cached = 0
        first = 0.0
        finish: FinishReason = "cancelled"
        with self._events(path, request, cancel) as events:
            for chunk in events:
                if usage := chunk.get("usage"):
                    tokens, prompt_tokens = usage["completion_tokens"], usage["prompt_tokens"]
                    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
                if not chunk["choices"]:
                    continue
                choice = chunk["choices"][0]
                if choice["finish_reason"]:
                    finish = finish_reason(choice["finish_reason"])
                text = choice["text"] if "text" in choice else choice["delta"].get("content") or ""
                shown = _probabilities(choice.get("logprobs"))
                calls = _calls(choice.get("delta", {}).get("tool_calls"))
                if text or shown or calls:
                    first = first or time.perf_counter() - start
                    events.gathering = True
                    tokens += 1
                    yield Delta(text, tokens=1, probabilities=shown, tool_calls=calls)
                elif progress := chunk.get("prompt_progress"):
                    prompt_tokens = progress["total"]
                    yield Delta("", prompt_progress=progress["processed"] / max(1, progress["total"]))
        if finish == "cancelled" and not cancel.is_set():
            raise self._server.broken("llama.cpp broke off in the middle of a reply.")
        seconds = time.perf_counter() - start
        yield Delta("", usage=Usage(prompt_tokens, tokens, seconds, first or seconds, finish, cached))

    @contextmanager
    def _events(self, path: str, request: dict[str, Any], cancel: threading.Event) -> Generator[Events]:
        """The server's events. One that has adapters is told which of them to use, and the slot to use."""
        if self._slots is None:
            with self._server.events(path, request, cancel) as events:
                yield events
            return
        prompt = json.dumps(request.get("messages", request.get("prompt")))
        with self._slots.taken(self._adapter, prompt, cancel) as slot:
            if slot is None:
                yield Events(None)
                return
            # Each is named, with 0 where it is not to be used: without, the server keeps what others have left.
            lora = [{"id": number, "scale": float(number == self._adapter)} for number in range(len(self._adapters))]
            with self._server.events(path, request | {"id_slot": slot, "lora": lora}, cancel) as events:
                yield events

    def count_tokens(self, messages: Sequence[Message]) -> int:
        body = {"messages": [m.fields() for m in messages]}
        prompt = self._server.ask("POST", "/apply-template", body)["prompt"]
        return len(self._server.ask("POST", "/tokenize", {"content": prompt, "add_special": True})["tokens"])

    def close(self) -> None:
        self._server.close()


def _version(adapter: Path) -> tuple[str, int]:
    """An adapter's file as it is now: a run that goes on writes it anew."""
    return str(adapter), adapter.stat().st_mtime_ns


def _calls(parts: list[dict[str, Any]] | None) -> tuple[ToolCallPart, ...]:
    """The server's `tool_calls` of one chunk, as ours."""
    return tuple(
        ToolCallPart(part["index"], part.get("id") or "", named.get("name") or "", named.get("arguments") or "")
        for part in parts or ()
        for named in (part["function"],)
    )


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
