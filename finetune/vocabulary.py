"""The vocabulary of the embedded T5: pieces of four languages, and a token for each language that can be asked for."""

from __future__ import annotations

import copy
import json
import math
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

VOCABULARY = 8192
PAD, EOS, UNKNOWN = 0, 1, 2
SPELT = 3
"""A word of so many pieces, or more, becomes a piece of its own when a vocabulary grows,"""
SEEN = 4
"""where it stands in so many texts, or more."""
_WORD = re.compile(r"[^\W\d_]+")


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


def grown(made: Any, texts: Iterable[str]) -> tuple[Any, list[list[int]]]:
    """(the tokeniser with more pieces, the pieces that each new one was of until now).

    A word that was spelt in SPELT pieces or more, and stands in SEEN texts or more, becomes one: spelt in pieces that
    other words have too, a word that is seldom seen is hardly learnt.
    """
    from tokenizers import models

    seen = Counter(word for text in texts for word in set(_WORD.findall(text)))
    words = [word for word, count in seen.most_common() if count >= SEEN]
    parts: list[list[int]] = made(words, add_special_tokens=False)["input_ids"]
    new = [(word, part) for word, part in zip(words, parts, strict=True) if len(part) >= SPELT]
    whole = sum(seen.values())
    kept = json.loads(made.backend_tokenizer.to_str())["model"]
    pieces = [(piece, score) for piece, score in kept["vocab"]]
    pieces += [(f"▁{word}", math.log(seen[word] / whole)) for word, _ in new]
    larger = copy.deepcopy(made)
    larger.backend_tokenizer.model = models.Unigram(pieces, unk_id=kept["unk_id"], byte_fallback=kept["byte_fallback"])
    return larger, [part for _, part in new]


def grow(learner: Any, parts: Sequence[Sequence[int]]) -> None:
    """Give a model the embeddings of new pieces: each begins as the mean of those that it was spelt in."""
    old = learner.get_input_embeddings().weight.detach()
    means = torch.stack([old[list(part)].mean(0) for part in parts])
    learner.resize_token_embeddings(len(old) + len(parts), mean_resizing=False)
    with torch.no_grad():
        learner.get_input_embeddings().weight[len(old) :] = means
