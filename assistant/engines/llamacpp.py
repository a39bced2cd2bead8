"""GGUF models on llama.cpp, through the xllamacpp wheel's native server: continuous batching and a prompt cache.

The server runs in a process of its own (llamacpp_server.py says why), listens on a random loopback port and wants a key
that only this process knows.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
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
"""Prompt tokens read between two looks at whether somebody still waits."""
PROMPT_CACHE_MIB = 512
"""Memory for prompts of conversations that no slot holds at the moment."""
CANCEL_POLL_SECONDS = 0.1
SPIN_COUNT = "1000"
"""How long llama.cpp's threads spin while they wait for each other, before they sleep (libgomp's GOMP_SPINCOUNT).

Its own default spins for so long that one busy neighbour on the same cores takes nine tenths of the speed.
"""


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
        if not path.is_file():
            raise EngineFailed(f"There is no model file at {path}.", hint="Fetch it again with `parley models pull`.")
        self.model = model or path.stem
        self.notes = notes
        self.context_length = context_length
        self._key = secrets.token_urlsafe(24)
        settings = {
            "path": str(path),
            "context_length": context_length,
            "slots": slots,
            "prompt_batch": PROMPT_BATCH,
            "cache_mib": PROMPT_CACHE_MIB,
            "gpu_layers": gpu_layers,
            "threads": threads,
            "key": self._key,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "assistant.engines.llamacpp_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"GOMP_SPINCOUNT": SPIN_COUNT, **os.environ},
            start_new_session=True,
            text=True,
        )
        self._address = self._start(settings, path)
        template: str = self._ask("GET", "/props").get("chat_template", "")
        self.template_hash = hashlib.sha256(template.encode()).hexdigest()[:12] if template else ""

    def _start(self, settings: dict[str, Any], path: Path) -> tuple[str, int]:
        """Hand the server its settings and wait until the model is loaded; where it listens."""
        process = self._process
        assert process.stdin and process.stdout  # noqa: S101 - both are pipes
        with suppress(BrokenPipeError):
            print(json.dumps(settings), file=process.stdin, flush=True)
        line = process.stdout.readline()
        answer: dict[str, str] = json.loads(line) if line else {"error": f"it ended with code {process.wait()}"}
        if "error" in answer:
            process.stdin.close()
            process.wait()
            raise EngineFailed(
                f"llama.cpp cannot load {path.name}: {answer['error']}",
                hint="The file may be damaged, of a newer format, or too large for the memory that is free: "
                "`parley doctor` tells.",
            )
        address = urlsplit(answer["address"])
        return address.hostname or "127.0.0.1", address.port or 80

    @property
    def alive(self) -> bool:
        """Whether the server's process still runs."""
        return self._process.poll() is None

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
        if probabilities:
            request |= {"logprobs": True, "top_logprobs": probabilities}
        return self._stream(request, cancel or threading.Event())

    def _stream(self, request: dict[str, Any], cancel: threading.Event) -> Iterator[Delta]:
        start = time.perf_counter()
        tokens = prompt_tokens = cached = 0
        first = 0.0
        finish: FinishReason = "cancelled"
        with self._events("/v1/chat/completions", request, cancel) as events:
            for chunk in events:
                if "error" in chunk:
                    raise mapped_error(chunk["error"])
                if usage := chunk.get("usage"):
                    tokens, prompt_tokens = usage["completion_tokens"], usage["prompt_tokens"]
                    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
                if not chunk["choices"]:
                    continue
                choice = chunk["choices"][0]
                if choice["finish_reason"]:
                    finish = "length" if choice["finish_reason"] == "length" else "stop"
                text = choice["delta"].get("content") or ""
                shown = _probabilities(choice.get("logprobs"))
                if text or shown:
                    first = first or time.perf_counter() - start
                    tokens += 1
                    yield Delta(text, tokens=1, probabilities=shown)
                elif progress := chunk.get("prompt_progress"):
                    prompt_tokens = progress["total"]
                    yield Delta("", prompt_progress=progress["processed"] / max(1, progress["total"]))
        if finish == "cancelled" and not cancel.is_set():
            raise EngineFailed("llama.cpp broke off in the middle of a reply.", hint="Try again.")
        seconds = time.perf_counter() - start
        yield Delta("", usage=Usage(prompt_tokens, tokens, seconds, first or seconds, finish, cached))

    @contextmanager
    def _events(self, path: str, body: dict[str, Any], cancel: threading.Event) -> Generator[Iterator[dict[str, Any]]]:
        """The server-sent events that answer a request; they end early when `cancel` is set."""
        connection, ended = self._connect(None), threading.Event()
        try:
            response = self._request(connection, "POST", path, body)
            line = connection.sock
            threading.Thread(target=_hang_up, args=(line, cancel, ended), name="llamacpp-cancel", daemon=True).start()
            yield _parsed(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not cancel.is_set():
                raise EngineFailed("llama.cpp no longer answers.", hint="Try again.") from error
        finally:
            ended.set()
            connection.close()  # the server stops writing for whoever has hung up

    def count_tokens(self, messages: Sequence[Message]) -> int:
        body = {"messages": [{"role": m.role, "content": m.content} for m in messages]}
        prompt = self._ask("POST", "/apply-template", body)["prompt"]
        return len(self._ask("POST", "/tokenize", {"content": prompt, "add_special": True})["tokens"])

    def close(self) -> None:
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
        if self._process.stdout:
            self._process.stdout.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.close()

    def _connect(self, timeout_seconds: float | None) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self._address, timeout=timeout_seconds)

    def _request(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: dict[str, Any] | None
    ) -> http.client.HTTPResponse:
        """Send a request; the answer's head has come, and it is a good one."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise mapped_error(json.loads(response.read()).get("error", {}))
        return response

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One question, one answer."""
        connection = self._connect(60)
        try:
            return json.loads(self._request(connection, method, path, body).read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise EngineFailed("llama.cpp no longer answers.", hint="Try again.") from error
        finally:
            connection.close()


def _parsed(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of `data:` lines, until `[DONE]` or its end."""
    rest = b""
    while piece := response.read1(65536):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                yield json.loads(line[6:])
            elif line.startswith(b"error: "):
                yield {"error": json.loads(line[7:])}


def _hang_up(line: socket.socket, cancel: threading.Event, ended: threading.Event) -> None:
    """Shut the connection down once `cancel` is set: a reader that waits for the prompt to be read wakes up."""
    while not ended.is_set():
        if cancel.wait(CANCEL_POLL_SECONDS):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            return


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
