"""Make the embedded T5: `python -m finetune.translation DATA OUTPUT --languages fr`, hours on two cores; a killed run
goes on from its last checkpoint, and one that is given --base goes on from a model that is there.

DATA is a folder laid out as translation_data.py says. Every direction has a token of its own that begins the source.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from assistant.engines.protocol import Engine, Rewriting
from assistant.engines.seq2seq import Seq2SeqEngine
from assistant.errors import BadSettings
from finetune.memory import keep_freed_blocks
from finetune.phrase_swaps import SOURCE as SWAPPED
from finetune.phrase_swaps import swapped
from finetune.seq2seq_training import Row, Seq2SeqConfig, train_seq2seq
from finetune.translation_data import Measured, Pair, measured, pairs, split, with_rare_words
from finetune.vocabulary import EOS, PAD, grow, grown, tag, tokenizer

SHAPE: dict[str, Any] = {
    "d_model": 256,
    "d_kv": 64,
    "num_heads": 4,
    "d_ff": 1024,
    "num_layers": 6,
    "num_decoder_layers": 2,
    "feed_forward_proj": "relu",
    "dropout_rate": 0.0,
}
"""A deep encoder and a shallow decoder: each word that is written costs two layers, not eight (Kasai et al. 2021,
arXiv:2006.10369)."""
JOINED = 0.15
"""Of Tatoeba's pairs, the share that stands behind others as one text of up to JOINED_PAIRS sentences."""
JOINED_PAIRS = 4
DOCUMENTED = 0.5
"""Of the documentation's pairs, the share that an epoch holds: they are three times as long as Tatoeba's."""
RARE_TIMES = 3
"""So often does an epoch hold an everyday pair with a rare word: read once an epoch, "happily", which is in four pairs,
came out as "happier"."""
BEAMS = 8
"""Of the finished model, unless something else is asked for: 1 to 2.5 BLEU more than greedy, in two and a half times
its time."""
EVALUATED = 200
"""Sentences a direction that are translated while it trains."""


def model(languages: Sequence[str], size: int) -> Any:
    """A T5 of random weights that says of itself how each direction is asked for."""
    from transformers import T5Config, T5ForConditionalGeneration

    directions = [(a, b) for a in languages for b in languages if a != b and "en" in (a, b)]
    settings: dict[str, Any] = SHAPE | {"decoder_start_token_id": PAD}
    config = T5Config(vocab_size=size, pad_token_id=PAD, eos_token_id=EOS, **settings)
    config.task_specific_params = {f"translation_{a}_to_{b}": {"prefix": tag(b)} for a, b in directions}
    return T5ForConditionalGeneration(config)


class Lessons:
    """The rows of each epoch: every pair in both directions, some of them joined into longer texts.

    shares: language → share of its pairs that an epoch holds, others each epoch.
    """

    def __init__(
        self, some: Sequence[Pair], made: Any, shares: Mapping[str, float] = MappingProxyType({}), seed: int = 0
    ) -> None:
        self._pairs, self._shares, self._seed = some, shares, seed
        self._rare = with_rare_words(some)
        english: list[list[int]] = made([pair.english for pair in some], add_special_tokens=False)["input_ids"]
        other: list[list[int]] = made([pair.other for pair in some], add_special_tokens=False)["input_ids"]
        self._tokens = list(zip(english, other, strict=True))
        self._tags: dict[str, int] = {
            each: made.convert_tokens_to_ids(tag(each)) for each in {"en"} | {p.language for p in some}
        }

    def __call__(self, epoch: int) -> list[Row]:
        draw = random.Random(f"{self._seed} {epoch}")  # noqa: S311 - the same each time
        rows: list[Row] = []
        waiting: dict[str, list[int]] = {}
        places = [*range(len(self._pairs)), *self._rare * (RARE_TIMES - 1)]
        for place in draw.sample(places, len(places)):
            language, source = self._pairs[place].language, self._pairs[place].source
            everyday = source == "tatoeba"
            share = 1 if source == SWAPPED else self._shares.get(language, 1) * (1 if everyday else DOCUMENTED)
            if draw.random() >= share:
                continue
            if everyday and draw.random() < JOINED:
                together = waiting.setdefault(language, [])
                together.append(place)
                if len(together) >= draw.randint(2, JOINED_PAIRS):
                    rows += self._both(waiting.pop(language), language)
            else:
                rows += self._both([place], language)
        for language, together in waiting.items():
            rows += self._both(together, language)
        return rows

    def _both(self, places: Sequence[int], language: str) -> list[Row]:
        sides = [[token for place in places for token in self._tokens[place][side]] for side in (0, 1)]
        return [
            Row([self._tags[language], *sides[0], EOS], [*sides[1], EOS]),
            Row([self._tags["en"], *sides[1], EOS], [*sides[0], EOS]),
        ]


