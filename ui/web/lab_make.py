"""What the lab's page makes with weights: pictures, films and texts, told as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import ModelNotAvailable
from assistant.runs import Runs
from demos.architectures import Architecture
from ui import lab
from ui.amounts import span
from ui.lab_making import picture
from ui.web.lab_look import WORKING
from ui.web.lab_view import picture_html, text_html
from ui.web.text_page import status_html
from ui.web.working import steps

if TYPE_CHECKING:
    from demos.sampling import Wish

PIECE = 12
"""Characters that a text grows by on the page."""


def make(runs: Runs, moving: bool, *values: Any) -> Iterator[str]:
    """What is shown while something is made, and what was made. moving: a film of it. values: of the page's controls,
    in their order. Raises ParleyError."""
    chosen, kind, number, chance, far, towards, how, begin, warmth = values
    if not chosen:
        raise ModelNotAvailable("There are no weights of it yet.", hint="Train one, below.")
    yield WORKING  # torch takes seconds to come the first time
    with lab.mapped():
        from demos.sampling import Wish

        found, folder = lab.weights(runs, chosen)
        count, seed = int(number or 0), int(chance or 0)
        if found.makes == "text":
            pieces = found.load(folder).write(begin or "", count, temperature=warmth, seed=seed)
            yield from _written(begin or "", pieces, count)
            return
    asked = Wish(count=count, label=kind or "", seed=seed, steps=int(far or 0), guidance=float(towards), sampler=how)
    yield from _drawn(found, folder, asked, "gif" if moving else "png")


def _written(text: str, pieces: Iterator[str], count: int) -> Iterator[str]:
    for number, piece in enumerate(pieces, 1):
        text += piece
        if number % PIECE == 0 and number < count:
            yield text_html(text) + status_html(f"{number:,} of {count:,} characters")
    yield text_html(text)


def _drawn(found: Architecture, folder: Path, asked: Wish, ending: str) -> Iterator[str]:
    def work(tell: Callable[[int | bytes], None]) -> None:
        with lab.mapped():
            tell(picture(found, folder, asked, ending, tell))

    begun: tuple[float, int] | None = None
    for told in steps(work):
        if isinstance(last := told[-1], bytes):
            yield picture_html(last, ending, f"What the {found.title} makes")
            continue
        now = time.monotonic()
        begun = begun or (now, last)
        said = f"Step {last} of {asked.steps}"
        if last > begun[1]:
            said += f", {span((now - begun[0]) / (last - begun[1]) * (asked.steps - last))} to go"
        yield status_html(said)
