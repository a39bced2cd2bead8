"""Rare adverbs in more company: translations read off pairs, new pairs made of them."""

from __future__ import annotations

from finetune.phrase_swaps import SOURCE, adverbs, having, swapped, translations
from finetune.translation_data import Pair

VERBS = {"He sings": "Il chante", "She works": "Elle travaille", "They walk": "Ils marchent", "We eat": "Nous mangeons"}
OFTEN = {"slowly": "lentement", "quickly": "rapidement", "badly": "mal"}
PLACES = {"": "", " in the park": " dans le parc"}


def pair(english: str, other: str) -> Pair:
    return Pair(english, other, "fr", "tatoeba")


PAIRS = [
    *(
        pair(f"{verb} {adverb}{place}.", f"{verbe} {adverbe}{lieu}.")
        for verb, verbe in VERBS.items()
        for adverb, adverbe in OFTEN.items()
        for place, lieu in PLACES.items()
        for _ in range(3)
    ),
    *(pair(f"{verb}.", f"{verbe}.") for verb, verbe in VERBS.items()),
    pair("He sings happily.", "Il chante avec bonheur."),
    pair("She works madly.", "Elle travaille. Quelle folie."),
    pair("He is badly hurt.", "Il est gravement blessé."),
]


def test_what_translates_an_adverb_is_read_off_all_pairs() -> None:
    found = translations(PAIRS, adverbs(PAIRS), having(PAIRS))
    assert found["happily"] == "avec bonheur"
    assert (found["slowly"], found["quickly"]) == ("lentement", "rapidement")
    assert "madly" not in found, "no adverbial stands for it"


def test_a_rare_adverb_comes_to_stand_where_others_do() -> None:
    made = swapped(PAIRS, each=50)
    assert {each.source for each in made} == {SOURCE}
    assert made == swapped(PAIRS, each=50), "the same each time"
    assert ("They walk happily in the park.", "Ils marchent avec bonheur dans le parc.") in {
        (each.english, each.other) for each in made
    }
    for each in made:
        assert "happily" in each.english and "avec bonheur" in each.other
        assert "hurt" not in each.english, "there it is no adverb of manner"
    assert len(swapped(PAIRS, each=2)) == 2


def test_a_language_whose_adverbs_are_not_known_and_no_pairs_give_nothing() -> None:
    assert swapped([Pair("He sings happily.", "Er singt glücklich.", "de", "tatoeba")]) == []
    assert swapped([]) == []
