"""Translation with a model that writes in capitals, forgets things, or chatters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from assistant.errors import BadSettings, TextTooLong
from assistant.tasks.translation import (
    MOST_CHARACTERS,
    Order,
    Request,
    Translated,
    answer,
    assembled,
    messages,
    translate,
    translate_all,
    unmarked,
    whole,
    with_terms,
)

ORDER = Order("en", "de")


def capitals(requests: Sequence[Request]) -> Iterator[str]:
    yield from (each.text.upper() for each in requests)


def test_what_stands_between_sentences_stays() -> None:
    text = "  One is here.\n\n* Two is there!  12345\nThree?\n"
    found = list(translate(text, ORDER, capitals))
    assert assembled(text, found) == text.upper()
    assert [text[each.start : each.start + len(each.source)] for each in found] == [each.source for each in found]


def test_a_wrapped_sentence_is_one_request() -> None:
    seen: list[str] = []

    def run(requests: Sequence[Request]) -> Iterator[str]:
        seen.extend(each.text for each in requests)
        return capitals(requests)

    list(translate("A sentence that\ngoes on here.", ORDER, run))
    assert seen == ["A sentence that goes on here."]


def test_several_texts_share_one_run_and_equal_sentences_are_asked_once() -> None:
    seen: list[int] = []

    def run(requests: Sequence[Request]) -> Iterator[str]:
        seen.append(len(requests))
        return capitals(requests)

    assert translate_all(["Hello there.", "", "Hello there. Bye."], ORDER, run) == [
        ("HELLO THERE.", ()),
        ("", ()),
        ("HELLO THERE. BYE.", ()),
    ]
    assert seen == [2]


def test_a_word_without_end_comes_in_pieces() -> None:
    text = "x" * (2 * MOST_CHARACTERS + 5)
    found = list(translate(text, ORDER, capitals))
    assert sum(len(each.source) for each in found) == len(text)
    assert all(len(each.source) <= MOST_CHARACTERS for each in found)
    assert assembled(text, found) == text.upper()


def test_what_does_not_fit_the_model_is_given_in_halves() -> None:
    def rewrite(texts: Sequence[str]) -> list[str]:
        if any(len(text) > 9 for text in texts):
            raise TextTooLong("long")
        return [text.upper() for text in texts]

    texts = ["short", "one two three four", "abcdefghijklmnop", "", "last"]
    assert whole(texts, rewrite) == ["SHORT", "ONE TWO THREE FOUR", "ABCDEFGH IJKLMNOP", "", "LAST"]
    with pytest.raises(TextTooLong):
        whole(["x"], lambda texts: rewrite([text * 10 for text in texts]))


def test_what_is_lost_is_insisted_on_and_then_told() -> None:
    asked: list[tuple[str, ...]] = []

    def forgetful(requests: Sequence[Request]) -> Iterator[str]:
        for each in requests:
            asked.append(each.insist)
            yield "Schreib an a@b.example." if each.insist else "Schreib."

    (found,) = translate("Write to a@b.example or 99.", ORDER, forgetful)
    assert asked == [(), ("a@b.example", "99")]
    assert found == Translated("Write to a@b.example or 99.", 0, "Schreib an a@b.example.", ("99 is missing",))


def test_glossary_terms_are_asked_for_and_checked() -> None:
    order = Order("en", "de", {"board": "Vorstand", "unused": "nie"})
    request = Request("The Board met.", order)
    system = messages(request)[0].content
    assert 'Translate "board" as "Vorstand".' in system and "nie" not in system
    assert with_terms(request) == "The Vorstand met."
    (found,) = translate("The Board met.", order, lambda requests: iter(["Das Brett traf sich."] * len(requests)))
    assert found.problems == ("Vorstand is missing",)


def test_a_model_that_cannot_be_told_to_insist_keeps_its_first_answer() -> None:
    def deaf(requests: Sequence[Request]) -> Iterator[str]:
        yield from ("Ruf an." for each in requests if not each.insist)

    (found,) = translate("Call 555.", ORDER, deaf)
    assert (found.text, found.problems) == ("Ruf an.", ("555 is missing",))


def test_many_texts_say_what_each_of_them_lost() -> None:
    def forgetful(requests: Sequence[Request]) -> Iterator[str]:
        yield from ("Ruf an." for _ in requests)

    order = Order("en", "de", {"call": "Ruf"})
    assert translate_all(["Call 555. Call 666.", "Call."], order, forgetful) == [
        ("Ruf an. Ruf an.", ("555", "666")),
        ("Ruf an.", ()),
    ]


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


def test_formality_is_asked_for_where_the_language_has_it() -> None:
    assert "Sie" in messages(Request("You are late.", Order("en", "de", formality="formal")))[0].content
    with pytest.raises(BadSettings, match="no two forms"):
        list(translate("You are late.", Order("fr", "en", formality="formal"), capitals))
    with pytest.raises(BadSettings, match="formal or informal"):
        list(translate("You are late.", Order("en", "de", formality="rude"), capitals))


def test_one_language_is_no_order() -> None:
    with pytest.raises(BadSettings, match="in English already"):
        list(translate("Hello.", Order("en", "en"), capitals))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Guten Tag.", "Guten Tag."),
        ('"Guten Tag."', "Guten Tag."),
        ("Translation: Guten Tag.", "Guten Tag."),
        ("German translation:\nGuten Tag.", "Guten Tag."),
        ("Guten Tag.\n\nNote: this is formal.", "Guten Tag."),
        ("", ""),
    ],
)
def test_chatter_around_a_translation_goes(reply: str, said: str) -> None:
    assert answer(Request("Good day.", ORDER), reply) == said


def test_quotation_marks_of_the_text_stay() -> None:
    request = Request("„Komm her“, rief sie, „sofort!“", Order("de", "en"))
    assert answer(request, '"Come here," she cried, "at once!"') == '"Come here," she cried, "at once!"'
    assert answer(Request("Komm her.", Order("de", "en")), '"Come here."') == "Come here."


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
