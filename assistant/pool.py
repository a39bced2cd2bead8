"""The engines that are loaded: shared between threads, and no more of them than memory holds.

An engine is in use for as long as somebody holds it: callers take it for one piece of work and let go of it. The pool
ends none of those. It lets go, too, and counts an engine's memory until the last who holds it has let go.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from assistant.engines.protocol import Engine
from assistant.errors import Cancelled, ModelsBusy

WAIT_SECONDS = 300.0
"""How long a thread waits for memory that others use, where nobody cancels it before."""
LOOK_SECONDS = 0.05
"""How often it looks whether they have let go."""

log = logging.getLogger("parley.engines")
Suits = Callable[[Engine], bool]


@dataclass(eq=False)
class _Place:
    """An engine, or the room for one that is being loaded."""

    key: Hashable
    needs_bytes: int
    engine: Engine | None = None
    """None while it is loaded, and once the pool has let go of it."""
    held: weakref.ref[Engine] | None = None
    """The same engine for as long as anybody holds it; None while it is loaded."""
    takers: set[int] = field(default_factory=set[int])
    """The threads that it was given to."""
    returns: bool = True
    """Whether it may be given out once more after the pool has let go of it."""

    def seen(self) -> Engine | None:
        """The engine, where somebody holds it and it lives."""
        engine = self.held() if self.held else None
        return engine if engine is not None and engine.alive else None


@dataclass(eq=False)
class _Wish:
    """What a thread in line wants."""

    key: Hashable
    needs_bytes: int
    suits: Suits


class EnginePool:
    """Loaded engines by key, within `budget_bytes`. What does not fit beside those in use waits for its turn.

    Whoever holds one engine while asking for another keeps the first from making room: let go of it before.
    """

    def __init__(self, budget_bytes: int, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.budget_bytes = budget_bytes
        self.restarts = 0
        """How many engines ended by themselves, and were loaded again."""
        self._wait_seconds = wait_seconds
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        """The least recently used first."""
        self._leaving: list[_Place] = []
        """Those that the pool has let go of and others still hold."""
        self._line: list[_Wish] = []
        self._changed = threading.Condition()

    def get(
        self,
        key: Hashable,
        needs_bytes: int,
        load: Callable[[], Engine],
        *,
        suits: Suits = lambda _: True,
        cancel: threading.Event | None = None,
    ) -> Engine:
        """The engine of that key, loaded by `load` when it is not there; two threads that want it load it once.

        suits: whether the one that is there will do; where not, a new one takes its place. cancel: ends the waiting.

        Raises what `load` raises, ModelsBusy where memory stays in use for too long, Cancelled.
        """
        if (found := self.find(key, suits)) is not None:
            return found
        wish = _Wish(key, needs_bytes, suits)
        with self._changed:
            self._line.append(wish)
        try:
            got = self._waited(wish, cancel)
        finally:
            with self._changed:
                self._line.remove(wish)
                self._changed.notify_all()
        return self._filled(got, load) if isinstance(got, _Place) else got

    def find(self, key: Hashable, suits: Suits = lambda _: True) -> Engine | None:
        """The engine of that key, where it is loaded and will do."""
        with self._changed:
            place = self._places.get(key)
            if place is None or place.engine is None or not (place.engine.alive and suits(place.engine)):
                return None
            return self._taken(place)

    def loaded(self) -> list[Engine]:
        """Those that are in memory, the most recently used last."""
        with self._changed:
            kept = [place.engine for place in self._places.values() if place.engine is not None]
            return [engine for place in self._leaving if (engine := place.seen()) is not None] + kept

    def forget(self, model: str) -> None:
        """Let go of every engine of that model (its files are about to be removed)."""
        with self._changed:
            some = [each for each in self._places.values() if each.engine is not None and each.engine.model == model]
            _dropped = [self._let_go(place, returns=False) for place in some]  # they end behind the lock

    def close(self) -> None:
        """Let go of all of them."""
        with self._changed:
            some = [place for place in self._places.values() if place.engine is not None]
            _dropped = [self._let_go(place, returns=False) for place in some]

    def _waited(self, wish: _Wish, cancel: threading.Event | None) -> Engine | _Place:
        """The engine, or the room to load it in, when its turn has come."""
        ends, collected = time.monotonic() + self._wait_seconds, False
        while True:
            with self._changed:
                got, dropped = self._served(wish)
                if got is not None:
                    return got
                collect = dropped is None and bool(self._leaving) and not collected
                if dropped is None and not collect:
                    self._changed.wait(LOOK_SECONDS)
            del dropped  # an engine that nobody else holds ends here, outside the lock
            if collect:
                collected = True
                gc.collect()  # what a failed request has left behind may hold an engine
            if cancel is not None and cancel.is_set():
                raise Cancelled("The request was taken back while it waited for memory.")
            if time.monotonic() > ends:
                raise ModelsBusy(
                    f"The memory that this model needs is in use by {self._busy() or 'models that are being loaded'}.",
                    hint="Try again when their replies have ended, or ask one of them.",
                )

    def _served(self, wish: _Wish) -> tuple[Engine | _Place | None, Engine | None]:
        """(the engine or its room, where the wish can be met now; an engine that was let go of for it)."""
        self._leaving = [place for place in self._leaving if place.seen() is not None]
        first = self._line[0] is wish
        place = self._places.get(wish.key)
        if place is not None:
            if place.engine is None:  # somebody loads it
                return None, None
            if not place.engine.alive:
                return None, self._ended(place)
            if wish.suits(place.engine):
                return self._taken(place), None
            return None, self._let_go(place) if first else None
        may = first or self._spared(wish)
        if (back := self._held_still(wish)) is not None:
            return (self._taken(self._taken_back(*back)) if may else None), None
        used = sum(each.needs_bytes for each in (*self._places.values(), *self._leaving))
        fits = used + wish.needs_bytes <= self.budget_bytes or not used
        if wish.needs_bytes == 0 or (may and fits):
            return self._granted(wish), None
        if not first:
            return None, None
        ready = next((each for each in self._places.values() if each.engine is not None), None)
        if ready is not None:
            return None, self._let_go(ready)
        if not self._places and all(each.takers == {threading.get_ident()} for each in self._leaving):
            log.warning("memory is short: a program holds %s and loads another model beside it", self._busy())
            return self._granted(wish), None  # it would wait for itself
        return None, None

    def _spared(self, wish: _Wish) -> bool:
        """Whether there will be room for it beside what the first in line waits for."""
        first = self._line[0]
        before = 0 if first.key in {wish.key, *self._places} else first.needs_bytes
        kept = sum(place.needs_bytes for place in self._places.values())
        return kept + before + wish.needs_bytes <= self.budget_bytes

    def _held_still(self, wish: _Wish) -> tuple[_Place, Engine] | None:
        """The engine that is wanted, where it was let go of and others hold it."""
        for place in self._leaving:
            engine = place.seen()
            if place.key == wish.key and place.returns and engine is not None and wish.suits(engine):
                return place, engine
        return None

    def _granted(self, wish: _Wish) -> _Place:
        """Room for it. What was let go of for it in vain, and is held still, comes back."""
        granted = self._places[wish.key] = _Place(wish.key, wish.needs_bytes)
        for place in list(self._leaving) if self._line[0] is wish else ():
            if place.returns and place.key not in self._places and (engine := place.seen()) is not None:
                self._taken_back(place, engine)
        return granted

    def _taken_back(self, place: _Place, engine: Engine) -> _Place:
        self._leaving.remove(place)
        place.engine = engine
        self._places[place.key] = place
        self._places.move_to_end(place.key, last=False)
        return place

    def _taken(self, place: _Place) -> Engine | None:
        self._places.move_to_end(place.key)
        place.takers.add(threading.get_ident())
        return place.engine

    def _let_go(self, place: _Place, *, returns: bool = True) -> Engine | None:
        """Hold it no longer. The caller drops what comes back when it has let go of the lock."""
        del self._places[place.key]
        self._leaving.append(place)
        engine, place.engine, place.returns = place.engine, None, returns
        return engine

    def _ended(self, place: _Place) -> Engine | None:
        self.restarts += 1
        engine = self._let_go(place, returns=False)
        log.warning("%s is loaded again: its engine has ended by itself", engine.model if engine else place.key)
        return engine

    def _filled(self, place: _Place, load: Callable[[], Engine]) -> Engine:
        try:
            engine = load()
        except BaseException:
            with self._changed:
                self._places.pop(place.key)
                self._changed.notify_all()
            raise
        with self._changed:
            place.engine, place.held = engine, weakref.ref(engine)
            place.takers.add(threading.get_ident())
            self._changed.notify_all()
        return engine

    def _busy(self) -> str:
        return ", ".join(engine.model for each in self._leaving if (engine := each.seen()) is not None)
