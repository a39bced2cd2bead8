"""The engines that are loaded: shared between threads, and the least recently used leaves when memory runs out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from assistant.engines.protocol import Engine


@dataclass
class _Place:
    """One engine, or the one thread that is loading it."""

    needs_bytes: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None


class EnginePool:
    """Loaded engines by key, within `budget_bytes`.

    An engine that leaves is only forgotten here: whoever still streams from it finishes, and its memory is freed when
    the last of them lets go.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, needs_bytes: int, load: Callable[[], Engine]) -> Engine:
        """The engine of that key, loaded by `load` when it is not there; two threads that want it load it once."""
        with self._lock:
            place = self._places.setdefault(key, _Place(needs_bytes))
            self._places.move_to_end(key)
            self._make_room(key)
        with place.lock:
            if place.engine is None or not place.engine.alive:
                try:
                    place.engine = load()
                except BaseException:
                    with self._lock:
                        self._places.pop(key, None)
                    raise
            return place.engine

    def loaded(self) -> list[Engine]:
        """Those that are ready, the most recently used last."""
        with self._lock:
            return [place.engine for place in self._places.values() if place.engine is not None]

    def forget(self, model: str) -> None:
        """Let go of every engine of that model (its files are about to be removed)."""
        with self._lock:
            for key in [k for k, place in self._places.items() if place.engine and place.engine.model == model]:
                del self._places[key]

    def close(self) -> None:
        """Let go of all of them."""
        with self._lock:
            self._places.clear()

    def _make_room(self, wanted: Hashable) -> None:
        """Forget the least recently used until the rest fits the budget; the wanted one itself always stays."""
        for key in list(self._places):
            if sum(place.needs_bytes for place in self._places.values()) <= self.budget_bytes:
                return
            if key != wanted and self._places[key].engine is not None:
                del self._places[key]
