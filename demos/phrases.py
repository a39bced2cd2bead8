"""English sentences with their French, by a small grammar of our own: some hundred million, some of which are drawn.

The two languages differ in what a translation has to see: the noun's gender rules its article, its adjectives and whose
it is (her dog, son chien; his car, sa voiture); most adjectives come after it; a negation stands around the verb; what
is one word in the one is several in the other; and a time stands at the end, wherever the English has it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_VOWELS = tuple("aeiouyhâéèêî")  # every h here is mute

NOUNS = (  # English, plural, French, plural, gender
    ("car", "cars", "voiture", "voitures", "f"),
    ("house", "houses", "maison", "maisons", "f"),
    ("apple", "apples", "pomme", "pommes", "f"),
    ("letter", "letters", "lettre", "lettres", "f"),
    ("church", "churches", "église", "églises", "f"),
    ("key", "keys", "clé", "clés", "f"),
    ("book", "books", "livre", "livres", "m"),
    ("tree", "trees", "arbre", "arbres", "m"),
    ("bird", "birds", "oiseau", "oiseaux", "m"),
    ("hat", "hats", "chapeau", "chapeaux", "m"),
    ("horse", "horses", "cheval", "chevaux", "m"),
    ("garden", "gardens", "jardin", "jardins", "m"),
)
PEOPLE = (
    ("woman", "women", "femme", "femmes", "f"),
    ("girl", "girls", "fille", "filles", "f"),
    ("queen", "queens", "reine", "reines", "f"),
    ("man", "men", "homme", "hommes", "m"),
    ("boy", "boys", "garçon", "garçons", "m"),
    ("king", "kings", "roi", "rois", "m"),
    ("cat", "cats", "chat", "chats", "m"),
    ("dog", "dogs", "chien", "chiens", "m"),
)
BEFORE = {  # masculine, feminine, plurals of both, masculine before a vowel
    "small": ("petit", "petite", "petits", "petites", "petit"),
    "big": ("grand", "grande", "grands", "grandes", "grand"),
    "old": ("vieux", "vieille", "vieux", "vieilles", "vieil"),
    "beautiful": ("beau", "belle", "beaux", "belles", "bel"),
    "new": ("nouveau", "nouvelle", "nouveaux", "nouvelles", "nouvel"),
}
AFTER = {
    "red": ("rouge", "rouge", "rouges", "rouges"),
    "black": ("noir", "noire", "noirs", "noires"),
    "white": ("blanc", "blanche", "blancs", "blanches"),
    "green": ("vert", "verte", "verts", "vertes"),
    "heavy": ("lourd", "lourde", "lourds", "lourdes"),
    "famous": ("célèbre", "célèbre", "célèbres", "célèbres"),
    "happy": ("heureux", "heureuse", "heureux", "heureuses"),
    "tired": ("fatigué", "fatiguée", "fatigués", "fatiguées"),
}
_OF_THINGS = ("small", "big", "old", "beautiful", "new", "red", "black", "white", "green", "heavy", "famous")
_OF_PEOPLE = ("small", "big", "old", "beautiful", "famous", "happy", "tired")
DETERMINERS = {  # (English, plural): masculine, feminine, plural
    ("the", "the"): ("le", "la", "les"),
    ("a", "some"): ("un", "une", "des"),
    ("this", "these"): ("ce", "cette", "ces"),
    ("my", "my"): ("mon", "ma", "mes"),
    ("his", "his"): ("son", "sa", "ses"),
    ("her", "her"): ("son", "sa", "ses"),
}
_BEFORE_VOWELS = {"le": "l'", "la": "l'", "ce": "cet", "ma": "mon", "sa": "son", "de": "d'", "je": "j'", "ne": "n'"}
_PRONOUNS = (("i", "je"), ("you", "tu"), ("he", "il"), ("she", "elle"), ("we", "nous"), ("they", "ils"))
_PERSONS = {"je": 0, "tu": 1, "nous": 3, "ils": 4}
_HAVE = ("ai", "as", "a", "avons", "ont")
_WILL = ("ai", "as", "a", "ons", "ont")
VERBS = (  # English, he …, past; French with je tu il nous ils, participle, stem of the future
    ("see", "sees", "saw", "vois vois voit voyons voient", "vu", "verr"),
    ("buy", "buys", "bought", "achète achètes achète achetons achètent", "acheté", "achèter"),
    ("sell", "sells", "sold", "vends vends vend vendons vendent", "vendu", "vendr"),
    ("find", "finds", "found", "trouve trouves trouve trouvons trouvent", "trouvé", "trouver"),
    ("love", "loves", "loved", "aime aimes aime aimons aiment", "aimé", "aimer"),
    ("look for", "looks for", "looked for", "cherche cherches cherche cherchons cherchent", "cherché", "chercher"),
    ("draw", "draws", "drew", "dessine dessines dessine dessinons dessinent", "dessiné", "dessiner"),
    ("want", "wants", "wanted", "veux veux veut voulons veulent", "voulu", "voudr"),
    ("lose", "loses", "lost", "perds perds perd perdons perdent", "perdu", "perdr"),
    ("forget", "forgets", "forgot", "oublie oublies oublie oublions oublient", "oublié", "oublier"),
)
TIMES = {
    "present": (("today", "aujourd'hui"), ("now", "maintenant"), ("every day", "tous les jours")),
    "past": (("yesterday", "hier"), ("last week", "la semaine dernière"), ("this morning", "ce matin")),
    "future": (("tomorrow", "demain"), ("next week", "la semaine prochaine"), ("soon", "bientôt")),
}


@dataclass(frozen=True)
class Named:
    """Who or what, in both languages. person: place in a verb's forms; indefinite: begins with a, or some."""

    english: str
    french: str
    person: int
    indefinite: bool = False


