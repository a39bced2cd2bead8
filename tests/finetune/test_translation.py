"""The recipe of the embedded T5: its vocabulary, its lessons, its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from assistant.engines.fake import FakeEngine
from assistant.engines.protocol import Rewriting
from assistant.engines.seq2seq import Seq2SeqEngine
from assistant.errors import BadSettings
from finetune.seq2seq_training import Row
from finetune.translation import RARE_TIMES, Lessons, figures, keep, model, shares_of
from finetune.translation_data import Measured, Pair
from finetune.vocabulary import EOS, grow, grown, tokenizer

PAIRS = [
    Pair(f"The {noun} is {what}.", f"Le {nom} est {quoi}.", "fr", "tatoeba")
    for noun, nom in (("dog", "chien"), ("cat", "chat"), ("garden", "jardin"), ("book", "livre"))
    for what, quoi in (("big", "grand"), ("small", "petit"), ("old", "vieux"), ("new", "neuf"))
]


@pytest.fixture(scope="module")
def made() -> Any:
    texts = [text for pair in PAIRS for text in (pair.english, pair.other)]
    return tokenizer(texts, ["en", "fr"], 410)


@pytest.mark.parametrize(
    "text", ["The dog is old.", "Fichier n° 2026 : https://a.example/b_c?d=1 {name}", "Привет 🙂 𝄞", 'a"b\\c']
)
def test_every_text_comes_back(made: Any, text: str) -> None:
    tokens = made(text)["input_ids"]
    assert tokens[-1] == EOS
    assert made.decode(tokens, skip_special_tokens=True) == text


def test_a_tag_is_one_token_that_no_text_can_write_by_pieces(made: Any, tmp_path: Path) -> None:
    assert made.convert_ids_to_tokens(made("<fr>The dog")["input_ids"])[0] == "<fr>"
    made.save_pretrained(tmp_path)
    again: Any = AutoTokenizer.from_pretrained(tmp_path)
    assert again("<fr>The dog is 12.")["input_ids"] == made("<fr>The dog is 12.")["input_ids"]


def test_lessons_go_both_ways_and_some_are_joined(made: Any) -> None:
    lessons = Lessons(PAIRS * 8, made)
    rows = lessons(0)
    assert rows == lessons(0) != lessons(1)
    tags = {made.convert_tokens_to_ids(tag): tag for tag in ("<en>", "<fr>")}
    assert {tags[row.source[0]] for row in rows} == {"<en>", "<fr>"}
    assert all(row.source[-1] == row.target[-1] == EOS for row in rows)
    single = Row(made("<fr>The dog is old.")["input_ids"], made("Le chien est vieux.")["input_ids"])
    assert single in rows
    joined = [row for row in rows if made.decode(row.target).count(".") > 1]
    assert joined and len(joined) < len(rows) / 4
    said = made.decode(joined[0].source, skip_special_tokens=True)
    assert said.count(". ") == made.decode(joined[0].target, skip_special_tokens=True).count(". ")


def test_an_epoch_holds_a_share_of_the_documentation(made: Any) -> None:
    documented = [Pair(pair.english, pair.other, pair.language, "python_docs") for pair in PAIRS * 20]
    count = len(Lessons(documented, made)(0))
    assert 0.4 < count / (2 * len(documented)) < 0.6  # each pair makes two rows


def test_a_language_that_is_known_already_may_have_a_share(made: Any) -> None:
    count = len(Lessons(PAIRS * 20, made, {"fr": 0.25})(0))
    assert 0.15 < count / (2 * 20 * len(PAIRS)) < 0.35
    assert shares_of("es,fr:0.25") == {"es": 1, "fr": 0.25}
    for wrong in ("fr:much", "fr:0", "fr:2"):
        with pytest.raises(BadSettings, match="fr"):
            shares_of(wrong)


def test_a_pair_with_a_rare_word_comes_more_often(made: Any) -> None:
    rare = Pair("The dog is happily old.", "Le chien est vieux.", "fr", "tatoeba")
    rows = [row for epoch in range(4) for row in Lessons([*PAIRS * 8, rare], made)(epoch)]
    text = " ".join(made.decode(row.source, skip_special_tokens=True) for row in rows)
    assert text.count("happily") == 4 * RARE_TIMES


def test_the_model_s_own_file_says_how_it_is_asked(made: Any, tmp_path: Path) -> None:
    model(["en", "fr"], len(made)).save_pretrained(tmp_path)
    made.save_pretrained(tmp_path)
    engine = Seq2SeqEngine(tmp_path)
    assert engine.directions.does("en", "fr") and engine.directions.does("fr", "en")
    assert not engine.directions.does("fr", "de")
    asked = Rewriting("translate", "en", "fr", max_tokens=4)
    assert engine.directions.written("Hello", asked) == "<fr>Hello"
    assert len(engine.text2text(["The dog is old."], asked)) == 1


class Shouting(FakeEngine):
    """Translates by capitals."""

    def text2text(self, texts: Sequence[str], asked: Rewriting, *, cancel: Any = None) -> list[str]:
        assert (asked.source, asked.target) == ("en", "fr")
        return [text.upper() for text in texts]


def test_figures_take_the_best_of_several_references() -> None:
    test = Measured(
        ("one two three four five", "six seven eight nine ten"), (("X", "ONE TWO THREE FOUR FIVE"), ("SIX",))
    )
    found = figures(Shouting(), {"en-fr": test})
    assert 0 < found["en-fr BLEU"] < 100
    perfect = Measured(test.sources, tuple((text.upper(), "other") for text in test.sources))
    assert figures(Shouting(), {"en-fr": perfect})["en-fr BLEU"] == 100


def test_what_is_kept_is_half_the_size_and_loads(made: Any, tmp_path: Path) -> None:
    learner = model(["en", "fr"], len(made))
    engine = keep(learner, made, tmp_path / "out")
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {each.dtype for each in weights.values()} == {torch.float16}
    assert sum(each.numel() for each in weights.values()) == sum(each.numel() for each in learner.parameters())
    assert learner.shared.weight.dtype == torch.float32  # it learns on
    assert set(figures(engine, {"en-fr": Measured(("The dog.",), (("Le chien.",),))})) == {"en-fr BLEU", "en-fr chrF"}


def test_words_that_are_spelt_become_pieces_of_their_own(made: Any, tmp_path: Path) -> None:
    texts = ["The zyxwvut is big."] * 4 + ["A qwzkjh."] * 3
    before = made.tokenize("<fr>The zyxwvut is big.")
    larger, parts = grown(made, texts)
    assert larger.tokenize("<fr>The zyxwvut is big.")[:3] == ["<fr>", "▁The", "▁zyxwvut"] != before[:3]
    assert made.tokenize("<fr>The zyxwvut is big.") == before  # the old one is as it was
    assert len(larger) == len(made) + len(parts)
    assert larger.tokenize("qwzkjh") == made.tokenize("qwzkjh")  # three texts are too few
    learner = model(["en", "fr"], len(made))
    old = learner.get_input_embeddings().weight.detach().clone()
    grow(learner, parts)
    weights = learner.get_input_embeddings().weight
    assert torch.equal(weights[: len(old)], old)
    assert torch.allclose(weights[len(old)], old[parts[0]].mean(0))
    assert learner.get_output_embeddings().weight is weights and learner.config.vocab_size == len(larger)
    larger.save_pretrained(tmp_path)
    again: Any = AutoTokenizer.from_pretrained(tmp_path)
    assert again("<fr>The zyxwvut is big.")["input_ids"] == larger("<fr>The zyxwvut is big.")["input_ids"]
