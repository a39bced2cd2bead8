"""The end of all replicas, which Ray tells none of them: it waits until a replica has no requests, and ends it when its
patience does. So each waits for an actor, by which whoever serves them begins the end, and does then what a server of
its own does (server.Server).
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the actor needs nothing of it
    from ui.api.state import State

NAME = "parley-end"
NAMESPACE = "parley"
LOOK_SECONDS = 0.1


class Ending:
    """The actor. Its methods run on one event loop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._idle = 0

    async def begin(self) -> None:
        """Tell whoever waits."""
        self._begun.set()

    async def begun(self) -> None:
        """Return when the end has begun."""
        await self._begun.wait()

    async def is_idle(self) -> None:
        """A replica has nothing left to do."""
        self._idle += 1

    async def idle(self) -> int:
        """How many have nothing left to do."""
        return self._idle


def prepare() -> Any:
    """The actor, for replicas that are deployed from here on; it lives for as long as it is held."""
    import ray

    return ray.remote(Ending).options(name=NAME, namespace=NAMESPACE, num_cpus=0).remote()


def await_end(state: State, grace_seconds: float) -> None:
    """In a replica: wait for the end in a thread of its own."""
    threading.Thread(target=_await_end, args=(state, grace_seconds), name="end", daemon=True).start()


def _await_end(state: State, grace_seconds: float) -> None:
    import ray
    from ray.exceptions import RayError

    try:
        ending = ray.get_actor(NAME, namespace=NAMESPACE)
        ray.get(ending.begun.remote())
        close(state, grace_seconds)
        ray.get(ending.is_idle.remote())
    except (ValueError, RayError):  # whoever served is gone without a word
        return


def close(state: State, grace_seconds: float) -> None:
    """From another thread: begin the end of a replica's work; return when there is none left."""
    while state.loop is None:  # it is just coming up
        time.sleep(LOOK_SECONDS)
    state.loop.call_soon_threadsafe(state.close, grace_seconds)
    while not (state.closing and state.idle):
        time.sleep(LOOK_SECONDS)


def end(ending: Any, replicas: int, most_seconds: float) -> None:
    """Tell so many replicas, and return when they have nothing left to do, or the time is over."""
    import ray

    ends = time.monotonic() + most_seconds
    get: Any = ray.get
    get(ending.begin.remote())
    while time.monotonic() < ends and get(ending.idle.remote()) < replicas:
        time.sleep(LOOK_SECONDS)
