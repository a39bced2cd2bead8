"""The public data that the embedded sentiment model learns from: where each row comes from and what it is taken for.

A folder holds the files as their publishers ship them:

rotten_tomatoes/{pos,neg}.txt       sentences of film reviews (Pang and Lee 2005), CC BY 4.0
pros_cons.zip                       pros and cons of products (Ganapathibhotla and Liu 2008), CC BY 4.0
product_reviews_{1,2}.zip           sentences of reviews of 14 products (Hu and Liu 2004; Ding et al. 2008), CC BY 4.0
opinion_lexicon.zip                 words of praise and blame (Hu and Liu 2004), CC BY 4.0

and beside it, without labels:

OpinosisDataset1.0_0.zip      sentences of reviews of hotels, cars and electronics (Ganesan et al. 2010), Apache-2.0

The annotators of products marked opinions about features: "Excellent!" alone has no mark and is no neutral sentence. So
an unmarked sentence teaches "neutral", and calibrates it, only where none of its words is in the lexicon. What is
measured on stays as the annotators left it.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import BadDataset

LABELS = ("negative", "neutral", "positive")
HELD_OUT_PRODUCTS = ("Diaper_Champ", "Linksys_Router", "Nikon_coolpix_4300", "Nokia_6600")
"""Measured on, never trained on: one each of baby care, networks, cameras and phones."""
VALIDATION_PRODUCTS = ("Canon_S100", "ipod")
VALIDATION_EVERY = 10
"""Of film sentences and pros and cons, one in so many validates."""

_SCORE = re.compile(r"\[([+-])\d?\]")
_PHRASES = re.compile(r"<(?:Pros|Cons)>(.*?)</(?:Pros|Cons)>")


@dataclass(frozen=True)
class Example:
    """A text with its label, and the part of the data that it belongs to."""

    text: str
    label: str
    source: str
    """ "films", "pros and cons", "lexicon", or a product's name."""
    split: str
    """ "train", "validation" or "test"."""


def examples(folder: Path) -> Iterator[Example]:
    """Every usable sentence of the folder. Raises BadDataset where a file is missing or is not what it should be."""
    try:
        yield from _films(folder / "rotten_tomatoes")
        yield from _pros_and_cons(folder / "pros_cons.zip")
        words = _lexicon(folder / "opinion_lexicon.zip")
        yield from (Example(word, label, "lexicon", "train") for word, label in words.items())
        for name in ("product_reviews_1.zip", "product_reviews_2.zip"):
            for each in _products(folder / name):
                if (
                    each.split == "test"
                    or each.label != "neutral"
                    or words.keys().isdisjoint(each.text.lower().split())
                ):
                    yield each
    except (OSError, zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        hint = "It should hold rotten_tomatoes/, pros_cons.zip, product_reviews_{1,2}.zip and opinion_lexicon.zip."
        raise BadDataset(f"{folder} is not the sentiment data: {error}.", hint=hint) from error


def unlabelled(path: Path) -> list[str]:
    """The distinct sentences of Opinosis' reviews. Raises BadDataset where the file is not that."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = sorted(name for name in archive.namelist() if name.startswith("topics/") and name.endswith(".data"))
            lines = [line for name in files for line in archive.read(name).decode("latin-1").splitlines()]
    except (OSError, zipfile.BadZipFile) as error:
        raise BadDataset(f"{path} cannot be read: {error}.", hint="It should be OpinosisDataset1.0_0.zip.") from error
    if not files:
        raise BadDataset(f"{path} holds no topics.", hint="It should be OpinosisDataset1.0_0.zip.")
    return list(dict.fromkeys(text for line in lines if (text := line.strip(" ,"))))


def _films(folder: Path) -> Iterator[Example]:
    for file, label in (("pos.txt", "positive"), ("neg.txt", "negative")):
        lines = (folder / file).read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if text := line.strip():
                yield Example(text, label, "films", _split(number))


def _pros_and_cons(path: Path) -> Iterator[Example]:
    found: dict[str, list[str]] = {}
    with zipfile.ZipFile(path) as archive:
        for file, label in (("IntegratedPros.txt", "positive"), ("IntegratedCons.txt", "negative")):
            phrases = _PHRASES.findall(archive.read(f"pros_cons/{file}").decode("utf-8"))
            unescaped = (html.unescape(html.unescape(phrase)).strip() for phrase in phrases)  # "&amp;quot;"
            found[label] = list(dict.fromkeys(phrase for phrase in unescaped if phrase))
    both = set.intersection(*({phrase.lower() for phrase in phrases} for phrases in found.values()))
    for label, phrases in found.items():
        for number, phrase in enumerate(phrases):
            if phrase.lower() not in both:  # "price" is named as either, and says nothing by itself
                yield Example(phrase, label, "pros and cons", _split(number))


def _products(path: Path) -> Iterator[Example]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            product = Path(name).stem
            if not name.endswith(".txt") or product == "README":
                continue
            split = "test" if product in HELD_OUT_PRODUCTS else "train"
            split = "validation" if product in VALIDATION_PRODUCTS else split
            for line in archive.read(name).decode("utf-8").splitlines():
                tags, mark, text = line.partition("##")
                label = _opinion(tags)
                if mark and text.strip() and label:
                    yield Example(text.strip(), label, product, split)


def _lexicon(path: Path) -> dict[str, str]:
    """Opinion words and their labels; those that are listed as both are left out."""
    found: dict[str, str] = {}
    both: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for label in ("positive", "negative"):
            for line in archive.read(f"opinion_lexicon/{label}-words.txt").decode("utf-8").splitlines():
                word = line.strip()
                if word and not word.startswith(";"):
                    both |= {word} if word in found else set()
                    found[word] = label
    return {word: label for word, label in found.items() if word not in both}


def _opinion(tags: str) -> str | None:
    """What the annotators said of a sentence: "picture[+3], size[-1]" is about two features. None where it is both
    good and bad, or neither is said."""
    signs = set(_SCORE.findall(tags))
    if not signs:
        return None if tags.strip() else "neutral"
    if len(signs) == 2:
        return None
    return "positive" if signs == {"+"} else "negative"


def _split(number: int) -> str:
    return "validation" if number % VALIDATION_EVERY == 0 else "train"
