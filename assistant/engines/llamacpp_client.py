"""The parent's side of llama.cpp's server process (llamacpp_server.py): starting it, and HTTP with it over loopback."""

from __future__ import annotations

import http.client
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assistant import hardware
from assistant.errors import BadSettings, EngineFailed, ParleyError, TextTooLong

CANCEL_POLL_SECONDS = 0.1
GATHER_SECONDS = 0.02
"""How long fast tokens gather before they are read: each time we wake, a thread of llama.cpp has to make room."""
WAITED_SECONDS = 0.0005
"""A read that took longer than this had to wait for its token."""
ENDING_SECONDS = 1.0
"""A process that is killed closes its connections first, and is over some milliseconds later."""
SPIN_COUNT = "1000"
"""Where threads are not bound: how long they spin while they wait for each other before they sleep (libgomp).

Its own default spins for so long that one busy neighbour takes nine tenths of the speed: docs/experiments.md.
"""

log = logging.getLogger("parley.engines")


def thread_environment(threads: int | None, cores: int, *, quota: bool) -> dict[str, str]:
    """Settings of OpenMP for llama.cpp's threads: each bound to a core where they use every core there is.

    threads: None is one a core. quota: a container's share of a larger machine, whose other users may sit on the same
    cores: threads must be free to move there.
    """
    if quota or (threads is not None and threads < cores):
        return {"GOMP_SPINCOUNT": SPIN_COUNT}
    return {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}


GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}
"""Prompts that are kept, megabytes each, come and go. With a threshold of its own choice glibc soon takes them from its
heap, which grows by what lies between them."""


class ServerProcess:
    """llama.cpp in a process of its own, which ends with ours; it wants a key that only this process knows."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Start it and wait until the model is loaded. settings: as llamacpp_server.py takes them, without the key.

        Raises EngineFailed where llama.cpp does not accept the file.
        """
        self._key = secrets.token_urlsafe(24)
        self._ending, self._ended = threading.Event(), threading.Event()
        _, cores = hardware.cpu_counts()
        quota = hardware.cpu_quota() is not None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "assistant.engines.llamacpp_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=thread_environment(settings["threads"], cores, quota=quota) | GIVEN_BACK | os.environ,
            start_new_session=True,
            text=True,
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101 - both are pipes
        with suppress(BrokenPipeError):
            print(json.dumps(settings | {"key": self._key}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        answer: dict[str, str] = json.loads(line) if line else {"error": f"it ended with code {self._process.wait()}"}
        if "error" in answer:
            self.close()
            self._process.stdout.close()
            raise EngineFailed(
                f"llama.cpp cannot load {Path(settings['path']).name}: {answer['error']}",
                hint="The file may be damaged, of a newer format, or too large for the memory that is free: "
                "`parley doctor` tells.",
            )
        address = urlsplit(answer["address"])
        self._address = (address.hostname or "127.0.0.1", address.port or 80)
        watched = (self._process, Path(settings["path"]).name, self._ending, self._ended)
        threading.Thread(target=_watch, args=watched, name="llamacpp-watch", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return not self._ended.is_set() and self._process.poll() is None

    def close(self) -> None:
        """End the process, and wait for that."""
        self._leave()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)

    def _leave(self) -> None:
        """Let the process end: its standard input closes."""
        self._ending.set()
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self._leave()  # without waiting: nobody chooses the thread that lets go of it last

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One question, one answer."""
        connection = self._connect(60)
        try:
            return json.loads(self._request(connection, method, path, body).read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self.broken() from error
        finally:
            connection.close()

    @contextmanager
    def events(self, path: str, body: dict[str, Any], cancel: threading.Event) -> Generator[Events]:
        """The server-sent events that answer a request; they end early, or never begin, when `cancel` is set."""
        connection, ended = self._connect(None), threading.Event()
        try:
            yield Events(self._begun(connection, path, body, cancel, ended))
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not cancel.is_set():
                raise self.broken() from error
        finally:
            ended.set()
            connection.close()  # the server stops writing for whoever has hung up

    def broken(self, said: str = "llama.cpp no longer answers.") -> EngineFailed:
        """The error for a connection that broke. Where it did because the process ends, that is known by now: whoever
        tries again at once is not given the same one."""
        self._ended.wait(ENDING_SECONDS)
        return EngineFailed(said, hint="Try again.")

    def _begun(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: dict[str, Any],
        cancel: threading.Event,
        ended: threading.Event,
    ) -> http.client.HTTPResponse | None:
        """The answer, of which the head has come; None where `cancel` came first."""
        try:
            connection.connect()  # the head of the answer comes when there is a slot: that wait ends by `cancel` too
            line = connection.sock
            threading.Thread(target=_hang_up, args=(line, cancel, ended), name="llamacpp-cancel", daemon=True).start()
            return self._request(connection, "POST", path, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if cancel.is_set():
                return None
            raise self.broken() from error

    def _connect(self, timeout_seconds: float | None) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self._address, timeout=timeout_seconds)

    def _request(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: dict[str, Any] | None
    ) -> http.client.HTTPResponse:
        """Send a request; the answer's head has come, and it is a good one."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise mapped_error(json.loads(response.read()).get("error", {}))
        return response


class Events:
    """The JSON objects of a stream of `data:` lines, until `[DONE]` or its end; none without a response.

    An error that the server sends among them is raised. Set `gathering` once the first words are there: from then on
    a few tokens come together.
    """

    def __init__(self, response: http.client.HTTPResponse | None) -> None:
        self.gathering = False
        self._response = response

    def __iter__(self) -> Iterator[dict[str, Any]]:
        rest = b""
        while piece := self._read():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    event: dict[str, Any] = json.loads(line[6:])
                    if "error" in event:
                        raise mapped_error(event["error"])
                    yield event
                elif line.startswith(b"error: "):
                    raise mapped_error(json.loads(line[7:]))

    def _read(self) -> bytes:
        asked = time.perf_counter()
        piece = self._response.read1(65536) if self._response else b""  # one token, also where several lie ready
        if self.gathering and WAITED_SECONDS < time.perf_counter() - asked < GATHER_SECONDS / 2:
            time.sleep(GATHER_SECONDS)
        return piece


def mapped_error(error: dict[str, Any]) -> ParleyError:
    """The server's error object (`code`, `message`, `type`), as ours."""
    if error.get("type") == "exceed_context_size_error":
        return TextTooLong(
            f"The text has {error.get('n_prompt_tokens', '?')} tokens and the model reads {error.get('n_ctx', '?')}.",
            hint="Shorten the text, or choose a model with a longer context.",
        )
    said = f"llama.cpp refused the request: {error.get('message', 'no reason given')}."
    return BadSettings(said) if error.get("type") == "invalid_request_error" else EngineFailed(said)


def _hang_up(line: socket.socket, cancel: threading.Event, ended: threading.Event) -> None:
    """Shut the connection down once `cancel` is set: a reader that waits for the prompt to be read wakes up."""
    while not ended.is_set():
        if cancel.wait(CANCEL_POLL_SECONDS):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            return


def _watch(process: subprocess.Popen[str], model: str, ending: threading.Event, ended: threading.Event) -> None:
    """Wait for the process to end, and say so where nobody has asked it to. It holds nothing of the engine."""
    if process.stdout:
        with process.stdout as answers:  # after the one line that it answers with comes its end
            answers.read()
    ended.set()
    code = process.wait()
    if not ending.is_set():
        log.error("llama.cpp with %s has ended by itself, with code %d", model, code)
