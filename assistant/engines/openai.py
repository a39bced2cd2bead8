"""Models behind an OpenAI-compatible URL: vLLM, TGI, llama.cpp's server, Ollama, LM Studio, hosted services."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import openai
from openai import OpenAI, Timeout
from openai.types import Completion, CompletionChoice
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice

from assistant.engines.forms import FinishReason, Form, ToolCallPart, finish_reason
from assistant.engines.openai_failures import failure, unknown_settings
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
from assistant.engines.remote import Remote, api_key

Chunk = ChatCompletionChunk | Completion

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 300.0
"""Longest that a server may say nothing: it may have a long prompt to read, or a model to load."""
ASK_SECONDS = 10.0
"""For the list of models."""
UNKNOWN_CONTEXT = 8192
CANCEL_POLL_SECONDS = 0.05
BYTES_PER_TOKEN = 3.5
"""Of UTF-8, before the server has counted anything: more tokens than most texts have, so that nothing overflows."""
TOKENS_PER_MESSAGE = 4


class OpenAIEngine(Engine):
    """One model of a server. Token counts before a reply are estimates, which the server's own counts correct."""

    name = "openai"
    capabilities = frozenset({Capability.GENERATE, Capability.SCHEMA, Capability.TOOLS})

    def __init__(self, model: str, url: str, *, context_length: int | None = None) -> None:
        """Ask the server what it has.

        context_length: taken where the server does not say how much the model reads.

        Raises EngineFailed where no server answers or it refuses the key, ModelNotAvailable where it has no such model.
        """
        self.remote = Remote(model, url)
        self.model = self.remote.key
        self._client = OpenAI(
            base_url=url,
            api_key=api_key(url) or "none",
            max_retries=1,
            timeout=Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
        )
        self._bytes_per_token = BYTES_PER_TOKEN
        self._refused: frozenset[str] = frozenset()
        self.context_length = self._context() or context_length or UNKNOWN_CONTEXT
        self.notes = (f"Runs on the server at {url}. Tokens of a prompt are estimated.",)

    def generate(
        self,
        messages: Prompt,
        sampling: Sampling,
        *,
        probabilities: int = 0,
        cancel: threading.Event | None = None,
        form: Form | None = None,
    ) -> Iterator[Delta]:
        told = _turns(messages)
        start, first, count = time.perf_counter(), 0.0, 0
        finish: FinishReason | None = None
        counted: Any = None
        cancel = cancel or threading.Event()
        left = threading.Event()
        chunks: queue.SimpleQueue[Chunk | BaseException | None] = queue.SimpleQueue()
        reader = threading.Thread(
            target=self._read, args=(messages, sampling, probabilities, form, chunks, left), name="openai", daemon=True
        )
        reader.start()
        try:
            while (chunk := _next(chunks, cancel)) is not None:
                if isinstance(chunk, BaseException):
                    raise failure(chunk, self.remote) from chunk
                counted = chunk.usage or counted
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                if choice.finish_reason:
                    finish = finish_reason(choice.finish_reason)
                text, shown, calls = _said(choice)
                if text or shown or calls:
                    first = first or time.perf_counter() - start
                    count += max(1, len(shown))
                    yield Delta(text, max(1, len(shown)), shown, tool_calls=calls)
        finally:
            left.set()
        if finish is None and not cancel.is_set():
            broken = ConnectionError("the stream ended before the reply did")
            raise failure(broken, self.remote) from broken
        seconds = time.perf_counter() - start
        prompt = self._learn(told, counted.prompt_tokens) if counted else self.count_tokens(told)
        details = counted.prompt_tokens_details if counted else None
        yield Delta(
            "",
            usage=Usage(
                prompt,
                counted.completion_tokens if counted else count,
                seconds,
                first or seconds,
                finish or "cancelled",
                (details and details.cached_tokens) or 0,
            ),
        )

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An estimate: the protocol has no way to ask. It is put right by each reply that comes back with a count."""
        return round(_size(messages) / self._bytes_per_token) + TOKENS_PER_MESSAGE * (len(messages) + 1)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(
        self,
        messages: Prompt,
        sampling: Sampling,
        probabilities: int,
        form: Form | None,
        chunks: queue.SimpleQueue[Chunk | BaseException | None],
        left: threading.Event,
    ) -> None:
        """Fetch the reply in a thread of its own, so that nobody has to wait for the network to cancel."""
        try:
            stream = self._open(messages, sampling, probabilities, form)
            with stream:
                watch = threading.Thread(target=_hang_up, args=(stream, left), name="openai-cancel", daemon=True)
                watch.start()
                for chunk in stream:
                    chunks.put(chunk)
                    if left.is_set():
                        return
            chunks.put(None)
        except Exception as error:  # noqa: BLE001 - it is the reader's, who maps it
            chunks.put(error)
        finally:
            left.set()

    def _open(self, messages: Prompt, sampling: Sampling, probabilities: int, form: Form | None) -> Any:
        """The stream of a reply. Settings that the server does not know are left out, once it has said so."""
        try:
            completions: Any = self._client.completions if isinstance(messages, str) else self._client.chat.completions
            asked = self._request(messages, sampling, probabilities)
            return completions.create(**asked, **(form.fields() if form else {}))
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            unknown = unknown_settings(error) - self._refused
            if not unknown:
                raise
            self._refused |= unknown
            self.notes += (f"The server does not know {', '.join(sorted(unknown))}: left out.",)
            return self._open(messages, sampling, probabilities, form)

    def _request(self, messages: Prompt, sampling: Sampling, probabilities: int) -> dict[str, Any]:
        asked: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        if sampling.stop:
            asked["stop"] = list(sampling.stop)
        if sampling.seed is not None:
            asked["seed"] = sampling.seed
        if probabilities and not isinstance(messages, str):
            asked |= {"logprobs": True, "top_logprobs": min(probabilities, 20)}
        # Beyond OpenAI's own protocol; vLLM and TGI call the penalty the one, llama.cpp and Ollama the other.
        beyond = {
            "top_k": sampling.top_k or None,
            "min_p": sampling.min_p or None,
            "repetition_penalty": sampling.repeat_penalty if sampling.repeat_penalty != 1 else None,
            "repeat_penalty": sampling.repeat_penalty if sampling.repeat_penalty != 1 else None,
        }
        extra = {name: value for name, value in beyond.items() if value is not None and name not in self._refused}
        longest = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        room = max(16, self.context_length - self.count_tokens(_turns(messages)))  # some servers refuse what cannot fit
        asked |= {longest: min(sampling.max_tokens, room), "stream_options": {"include_usage": True}}
        turns = [message.fields() for message in _turns(messages)]
        return {
            "model": self.remote.model,
            **({"prompt": messages} if isinstance(messages, str) else {"messages": turns}),
            "stream": True,
            "extra_body": extra,
            **{name: value for name, value in asked.items() if name not in self._refused},
        }

    def _context(self) -> int | None:
        """Tokens that the model reads, where the server's list of models says so."""
        try:
            listed = self._client.with_options(timeout=ASK_SECONDS, max_retries=0).models.list().data
        except openai.NotFoundError:
            return None  # the list is optional
        except Exception as error:
            raise failure(error, self.remote) from error
        for each in listed:
            fields = each.model_dump()
            if fields["id"] == self.remote.model:
                return fields.get("max_model_len") or fields.get("context_length") or fields.get("max_context_length")
        return None

    def _learn(self, messages: Sequence[Message], prompt_tokens: int) -> int:
        """Take the server's count of a prompt as the measure for the next ones; the count."""
        tokens = prompt_tokens - TOKENS_PER_MESSAGE * (len(messages) + 1)
        if tokens >= 32:  # short prompts are mostly template
            self._bytes_per_token = min(8.0, max(1.0, _size(messages) / tokens))
        return prompt_tokens


