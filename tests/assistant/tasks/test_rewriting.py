"""What a sequence-to-sequence model is given of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from assistant.errors import TextTooLong
from assistant.tasks.rewriting import chunks, unmarked, whole, with_terms
from assistant.tasks.translation import Order, Request, translate


def test_what_does_not_fit_the_model_is_given_in_halves() -> None:
    def rewrite(texts: Sequence[str]) -> list[str]:
        if any(len(text) > 9 for text in texts):
            raise TextTooLong("long")
        return [text.upper() for text in texts]

    texts = ["short", "one two three four", "abcdefghijklmnop", "", "last"]
    assert whole(texts, rewrite) == ["SHORT", "ONE TWO THREE FOUR", "ABCDEFGH IJKLMNOP", "", "LAST"]
    with pytest.raises(TextTooLong):
        whole(["x"], lambda texts: rewrite([text * 10 for text in texts]))


@pytest.mark.parametrize(
    ("glossary", "text", "said"),
    [
        ({"board": "Vorstand", "board member": "Vorstandsmitglied"}, "The board member.", "The Vorstandsmitglied."),
        ({"board": "Vorstand", "board member": "Mitglied"}, "Board, Board\nmember.", "Vorstand, Mitglied."),
        ({"cat": "dog", "dog": "chien"}, "The dog saw a cat", "The chien saw a dog"),
        ({"a.b": r"\\1"}, "a.b but not axb", r"\\1 but not axb"),
        ({}, "The board.", "The board."),
    ],
)
def test_of_overlapping_terms_the_longest_counts_and_none_is_replaced_twice(
    glossary: dict[str, str], text: str, said: str
) -> None:
    seen: list[str] = []

    def run(requests: Sequence[Request]) -> Iterator[str]:
        seen.extend(with_terms(each) for each in requests)
        yield from seen

    (found,) = translate(text, Order("en", "de", glossary), run)
    assert seen == [said]
    assert found.problems == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello.", ("", "Hello.", "")),
        ("<i>At the station.</i>", ("<i>", "At the station.", "</i>")),
        ("<b><i>Hi</i></b>", ("<b><i>", "Hi", "</i></b>")),
        ("{\\an8}Up here", ("{\\an8}", "Up here", "")),
        ("<i>At the station.</i> The train is late.", ("", "At the station. The train is late.", "")),
        ("The <b>bold</b> word.", ("", "The bold word.", "")),
        ('<font color="red">Stop!</font>', ('<font color="red">', "Stop!", "</font>")),
        ("a < b and c > d", ("", "a < b and c > d", "")),
        ("Dear <name>, hello", ("", "Dear <name>, hello", "")),
        ("<i>", ("", "<i>", "")),
    ],
)
def test_tags_of_type_stand_around_what_a_model_reads(text: str, parts: tuple[str, str, str]) -> None:
    assert unmarked(text) == parts


def test_requests_come_a_few_at_a_time() -> None:
    requests = [Request(str(number), Order("en", "de")) for number in range(5)]
    assert [[each.text for each in some] for some in chunks(requests, 2)] == [["0", "1"], ["2", "3"], ["4"]]
