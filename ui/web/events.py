"""Between Gradio's events and our actions: errors told to the person, event data, the settings of a quick event."""

from __future__ import annotations

import functools
import html
import inspect
import json
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Literal, ParamSpec, TypeVar

import gradio as gr
from gradio.components import Component

from assistant.errors import ParleyError

P = ParamSpec("P")
R = TypeVar("R")

QUICK: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
"""For every event: in any number at a time (Gradio's default is one), with no veil over what it updates.

All go through Gradio's queue, since only queued events can show messages and errors on the page.
"""
STALE: dict[str, Any] = {**QUICK, "preprocess": False}
"""The same for what is chosen from lists that change: a choice may arrive when its list has others already, which
Gradio would call an error. What such an event runs must bear a choice that there is not."""


class Hold:
    """What cannot be used while one thing is under way; each part has an elem_id. Others may hold it, too."""

    _numbers = count()

    def __init__(self, held: Sequence[Component]) -> None:
        self._held, self.key = list(held), next(self._numbers)
        self._ids = json.dumps([each.elem_id for each in held])

    def on(self, event: Callable[..., Any], what: Literal["hold", "free", "choose", "answer"]) -> None:
        """Do that of static/held.js on the event, without asking the server."""
        event(None, None, self._held, js=f"() => window.held.{what}({self.key}, {self._ids})", **QUICK)


def at_once(
    event: Callable[..., Any],
    action: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Sequence[Any],
    *,
    cleared: Sequence[Component],
    held: Sequence[gr.Button],
    cancels: Sequence[Any],
) -> None:
    """A choice that changes the page: what runs is asked to end, what it showed is taken away, and buttons are held
    until the choice is answered and what ran has ended. The last choice counts, however fast one follows another.

    Other listeners of the event are to be added behind it: an event's listeners run one after the other, and Gradio
    adds what `cancels=` says behind the action, where it cuts off what a person has begun in the meantime.
    """
    it = Hold(held)
    event(None, cancels=list(cancels), **QUICK)
    event(None, None, list(cleared), js=f"() => {json.dumps([''] * len(cleared))}", **QUICK)
    it.on(event, "choose")
    asked = f"(...given) => {{ window.held.ask({it.key}); return given; }}"
    begun = event(told(action), list(inputs), list(outputs), js=asked, trigger_mode="always_last", **STALE)
    begun.success(None, cancels=list(cancels), **QUICK)  # what had not begun yet when it was asked to end
    for done in (begun.success, begun.failure):
        it.on(done, "answer")


def told(action: Callable[P, R]) -> Callable[P, R]:
    """Show an expected failure as a message on the page, which otherwise stays as it is; also of a generator."""
    if inspect.isgeneratorfunction(action):

        @functools.wraps(action, updated=())
        def stream(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                yield from action(*args, **kwargs)
            except ParleyError as error:
                raise _message(error) from error

        return stream

    @functools.wraps(action, updated=())
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return action(*args, **kwargs)
        except ParleyError as error:
            raise _message(error) from error

    return wrapped


def _message(error: ParleyError) -> gr.Error:
    text = html.escape(str(error))  # Gradio shows messages as HTML
    return gr.Error(text, duration=12, print_exception=False, title="That did not work")


def event_data(event: gr.EventData) -> dict[str, Any]:
    """What our JavaScript sent with `trigger(name, data)`."""
    data: Any = event._data  # pyright: ignore[reportPrivateUsage]
    return dict(data) if isinstance(data, dict) else {}
