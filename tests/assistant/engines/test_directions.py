"""What each kind of translator wants to be told, read from its own files."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from assistant.engines.directions import Directions
from assistant.engines.protocol import Rewriting
from assistant.errors import CapabilityMissing


class Tokenizer:
    """As much of a tokeniser as is looked at."""

    def __init__(self, tokens: list[str], special: list[str] | None = None, **settings: Any) -> None:
        self.tokens, self.additional_special_tokens, self.all_special_tokens = tokens, special, special or []
        self.init_kwargs = settings

    def get_vocab(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self.tokens)}


def read(tokenizer: Tokenizer, params: dict[str, Any] | None = None, **prompts: str) -> Directions:
    return Directions.read("m", tokenizer, SimpleNamespace(task_specific_params=params), prompts)


def ask(source: str, target: str) -> Rewriting:
    return Rewriting("translate", source, target)


def test_t5_puts_a_sentence_before_the_text() -> None:
    found = read(Tokenizer(["a"]), {"translation_en_to_fr": {"prefix": "translate English to French: "}})
    assert found.written("Hi", ask("en", "fr")) == "translate English to French: Hi"
    assert found.begin(ask("en", "fr")) is None
    assert not found.does("fr", "en")


@pytest.mark.parametrize(
    ("tokens", "source", "number"),
    [
        (["a", "eng_Latn", "fra_Latn", "zsm_Latn"], "eng_Latn", 2),
        (["a", "__en__", "__fr__"], "en", 2),
        (["a", "en_XX", "fr_XX"], "en_XX", 2),
    ],
)
def test_models_with_a_token_a_language(tokens: list[str], source: str, number: int) -> None:
    found = read(Tokenizer(tokens, tokens[1:]))
    assert found.codes["en"] == source
    assert found.begin(ask("en", "fr")) == number
    assert found.written("Hi", ask("en", "fr")) == "Hi"
    with pytest.raises(CapabilityMissing, match="Japanese"):
        found.written("Hi", ask("en", "ja"))


def test_marian_of_many_languages_has_a_token_before_the_text() -> None:
    found = read(Tokenizer(["a", ">>fra<<", ">>por<<"], source_lang="eng", target_lang="roa"))
    assert found.written("Hi", ask("en", "fr")) == ">>fra<< Hi"
    with pytest.raises(CapabilityMissing):
        found.written("Hi", ask("en", "de"))


def test_marian_of_one_direction_names_it_in_its_settings() -> None:
    found = read(Tokenizer(["a"], source_lang="eng", target_lang="deu"))
    assert found.does("en", "de") and not found.does("de", "en")
    assert found.written("{Hi}", ask("en", "de")) == "{Hi}"


def test_the_catalogue_names_languages_that_the_files_do_not() -> None:
    found = read(Tokenizer(["a", "<2xx>"]), **{"language:fr": "<2xx>", "language:en": "a"})
    assert found.begin(ask("en", "fr")) == 1


def test_braces_in_a_text_are_text() -> None:
    found = read(Tokenizer(["a"]), **{"en-de": "go: {text}"})
    assert found.written("{name} {0}", ask("en", "de")) == "go: {name} {0}"
