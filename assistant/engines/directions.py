"""What a sequence-to-sequence model wants to be told: prefixes of tasks and codes of languages, read from its files.

Four ways are in use, and a model has one of them:
T5              a sentence before the text ("translate English to German: "); config.json or the catalogue has it
NLLB, M2M, mBART  a special token for each language; the text begins with the source's, the answer with the target's
Marian, many    a token of the vocabulary before the text (">>fra<<")
Marian, one     nothing: it does one direction, which tokenizer_config.json names
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.engines.protocol import Rewriting
from assistant.errors import CapabilityMissing
from assistant.languages import iso, name

_TOKEN = re.compile(r"__([a-z]{2,3})__|([a-z]{2,3})_(?:[A-Z][a-z]{3}|[A-Z]{2})")
_MARIAN = re.compile(r">>([a-z]{2,3})(?:_[A-Za-z]+)?<<")
_T5 = re.compile(r"translation_([a-z]{2,3})_to_([a-z]{2,3})")


@dataclass(frozen=True)
class Directions:
    """How a model is asked for each of its tasks."""

    model: str
    prompts: Mapping[str, str]
    """ "en-de", "*-*" or "summarize" → what the text {text} becomes."""
    codes: Mapping[str, str]
    """ISO 639-1 → the tokeniser's own name of the language, for its `src_lang`."""
    ids: Mapping[str, int]
    """ISO 639-1 → number of the token that an answer in the language begins with; empty where there are none."""

    @classmethod
    def read(cls, model: str, tokenizer: Any, config: Any, prompts: Mapping[str, str]) -> Directions:
        """From the model's files; the catalogue's `prompts` go before them."""
        said: dict[str, str] = {}
        for task, settings in (getattr(config, "task_specific_params", None) or {}).items():
            prefix = settings.get("prefix", "")
            if found := _T5.fullmatch(task):
                said[f"{iso(found[1])}-{iso(found[2])}"] = prefix + "{text}"
            elif task.startswith("summarization"):
                said["summarize"] = prefix + "{text}"
        vocabulary: Mapping[str, int] = tokenizer.get_vocab()
        tokens = _language_tokens(tokenizer)
        tokens |= {key.partition(":")[2]: code for key, code in prompts.items() if key.startswith("language:")}
        tokens = {language: token for language, token in tokens.items() if token in vocabulary}
        marian = {iso(found[1]): token for token in vocabulary if (found := _MARIAN.fullmatch(token))}
        settings: Mapping[str, Any] = getattr(tokenizer, "init_kwargs", {})
        source, target = (settings.get(name) for name in ("source_lang", "target_lang"))
        if marian:
            said |= {f"*-{language}": f"{token} {{text}}" for language, token in marian.items()}
        elif source and target and not tokens:
            said[f"{iso(str(source))}-{iso(str(target))}"] = "{text}"
        said |= {key: prompt for key, prompt in prompts.items() if not key.startswith("language:")}
        names = {language: token.strip("_") for language, token in tokens.items()}
        return cls(model, said, names, {language: vocabulary[token] for language, token in tokens.items()})

    def languages(self) -> set[tuple[str, str]]:
        """Directions that are named one by one: (source, target); "*" stands for any."""
        pairs = {tuple(key.split("-")) for key in self.prompts if "-" in key}
        return {(source, target) for source, target in pairs} | ({("*", "*")} if self.ids else set())

    def does(self, source: str, target: str) -> bool:
        """Whether the model translates between the two (ISO 639-1)."""
        return self._prompt(source, target) is not None or (source in self.ids and target in self.ids)

    def written(self, text: str, asked: Rewriting) -> str:
        """The text as the model wants to read it. Raises CapabilityMissing for what it was not made for."""
        if asked.task == "translate":
            source, target = asked.source or "", asked.target or ""
            if source in self.ids and target in self.ids:
                return text
            prompt = self._prompt(source, target)
            if prompt is None:
                raise CapabilityMissing(
                    f"{self.model} does not translate {name(source)} into {name(target)}.", hint=self._offer()
                )
            return prompt.format(text=text)
        return self.prompts.get(asked.task, "{text}").format(text=text)

    def begin(self, asked: Rewriting) -> int | None:
        """Number of the token that the answer has to begin with."""
        return self.ids.get(asked.target or "") if asked.task == "translate" else None

    def _prompt(self, source: str, target: str) -> str | None:
        keys = (f"{source}-{target}", f"*-{target}", "*-*")
        return next((self.prompts[key] for key in keys if key in self.prompts), None)

    def _offer(self) -> str:
        pairs = sorted(f"{name(source)} → {name(target)}" for source, target in self.languages() if source != "*")
        if pairs:
            return f"It does {', '.join(pairs[:8])}."
        known = sorted(name(code) for code in self.ids)
        return f"It knows {', '.join(known[:12])}{' and others' if len(known) > 12 else ''}." if known else ""


def _language_tokens(tokenizer: Any) -> dict[str, str]:
    """ISO 639-1 → special token, of tokenisers with a token a language. The first of several scripts counts."""
    tokens: Iterable[str] = getattr(tokenizer, "additional_special_tokens", None) or tokenizer.all_special_tokens
    found: dict[str, str] = {}
    for token in tokens:
        if match := _TOKEN.fullmatch(token):
            found.setdefault(iso(match[1] or match[2]), token)
    return found
