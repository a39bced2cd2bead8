"""Text to learn from, character by character: any file, or tales that are told by a grammar of our own."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from demos.errors import BadText

LEAST, MOST = 2_500, 20_000_000
"""Characters of a text."""
KINDS = 128
"""Different characters that are told apart; the rest are UNKNOWN."""
UNKNOWN = "\ufffd"

_PEOPLE = (("Mara", "she", "her"), ("Tomas", "he", "his"), ("Ines", "she", "her"), ("Olaf", "he", "his"))
_FRUIT = ("apple", "pear", "plum", "lemon")
_WEATHER = ("rain", "snow", "wind", "fog", "sunshine")
_PLACES = ("harbour", "market", "mill", "garden", "lighthouse", "station")
_ANIMALS = (("cat", "purred"), ("dog", "barked"), ("goose", "hissed"), ("horse", "neighed"), ("owl", "hooted"))
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def tales(count: int = 2500, seed: int = 0) -> str:
    """Short tales that keep account: who is he or she, what was counted, which animal it was. About 175 characters
    each, so that a model which remembers further writes better."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    return "\n\n".join(_tale(draw) for _ in range(count)) + "\n"


def _tale(draw: random.Random) -> str:
    name, they, their = draw.choice(_PEOPLE)
    place, weather, day = draw.choice(_PLACES), draw.choice(_WEATHER), draw.randrange(7)
    animal, sound = draw.choice(_ANIMALS)
    one, other = draw.sample(_FRUIT, 2)
    few, more = draw.randint(1, 5), draw.randint(1, 5)
    begin = draw.choice(
        (
            f"On {_DAYS[day]} there was {weather}, and {name} went to the {place}.",
            f"{name} came to the {place} on {_DAYS[day]}, in the {weather}.",
            f"{_DAYS[day]}: {weather} all day. {name} walked to the {place} with {their} {animal}.",
        )
    )
    middle = draw.choice(
        (
            f"In {their} basket were {_amount(few, one)} and {_amount(more, other)}. "
            f'"That makes {_NUMBERS[few + more]}," said {name}.',
            f"{they.capitalize()} bought {_amount(few, one)} and gave {_amount(draw.randint(1, few), one)} away.",
            f"{they.capitalize()} met an old friend there, who asked for {_amount(few, one)}.",
        )
    )
    end = draw.choice(
        (
            f"At the door of the {place} sat a {animal}. It {sound}, and {name} laughed.",
            f"The {animal} {sound} until the {weather} was over.",
            f"The next day was {_DAYS[(day + 1) % 7]}, and {name} stayed at home with {their} {animal}.",
        )
    )
    return f"{begin} {middle} {end}"


def _amount(number: int, fruit: str) -> str:
    plural = {"pear": "pears", "apple": "apples", "plum": "plums", "lemon": "lemons"}[fruit]
    return f"{_NUMBERS[number]} {fruit if number == 1 else plural}"


def load(name: str) -> str:
    """ "tales", or the text of a file. Raises BadText."""
    if name == "tales":
        return tales()
    text = read(name, 4 * MOST, f"Give at most {MOST:,} characters.", "Say tales, or a file of text.")
    if len(text.strip()) < LEAST:
        said = f"{Path(name).name} has {len(text.strip()):,} characters."
        raise BadText(said, hint=f"Give at least {LEAST:,}.")
    return text[:MOST]


def read(name: str, most: int, smaller: str, instead: str) -> str:
    """A file of text in UTF-8. most: bytes; smaller, instead: what to do if it has more, and if it is not there.

    Raises BadText.
    """
    path = Path(name)
    try:
        if path.exists() and not path.is_file():
            raise BadText(f"There is no text {name!r}: it is no file.", hint=instead)
        if path.stat().st_size > most:
            raise BadText(f"{path.name} is too large.", hint=smaller)
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadText(f"There is no text {name!r}: {error.strerror}.", hint=instead) from error
    except UnicodeDecodeError as error:
        raise BadText(f"{path.name} is no text in UTF-8.", hint="Save it as UTF-8 text.") from error
    if "\0" in text:
        raise BadText(f"{path.name} is no text: it has zero bytes in it.")
    return text


@dataclass(frozen=True)
class Characters:
    """An alphabet; the place of a character in it is its number."""

    alphabet: str

    @classmethod
    def of(cls, text: str) -> Characters:
        """Those of a text, the most frequent KINDS − 1, and UNKNOWN."""
        frequent = Counter(text.replace(UNKNOWN, "")).most_common(KINDS - 1)
        return cls(UNKNOWN + "".join(sorted(each for each, _ in frequent)))

    def encode(self, text: str) -> Tensor:
        """(len(text),) int64."""
        numbers = {each: number for number, each in enumerate(self.alphabet)}
        return torch.tensor([numbers.get(each, 0) for each in text], dtype=torch.int64)

    def decode(self, numbers: Tensor) -> str:
        return "".join(self.alphabet[number] for number in numbers.tolist())

    def __len__(self) -> int:
        return len(self.alphabet)


@dataclass(frozen=True)
class Text:
    """A text as numbers, its last twentieth set apart to measure on."""

    name: str
    characters: Characters
    train: Tensor
    test: Tensor

    @classmethod
    def of(cls, text: str, name: str) -> Text:
        characters = Characters.of(text)
        numbers = characters.encode(text)
        end = len(numbers) * 19 // 20
        return cls(name, characters, numbers[:end], numbers[end:])

    def facts(self) -> dict[str, str]:
        """What is to be known of a text that a network has learnt from."""
        return {"alphabet": self.characters.alphabet, "text": self.name}
