"""What is to be said of a picture: its class, how light it is, and its shape, in words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

INK = 40
"""Of 255: what is darker is the ground."""
DARK, LIGHT = 130, 180
"""Means of what is no ground, below and above which it is said."""
SHAPES = ((0.55, "tall and narrow"), (0.8, "tall"), (1.25, ""), (1.9, "wide"), (float("inf"), "short and wide"))
"""Width by height of the box around what is no ground, up to which it is said."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IN_PAIRS = ("trousers", "jeans", "shorts", "tights", "pyjamas", "glasses", "scissors", "pliers")
_SPELT_WITH_A_VOWEL = frozenset("aefhilmnorsx8")
_NO_VOWEL, _MUTE = ("uni", "use", "usu", "eu", "one", "ut"), ("hour", "honest", "honour", "heir")


def captions(images: Tensor, names: Sequence[str]) -> list[str]:
    """Such as "a dark ankle boot, wide". images: (count, channels, height, width) uint8; names: of their classes."""
    return [
        f"{noun_phrase(name, tone)}, {shape}" if shape else noun_phrase(name, tone)
        for name, (tone, shape) in zip(names, measured(images), strict=True)
    ]


def measured(images: Tensor) -> list[tuple[str, str]]:
    """Tone and shape, "" for those that are neither the one nor the other, or where there is nothing but ground."""
    return [each for part in images.split(1000) for each in _measured(part)]


def _measured(images: Tensor) -> list[tuple[str, str]]:
    grey = images.float().mean(1)
    ink = grey > INK
    tones = (grey * ink).sum((1, 2)) / ink.sum((1, 2)).clamp_min(1)
    ratios = _extent(ink.any(1)).double() / _extent(ink.any(2)).clamp_min(1)  # float would have 16 : 20 above 0.8
    return [_said(*values) for values in zip(ink.any(2).any(1).tolist(), tones.tolist(), ratios.tolist(), strict=True)]


def _said(something: bool, mean: float, ratio: float) -> tuple[str, str]:
    if not something:
        return "", ""
    tone = "dark" if mean < DARK else "light" if mean > LIGHT else ""
    return tone, next(said for most, said in SHAPES if ratio <= most)


def _extent(ink: Tensor) -> Tensor:
    """From the first place to the last that has some: (count, places) bool → (count,)."""
    ink = ink.int()
    return ink.shape[1] - ink.argmax(1) - ink.flip(1).argmax(1)  # argmax finds the first


def noun_phrase(name: str, tone: str = "") -> str:
    """A class with its article: an ankle boot, a pair of dark trousers, an eight; cats in the plural have none."""
    name = " ".join(name.replace("_", " ").split())
    if name.isdecimal() and int(name) < len(NUMBERS):
        name = NUMBERS[int(name)]
    words = f"{tone} {name}".strip()
    last = name.lower().split()[-1:] or [""]
    if last[0] in IN_PAIRS:
        return f"a pair of {words}"
    if last[0].endswith("s") and len(last[0]) > 3 and not last[0].endswith(("ss", "us", "is")):
        return words
    return f"{article(words)} {words}"


def article(words: str) -> str:
    """a, or an before what sounds like a vowel: an hour, a unicorn, an F, an 8."""
    first = words.lower().replace("-", " ").split()[:1] or [""]
    if len(first[0]) == 1 or first[0].isdecimal():
        return "an" if first[0][0] in _SPELT_WITH_A_VOWEL or first[0] in ("11", "18") else "a"
    if first[0].startswith(_MUTE):
        return "an"
    return "an" if first[0].startswith(tuple("aeiou")) and not first[0].startswith(_NO_VOWEL) else "a"
