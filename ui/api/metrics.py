"""What a server counts, for Prometheus: requests, tokens, latency, lines, memory."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


def resident(pid: int | None = None) -> float:
    """Bytes that a process (None: this one) and those that it has begun hold in memory."""
    import psutil

    own = psutil.Process(pid)
    found = 0.0
    for each in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):  # it has just ended
            found += each.memory_info().rss
    return found


class Watched(Protocol):
    """A line, and what it stands before."""

    @property
    def running(self) -> int:
        """How many are worked on."""
        ...

    @property
    def waiting(self) -> int:
        """How many are in line."""
        ...


class Metrics:
    """One server's figures, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("parley_requests", "Requests answered.", ("route", "status"), registry=self.registry)
        self.seconds = Histogram(
            "parley_request_seconds", "From a request to its last byte.", ("route",), buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.first_token = Histogram(
            "parley_first_token_seconds", "From a request to its first token.", ("model",), buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.tokens = Counter("parley_tokens", "Tokens read and written.", ("model", "kind"), registry=self.registry)
        self.texts = Counter("parley_texts", "Texts of the text tasks.", ("task",), registry=self.registry)
        self.memory = Gauge(
            "parley_resident_bytes", "Memory of this process and of its engines'.", registry=self.registry
        )
        self.memory.set_function(resident)
        self.loaded = Gauge("parley_models_loaded", "Models in memory.", registry=self.registry)
        self._running = Gauge("parley_running", "Requests being worked on.", ("line",), registry=self.registry)
        self._waiting = Gauge("parley_waiting", "Requests in line.", ("line",), registry=self.registry)

    def watch(self, name: str, line: Watched) -> None:
        """Show how many are worked on and how many wait for it."""
        self._running.labels(name).set_function(lambda: line.running)
        self._waiting.labels(name).set_function(lambda: line.waiting)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