def shares_of(languages: str) -> dict[str, float]:
    """Languages and the share of their pairs in an epoch. Raises BadSettings for a share that is none."""
    found: dict[str, float] = {}
    for each in languages.split(","):
        language, _, share = each.partition(":")
        try:
            found[language] = float(share or 1)
        except ValueError as error:
            raise BadSettings(f"{share!r} is no share of {language!r}.", hint="Write es,fr:0.3.") from error
        if not 0 < found[language] <= 1:
            raise BadSettings(f"A share of {share} of {language!r} cannot be.", hint="Give more than 0, at most 1.")
    return found


def figures(engine: Engine, tests: dict[str, Measured], most: int | None = None) -> dict[str, float]:
    """BLEU and chrF of each direction ("en-fr"), greedy, on the first `most` sentences."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    found: dict[str, float] = {}
    for direction, test in tests.items():
        source, target = direction.split("-")
        said = engine.text2text(test.sources[:most], Rewriting("translate", source, target, beams=1))
        references: Any = list(zip_longest(*test.references[:most]))  # None where a sentence has fewer
        found[f"{direction} BLEU"] = round(BLEU().corpus_score(said, references).score, 2)
        found[f"{direction} chrF"] = round(CHRF().corpus_score(said, references).score, 2)
    return found


def keep(learner: Any, made: Any, folder: Path) -> Seq2SeqEngine:
    """Write the model at 16 bits with its tokeniser, as it ships, and load what was written."""
    kept = deepcopy(learner).half()
    kept.generation_config.num_beams = BEAMS
    kept.save_pretrained(folder)
    made.save_pretrained(folder)
    return Seq2SeqEngine(folder)


def measure(learner: Any, made: Any, tests: dict[str, Measured]) -> dict[str, float]:
    """Figures of a model in training, on a few sentences."""
    with tempfile.TemporaryDirectory(prefix="parley-measure-") as folder:
        return figures(keep(learner, made, Path(folder)), tests, EVALUATED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--languages", default="fr", help="besides English: fr,es,de; es,fr:0.3 takes 0.3 of the French pairs an epoch"
    )
    parser.add_argument("--vocabulary-languages", default="fr,es,de", help="whose pieces the vocabulary holds")
    parser.add_argument("--base", type=Path, help="a model that goes on, with its vocabulary")
    parser.add_argument("--grow", action="store_true", help="give the base pieces for words that it spells in many")
    parser.add_argument("--swap", action="store_true", help="rare adverbs in the places of others too")
    parser.add_argument("--rate", type=float, default=1, help="times the learning rates: less for a few last steps")
    parser.add_argument("--max-steps", type=int, default=3000)
    given = parser.parse_args()
    keep_freed_blocks()
    shares = shares_of(given.languages)
    languages, known = list(shares), given.vocabulary_languages.split(",")
    begun = time.monotonic()

    def tell(log: dict[str, float]) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.0f} s {json.dumps(log)}\n")

    found = pairs(given.data, sorted({*languages, *known}))  # of all, so that the test sets are the same for each run
    train: list[Pair] = []
    texts: list[str] = []
    tests: dict[str, Measured] = {}
    for language in sorted({*languages, *known}):
        own, held_out = split(found, language)
        texts += [text for pair in own for text in (pair.english, pair.other)]
        if language in languages:
            train += own
            if given.swap:
                train += swapped([pair for pair in own if pair.source == "tatoeba"])
            tests[f"en-{language}"] = measured(held_out, found, into_english=False)
            tests[f"{language}-en"] = measured(held_out, found, into_english=True)
    if given.base:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        made = AutoTokenizer.from_pretrained(given.base)
        learner = AutoModelForSeq2SeqLM.from_pretrained(given.base, dtype=torch.float32)
        if given.grow:
            everyday = [pair for pair in train if pair.source == "tatoeba"]
            made, parts = grown(made, (text for pair in everyday for text in (pair.english, pair.other)))
            grow(learner, parts)
    else:
        torch.manual_seed(0)
        made = tokenizer(texts, ["en", *known])
        learner = model(["en", *known], len(made))
    lessons = Lessons(train, made, shares)
    config = Seq2SeqConfig(max_steps=given.max_steps, bf16=True)
    config = replace(
        config,
        learning_rate=given.rate * config.learning_rate,
        embedding_learning_rate=given.rate * config.embedding_learning_rate,
    )
    tell({"pairs": len(train), "parameters": sum(each.numel() for each in learner.parameters())})
    sys.stderr.write(f"{asdict(config)}\n")
    learner = train_seq2seq(
        learner, lessons, given.output, config, evaluate=lambda now: measure(now, made, tests), on_log=tell
    )
    json.dump(figures(keep(learner, made, given.output), tests), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
