"""The public sentence pairs that the embedded T5 learns from: read, cleaned, and some set apart to measure it by.

A folder holds the files as their publishers ship them, English TAB other:

tatoeba/en-{fr,de,es}.tsv.gz        short everyday sentences (tatoeba.org through manythings.org/anki), CC BY 2.0 FR
python_docs/en-{fr,es}.tsv.gz       documentation of Python, CC0 (English: PSF-2.0)
tldr_pages/en-{fr,de,es}.tsv        what commands do, CC BY 4.0
"""

from __future__ import annotations

import gzip
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import BadDataset
from assistant.languages import beyond_doubt

SETS = ("tatoeba", "python_docs", "tldr_pages")
HELD_OUT = 1000
"""English sentences of Tatoeba a language that are measured on, with all their translations."""
MOST_CHARACTERS = 400
RARE = 8
"""A word that so few pairs of its language have, or fewer, is rare."""
RATIO = 3.0
"""So many times as long may one side be as the other, once either has RATIO_FROM characters."""
RATIO_FROM = 30


@dataclass(frozen=True)
class Pair:
    """An English sentence and its translation."""

    english: str
    other: str
    language: str
    """Of the other side, ISO 639-1."""
    source: str
    """Of SETS."""


@dataclass(frozen=True)
class Measured:
    """Sentences to translate, each with every translation of it that is known."""

    sources: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]


def pairs(folder: Path, languages: Sequence[str]) -> list[Pair]:
    """Every usable pair, once. Raises BadDataset where a language has no file or one cannot be read."""
    found: dict[tuple[str, str], Pair] = {}
    for language in languages:
        files = [(folder / name / f"en-{language}{end}", name) for name in SETS for end in (".tsv.gz", ".tsv")]
        read = [pair for path, name in files if path.exists() for pair in _read(path, language, name) if usable(pair)]
        if not read:
            hint = f"tatoeba/en-{language}.tsv.gz should be there."
            raise BadDataset(f"{folder} has no pairs of English and {language!r}.", hint=hint)
        for pair in read:
            found.setdefault((pair.english, pair.other), pair)
    return list(found.values())


def usable(pair: Pair) -> bool:
    """Whether both sides are there, of like length, in their languages, and not the same."""
    sides = pair.english, pair.other
    lengths = sorted(map(len, sides))
    if not lengths[0] or lengths[1] > MOST_CHARACTERS:
        return False
    if lengths[1] >= RATIO_FROM and lengths[1] > RATIO * lengths[0]:
        return False
    if sides[0] == sides[1] and len(sides[0].split()) > 2:
        return False
    spoken = beyond_doubt(pair.english), beyond_doubt(pair.other)
    return spoken[0] in (None, "en") and spoken[1] in (None, pair.language)


def tidy(text: str) -> str:
    """One line in composed characters: every kind of space is a plain one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def split(found: Iterable[Pair], language: str, held_out: int = HELD_OUT) -> tuple[list[Pair], list[Pair]]:
    """(pairs to learn from, pairs to be measured on). No sentence that any language is measured on, of either side, is
    in the first.

    Those English sentences of Tatoeba are held out whose CRC-32 is lowest: the same ones whatever else changes.
    """
    by_language, measured = _held_out(found, held_out)
    known = {plain(text) for some in measured.values() for pair in some for text in (pair.english, pair.other)}
    own = by_language.get(language, [])
    train = [pair for pair in own if known.isdisjoint((plain(pair.english), plain(pair.other)))]
    return train, measured.get(language, [])


def apart(found: Iterable[Pair], language: str, held_out: int = HELD_OUT) -> list[Pair]:
    """Of the pairs that a language is measured on, those whose English no other language has but to be measured on."""
    by_language, measured = _held_out(found, held_out)
    learnt: set[str] = set()
    for other in by_language.keys() - {language}:
        known = {plain(pair.english) for pair in measured[other]}
        learnt |= {plain(pair.english) for pair in by_language[other]} - known
    return [pair for pair in measured.get(language, []) if plain(pair.english) not in learnt]


def _held_out(found: Iterable[Pair], count: int) -> tuple[dict[str, list[Pair]], dict[str, list[Pair]]]:
    """Each language's pairs, and those of them that it is measured on."""
    by_language: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in found:
        by_language[pair.language].append(pair)
    measured: dict[str, list[Pair]] = {}
    for language, own in by_language.items():
        everyday = [pair for pair in own if pair.source == "tatoeba"]
        english = {pair.english for pair in everyday}
        chosen = set(sorted(english, key=lambda text: (zlib.crc32(text.encode()), text))[:count])
        measured[language] = [pair for pair in everyday if pair.english in chosen]
    return dict(by_language), measured


def plain(text: str) -> str:
    """Letters and digits alone: what two sentences share that differ in punctuation and case."""
    return "".join(letter for letter in text.lower() if letter.isalnum())


def with_rare_words(some: Sequence[Pair]) -> list[int]:
    """Places of Tatoeba's pairs with a word, on either side, that at most RARE pairs of the language have."""
    words = [
        [
            (language, word)
            for language, text in (("en", pair.english), (pair.language, pair.other))
            for word in _words(text)
        ]
        for pair in some
    ]
    seen = Counter((pair.language, *word) for pair, own in zip(some, words, strict=True) for word in own)
    return [
        place
        for place, (pair, own) in enumerate(zip(some, words, strict=True))
        if pair.source == "tatoeba" and any(seen[pair.language, *word] <= RARE for word in own)
    ]


def measured(held_out: Sequence[Pair], everything: Iterable[Pair], *, into_english: bool) -> Measured:
    """A test set: English sentences, or the first translation of each; what else translates them counts as right."""
    references: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for pair in everything:
        key, value = (pair.other, pair.english) if into_english else (pair.english, pair.other)
        if pair.language == held_out[0].language:
            references[key][value] = None
    first: dict[str, str] = {}
    for pair in held_out:
        first.setdefault(pair.english, pair.other)
    sources = tuple(dict.fromkeys(first.values() if into_english else first))
    return Measured(sources, tuple(tuple(references[text]) for text in sources))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text.lower()))


def _read(path: Path, language: str, source: str) -> Iterator[Pair]:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = data.decode("utf-8").splitlines()
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise BadDataset(
            f"{path} cannot be read: {error}.", hint="It should be UTF-8: English, a tab, other."
        ) from error
    for line in lines:
        cells = line.split("\t")
        if len(cells) >= 2:
            yield Pair(tidy(cells[0]), tidy(cells[1]), language, source)
