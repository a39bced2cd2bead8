"""Texts: the tales that keep account, files, and what is no text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from demos import texts
from demos.errors import BadText


def test_tales_keep_account() -> None:
    told = texts.tales(400)
    assert told == texts.tales(400) != texts.tales(400, seed=1)
    sums = re.findall(r"were (\w+) \w+ and (\w+) \w+\. \"That makes (\w+),\"", told)
    assert len(sums) > 50
    number = texts._NUMBERS.index
    assert all(number(one) + number(other) == number(both) for one, other, both in sums)


def test_characters_go_there_and_back() -> None:
    characters = texts.Characters.of("hello, wörld")
    assert characters.decode(characters.encode("held")) == "held"
    assert characters.decode(characters.encode("hé")) == "h" + texts.UNKNOWN
    many = texts.Characters.of("".join(map(chr, range(32, 2000))))
    assert len(many) == texts.KINDS


def test_a_text_sets_its_end_apart() -> None:
    text = texts.Text.of("ab" * 1000, "x")
    assert (len(text.train), len(text.test)) == (1900, 100) and text.train.dtype == torch.int64


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("\ufeff" + "Été. " * 1000, "utf-8")
    assert texts.load(str(path)).startswith("Été")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 characters"),
        (b" \n" * 5000, "has 0 characters"),
        (b"short", "has 5 characters"),
        ("Été".encode("utf-16") * 1000, "no text in UTF-8"),
        (b"a\0" * 5000, "zero bytes"),
    ],
)
def test_what_is_no_text(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(BadText, match=said):
        texts.load(str(path))


def test_a_text_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(BadText, match="There is no text"):
        texts.load(str(tmp_path / "absent.txt"))
    with pytest.raises(BadText, match="There is no text"):
        texts.load(str(tmp_path))
