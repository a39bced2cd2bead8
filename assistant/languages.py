"""Human languages: their codes, names and forms of address, and which one a text is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from assistant.errors import BadSettings

ADDRESS = {
    "cs": ("vy", "ty"),
    "de": ("Sie", "du"),
    "es": ("usted", "tú"),
    "fr": ("vous", "tu"),
    "it": ("Lei", "tu"),
    "nl": ("u", "je"),
    "pl": ("Pan/Pani", "ty"),
    "pt": ("o senhor/a senhora", "você"),
    "ro": ("dumneavoastră", "tu"),
    "ru": ("вы", "ты"),
    "tr": ("siz", "sen"),
    "uk": ("ви", "ти"),
}
"""Language → (formal, informal) second person singular, where there are two."""
READ_CHARACTERS = 1000
"""How much of a text is looked at to tell its language."""
TOLD_APART = (
    *("ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu"),
    *("id", "it", "ja", "ko", "lt", "lv", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "sw"),
    *("ta", "th", "tr", "uk", "ur", "vi", "zh"),
)
"""Languages that detection chooses between: with all 140 that the model knows, "Hello there" is Breton."""
SURE = 0.2
"""The probability from which on a detected language counts as known: a few words reach it, one seldom does."""

CERTAIN, ENOUGH_LETTERS = 0.99, 20
"""From here on nobody need be asked: 20 letters of another language reach it, names and slang seldom do."""
_PLAIN_ENGLISH = frozenset(("the", "and", "this", "with", "you", "have", "they", "very", "would", "it's", "i'm"))


@dataclass(frozen=True)
class Detected:
    """A text's language (ISO 639-1) and how sure that is, 0 to 1."""

    code: str
    probability: float


@cache
def iso(code: str) -> str:
    """The shortest code (ISO 639-1, else 639-3) of a language given as "eng", "pt_BR", "arb" …"""
    from langcodes import Language

    try:
        language = Language.get(code.replace("_", "-")).prefer_macrolanguage()
    except ValueError:  # it is no language's code
        return code
    return language.language or code


@cache
def name(code: str) -> str:
    """The English name of a language, its code where it has none."""
    from langcodes import Language

    if not code or code == "*":
        return "any language"
    try:
        return Language.get(code).display_name()
    except ValueError:
        return code


def code(wanted: str) -> str:
    """The ISO 639-1 code of a language that a person named: "fr", "fra", "French", "français".

    Raises BadSettings for what is none.
    """
    from langcodes import Language, find

    low = wanted.strip().lower()
    try:
        if len(low) <= 3 or "-" in low or "_" in low:
            language = Language.get(low.replace("_", "-"))
            if language.is_valid():
                return iso(low)
        return iso(find(low).language or low)
    except (LookupError, ValueError) as error:
        raise BadSettings(f"There is no language {wanted!r}.", hint="Give a code or a name: fr, French.") from error


def probabilities(text: str) -> list[Detected]:
    """The languages that a text may be in, likeliest first; [] for one without letters.

    By py3langid, whose model of 97 languages comes in its package (Lui and Baldwin 2012, aclanthology.org/P12-3005).
    """
    letters = text[:READ_CHARACTERS]
    if not any(letter.isalpha() for letter in letters):
        return []
    return [Detected(iso(code), float(share)) for code, share in _identifier().rank(letters)[:3]]


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(TOLD_APART)
    return identifier


def detect(text: str) -> Detected:
    """The language that a text is in, by its first part. Raises BadSettings where it cannot be told."""
    found = probabilities(text)
    if not found or found[0].probability < SURE:
        raise BadSettings("Which language this text is in cannot be told.", hint="Name it: --from, or the field From.")
    return found[0]


def beyond_doubt(text: str) -> str | None:
    """The language that a text is in without a doubt; None for one that is short, or may be in several. English with
    its commonest words is told without asking the model, which matters to files of many rows."""
    if not _PLAIN_ENGLISH.isdisjoint(text[:READ_CHARACTERS].lower().split()):
        return "en"
    if sum(letter.isalpha() for letter in text[: 4 * ENOUGH_LETTERS]) < ENOUGH_LETTERS:
        return None
    found = probabilities(text)
    return found[0].code if found and found[0].probability > CERTAIN else None


def detect_all(texts: Sequence[str]) -> list[str]:
    """The language of each text of a column; one that is too short to tell is taken to be in the commonest of them."""
    found = [(probabilities(text) or [Detected("en", 0.0)])[0] for text in texts]
    sure = Counter(each.code for each in found if each.probability >= SURE)
    common = sure.most_common(1)[0][0] if sure else None
    return [each.code if each.probability >= SURE else common or each.code for each in found]
