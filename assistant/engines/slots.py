"""Which of llama.cpp's slots a request takes, where the server has adapters.

Left to itself, the server picks a slot by what its prompt shares with the new one, whichever adapter read it. It
decodes together only what has the same adapter, and lets the others wait for as long as the first of its slots is busy.
So requests come to it with the slot that they are to take, and those of one adapter at a time: in the order of their
coming, side by side as far as neighbours in the line have the same adapter.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

LOOK_SECONDS = 0.1
"""How often one that waits looks whether it is still wanted."""
SAME_SHARE = 0.8
"""Of what a slot holds, in characters: a prompt that begins with as much is taken for the same conversation."""


@dataclass
class _Slot:
    number: int
    adapter: int | None = None
    text: str = ""
    """The prompt that it was last given."""
    busy: bool = False
    used: int = 0
    """When it was last given away: a count of all requests."""


class Slots:
    """The slots of one server. All methods are thread-safe."""

    def __init__(self, count: int) -> None:
        self._slots = [_Slot(number) for number in range(count)]
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._requests = 0

    @contextmanager
    def taken(self, adapter: int | None, text: str, cancel: threading.Event) -> Generator[int | None]:
        """The number of a slot that is this request's within the context; None where `cancel` came first.

        text: the prompt. A conversation gets the slot that it had before, where nobody else has taken that.
        """
        slot = self._wait(adapter, text, cancel)
        try:
            yield None if slot is None else slot.number
        finally:
            if slot is not None:
                with self._changed:
                    slot.busy = False
                    self._changed.notify_all()

    def _wait(self, adapter: int | None, text: str, cancel: threading.Event) -> _Slot | None:
        turn = object()
        with self._changed:
            self._line.append(turn)
            try:
                while not cancel.is_set():
                    if self._line[0] is turn and (slot := self._free(adapter, text)) is not None:
                        self._requests += 1
                        slot.adapter, slot.text, slot.busy, slot.used = adapter, text, True, self._requests
                        return slot
                    self._changed.wait(LOOK_SECONDS)
                return None
            finally:
                self._line.remove(turn)
                self._changed.notify_all()

    def _free(self, adapter: int | None, text: str) -> _Slot | None:
        """The slot to take: the conversation's own, else the one that was not used for longest."""
        if any(slot.busy and slot.adapter != adapter for slot in self._slots):
            return None
        idle = [slot for slot in self._slots if not slot.busy]
        shared = {slot.number: _shared(slot, text) for slot in idle if slot.adapter == adapter}
        return max(idle, key=lambda slot: (shared.get(slot.number, 0), -slot.used), default=None)


def _shared(slot: _Slot, text: str) -> int:
    """Characters that the two prompts begin with, where that makes them one conversation; else 0."""
    same, other = 0, min(len(slot.text), len(text)) + 1
    while same + 1 < other:  # bisection: comparing is done in C
        middle = (same + other) // 2
        same, other = (middle, other) if slot.text.startswith(text[:middle]) else (same, middle)
    return same if same >= max(1, SAME_SHARE * len(slot.text)) else 0
