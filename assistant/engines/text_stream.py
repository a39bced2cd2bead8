"""Tokens to text while they come: whole characters only, nothing that may be the beginning of a stop text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from assistant.engines.protocol import TokenProbability

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
LONGEST_CHARACTER = 8
"""Tokens after which an unfinished character is taken for a broken one (an emoji sequence takes up to 6)."""


@dataclass
class TextStream:
    """Decodes one reply. Each token costs the decoding of a few tokens, however long the reply is.

    A token's text depends on those before it (leading spaces, characters split over tokens), so a small window is
    decoded with and without it, as text-generation-inference does.
    """

    decode: Callable[[Sequence[int]], str]
    stop: tuple[str, ...] = ()
    stopped: bool = False
    """A stop text has come: what follows is not part of the reply."""
    _tokens: list[int] = field(default_factory=list[int])
    _shown: int = 0
    """Tokens of the window whose text has been passed on."""
    _held: str = ""
    _probabilities: list[tuple[int, TokenProbability]] = field(default_factory=list[tuple[int, TokenProbability]])
    """Characters of a token's text, and the token's probability, for text that is held back."""

    def add(self, token: int, logprob: float | None = None, alternatives: Sequence[tuple[int, float]] = ()) -> str:
        """The text that is certain after this token, perhaps none.

        logprob, alternatives: the token's probability, where `probabilities` shall report it.
        """
        place, before = self._tokens, self.decode(self._tokens[: self._shown])
        self._tokens = [*place, token]
        text = self.decode(self._tokens)[len(before) :]
        whole = not text.endswith(UNFINISHED) or len(self._tokens) - self._shown > LONGEST_CHARACTER
        text = text if whole else ""
        if logprob is not None:
            start = len(self.decode(place))
            others = tuple((self.decode([*place, other])[start:], value) for other, value in alternatives)
            self._probabilities.append((len(text), TokenProbability(text, logprob, others)))
        if not whole:
            return ""
        self._tokens, self._shown = self._tokens[self._shown :], len(self._tokens) - self._shown
        return self._release(text)

    def finish(self) -> str:
        """What is left when the reply ends."""
        if self.stopped:
            return ""
        rest = self.decode(self._tokens)[len(self.decode(self._tokens[: self._shown])) :]
        if rest and self._probabilities:  # a broken character's bytes: it counts as its last token's text
            characters, last = self._probabilities[-1]
            self._probabilities[-1] = (characters + len(rest), replace(last, text=last.text + rest))
        text, self._held, self._tokens, self._shown = self._held + rest, "", [], 0
        return text

    def probabilities(self) -> tuple[TokenProbability, ...]:
        """Those of the tokens whose text has been passed on since the last call."""
        unfinished = 0 if self.stopped else len(self._tokens) - self._shown
        held, ready = len(self._held), max(0, len(self._probabilities) - unfinished)
        while held > 0 and ready:
            ready -= 1
            held -= self._probabilities[ready][0]
        passed, self._probabilities = self._probabilities[:ready], self._probabilities[ready:]
        return tuple(probability for _, probability in passed)

    def _release(self, text: str) -> str:
        text = self._held + text
        ends = [at for stop in self.stop if (at := text.find(stop)) >= 0]
        if ends:
            self.stopped, self._held = True, text[min(ends) :]
            return text[: min(ends)]
        held = max((_overlap(text, stop) for stop in self.stop), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of `text` that may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if stop.startswith(text[-n:])), 0)
