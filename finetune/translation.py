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
from collections.abc import Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from assistant.engines.protocol import Engine, Rewriting
from assistant.engines.seq2seq import Seq2SeqEngine
from finetune.memory import keep_freed_blocks
from finetune.seq2seq import Row, Seq2SeqConfig, train_seq2seq
from finetune.translation_data import Measured, Pair, measured, pairs, split

VOCABULARY = 8192
PAD, EOS, UNKNOWN = 0, 1, 2
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
EVALUATED = 200
"""Sentences a direction that are translated while it trains."""


def tag(language: str) -> str:
    """The token that asks for a language."""
    return f"<{language}>"


def tokenizer(texts: Sequence[str], languages: Sequence[str], size: int = VOCABULARY) -> Any:
    """A vocabulary of pieces (Kudo 2018, arXiv:1804.10959) trained by SentencePiece, with a token for every language,
    digits apart and bytes for characters that it has not seen."""
    import sentencepiece
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    with tempfile.TemporaryDirectory(prefix="parley-vocabulary-") as folder:
        lines, prefix = Path(folder) / "texts", Path(folder) / "spm"
        lines.write_text("\n".join(texts), "utf-8")
        trainer: Any = sentencepiece.SentencePieceTrainer
        trainer.train(
            input=str(lines),
            model_prefix=str(prefix),
            vocab_size=size,
            hard_vocab_limit=False,
            control_symbols=[tag(language) for language in languages],
            character_coverage=0.9999,
            required_chars="".join(map(chr, range(33, 127))),
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            pad_id=PAD,
            eos_id=EOS,
            unk_id=UNKNOWN,
            bos_id=-1,
            minloglevel=2,
        )
        made: Any = sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model")
    pieces = [(made.id_to_piece(number), made.get_score(number)) for number in range(len(made))]
    backend = Tokenizer(models.Unigram(pieces, unk_id=UNKNOWN, byte_fallback=True))
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Digits(individual_digits=True)]
    )
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", EOS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",  # noqa: S106 - no password
        eos_token="</s>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        additional_special_tokens=[tag(language) for language in languages],
        model_max_length=256,
    )


def model(languages: Sequence[str], size: int) -> Any:
    """A T5 of random weights that says of itself how each direction is asked for."""
    from transformers import T5Config, T5ForConditionalGeneration

    directions = [(a, b) for a in languages for b in languages if a != b and "en" in (a, b)]
    settings: dict[str, Any] = SHAPE | {"decoder_start_token_id": PAD}
    config = T5Config(vocab_size=size, pad_token_id=PAD, eos_token_id=EOS, **settings)
    config.task_specific_params = {f"translation_{a}_to_{b}": {"prefix": tag(b)} for a, b in directions}
    return T5ForConditionalGeneration(config)


class Lessons:
    """The rows of each epoch: every pair in both directions, some of them joined into longer texts."""

    def __init__(self, some: Sequence[Pair], made: Any, seed: int = 0) -> None:
        self._pairs, self._seed = some, seed
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
        for place in draw.sample(range(len(self._pairs)), len(self._pairs)):
            language, everyday = self._pairs[place].language, self._pairs[place].source == "tatoeba"
            if not everyday and draw.random() >= DOCUMENTED:
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


def figures(engine: Engine, tests: dict[str, Measured], most: int | None = None) -> dict[str, float]:
    """BLEU and chrF of each direction ("en-fr"), greedy, on the first `most` sentences."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    found: dict[str, float] = {}
    for direction, test in tests.items():
        source, target = direction.split("-")
        said = engine.text2text(test.sources[:most], Rewriting("translate", source, target))
        references: Any = list(zip_longest(*test.references[:most]))  # None where a sentence has fewer
        found[f"{direction} BLEU"] = round(BLEU().corpus_score(said, references).score, 2)
        found[f"{direction} chrF"] = round(CHRF().corpus_score(said, references).score, 2)
    return found


def keep(learner: Any, made: Any, folder: Path) -> Seq2SeqEngine:
    """Write the model at 16 bits with its tokeniser, as it ships, and load what was written."""
    halved = {name: each.half() for name, each in learner.state_dict().items()}
    learner.save_pretrained(folder, state_dict=halved)
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
    parser.add_argument("--languages", default="fr", help="besides English: fr,es,de")
    parser.add_argument("--vocabulary-languages", default="fr,es,de", help="whose pieces the vocabulary holds")
    parser.add_argument("--base", type=Path, help="a model that goes on, with its vocabulary")
    parser.add_argument("--max-steps", type=int, default=3000)
    given = parser.parse_args()
    keep_freed_blocks()
    languages, known = given.languages.split(","), given.vocabulary_languages.split(",")
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
            tests[f"en-{language}"] = measured(held_out, found, into_english=False)
            tests[f"{language}-en"] = measured(held_out, found, into_english=True)
    if given.base:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        made = AutoTokenizer.from_pretrained(given.base)
        learner = AutoModelForSeq2SeqLM.from_pretrained(given.base, dtype=torch.float32)
    else:
        torch.manual_seed(0)
        made = tokenizer(texts, ["en", *known])
        learner = model(["en", *known], len(made))
    lessons = Lessons(train, made)
    config = Seq2SeqConfig(max_steps=given.max_steps, bf16=True)
    tell({"pairs": len(train), "parameters": sum(each.numel() for each in learner.parameters())})
    sys.stderr.write(f"{asdict(config)}\n")
    learner = train_seq2seq(
        learner, lessons, given.output, config, evaluate=lambda now: measure(now, made, tests), on_log=tell
    )
    json.dump(figures(keep(learner, made, given.output), tests), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
