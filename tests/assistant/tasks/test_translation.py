"""Translation with a model that writes in capitals, forgets things, or chatters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from assistant.errors import BadSettings
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