def pairs(count: int = 20_000, seed: int = 0) -> list[tuple[str, str]]:
    """So many sentences that are all different, with their French."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    found: dict[str, str] = {}
    while len(found) < count:
        english, french = _sentence(draw)
        found[english] = french
    return list(found.items())


def _sentence(draw: random.Random) -> tuple[str, str]:
    subject = _pronoun(draw) if draw.random() < 0.5 else noun_phrase(draw, PEOPLE, _OF_PEOPLE)
    denied, tense, verb = draw.random() < 0.3, draw.choice(tuple(TIMES)), draw.choice(VERBS)
    thing = noun_phrase(draw, NOUNS, _OF_THINGS, denied=denied)
    english, french = clause(subject, verb, thing, tense, denied=denied)
    if draw.random() < 0.4:
        return english, french
    when, quand = draw.choice(TIMES[tense])
    return (f"{english} {when}" if draw.random() < 0.6 else f"{when} {english}"), f"{french} {quand}"


def clause(subject: Named, verb: tuple[str, ...], thing: Named, tense: str, *, denied: bool = False) -> tuple[str, str]:
    """Who does what with what. verb: of VERBS; tense: of TIMES; thing: made for a negation where it is one."""
    base, third, past, forms, participle, stem = verb
    person = subject.person
    singular = person == 2
    english = {
        "present": f"{'does' if singular else 'do'} not {base}" if denied else third if singular else base,
        "past": f"did not {base}" if denied else past,
        "future": f"will not {base}" if denied else f"will {base}",
    }[tense]
    first, rest = {
        "present": (forms.split()[person], ""),
        "past": (_HAVE[person], participle),
        "future": (stem + _WILL[person], ""),
    }[tense]
    french = _joined(*(("ne", first, "pas") if denied else (first,)), *([rest] if rest else []), thing.french)
    return f"{subject.english} {english} {thing.english}", _joined(subject.french, french)


def _pronoun(draw: random.Random) -> Named:
    english, french = draw.choice(_PRONOUNS)
    return Named(english, french, _PERSONS.get(french, 2))


def noun_phrase(
    draw: random.Random, nouns: tuple[tuple[str, ...], ...], adjectives: tuple[str, ...], *, denied: bool = False
) -> Named:
    """A noun with what stands before and after it, one or many of it. denied: as what is not seen, bought …"""
    noun, determiner, plural = draw.choice(nouns), draw.choice(tuple(DETERMINERS)), draw.random() < 0.3
    return named(noun, determiner, draw.choice(adjectives) if draw.random() < 0.6 else "", plural, denied=denied)


def named(
    noun: tuple[str, ...], determiner: tuple[str, str], adjective: str, plural: bool, *, denied: bool = False
) -> Named:
    """noun: of NOUNS or PEOPLE; determiner: of DETERMINERS; adjective: of BEFORE or AFTER, or ""."""
    one, many, un, des, gender = noun
    english = [determiner[plural], *([adjective] if adjective else []), many if plural else one]
    if english[0] == "a" and english[1][0] in "aeiou":
        english[0] = "an"
    indefinite = determiner[0] == "a"
    if indefinite and denied and plural:
        english[0] = "any"
    place = 2 * plural + (gender == "f")
    french = [BEFORE[adjective][place]] if adjective in BEFORE else []
    french.append(des if plural else un)
    if adjective in BEFORE and place == 0 and un.startswith(_VOWELS):
        french[0] = BEFORE[adjective][4]
    if adjective in AFTER:
        french.append(AFTER[adjective][place])
    article = DETERMINERS[determiner][2 if plural else place]
    if indefinite and (denied or (plural and adjective in BEFORE)):
        article = "de"  # elle n'a pas vu de voiture; de petites voitures
    return Named(" ".join(english), _joined(article, *french), 4 if plural else 2, indefinite)


def _joined(*words: str) -> str:
    """With what changes before a vowel: le arbre, l'arbre."""
    text = ""
    for word, after in zip(words, (*words[1:], ""), strict=True):
        word = _BEFORE_VOWELS.get(word, word) if after.startswith(_VOWELS) else word
        text += word if word.endswith("'") or not after else f"{word} "
    return text