def _turns(prompt: Prompt) -> Sequence[Message]:
    return [Message("user", prompt)] if isinstance(prompt, str) else prompt


def _size(messages: Sequence[Message]) -> int:
    return sum(len(message.content.encode()) for message in messages)


def _next(chunks: queue.SimpleQueue[Any], cancel: threading.Event) -> Chunk | BaseException | None:
    """The next chunk; None at the end or once cancelled."""
    while not cancel.is_set():
        with suppress(queue.Empty):
            return chunks.get(timeout=CANCEL_POLL_SECONDS)
    return None


def _hang_up(stream: Any, left: threading.Event) -> None:
    """Close the connection as soon as nobody reads: the server stops generating."""
    left.wait()
    with suppress(Exception):  # closing alone would not wake the thread that is reading from it
        line = stream.response.extensions["network_stream"].get_extra_info("socket")
        line.shutdown(socket.SHUT_RDWR)


def _said(choice: Choice | CompletionChoice) -> tuple[str, tuple[TokenProbability, ...], tuple[ToolCallPart, ...]]:
    if isinstance(choice, CompletionChoice):
        return choice.text, (), ()
    return choice.delta.content or "", _probabilities(choice), tuple(_calls(choice))


def _calls(choice: Choice) -> Iterator[ToolCallPart]:
    for part in choice.delta.tool_calls or ():
        named = part.function
        name, arguments = (named.name, named.arguments) if named else (None, None)
        yield ToolCallPart(part.index, part.id or "", name or "", arguments or "")


def _probabilities(choice: Choice) -> tuple[TokenProbability, ...]:
    content = choice.logprobs.content if choice.logprobs else None
    return tuple(
        TokenProbability(
            token.token, token.logprob, tuple((other.token, other.logprob) for other in token.top_logprobs)
        )
        for token in content or ()
    )
