"""The eras read, and say what moved them."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from demos import eras, eras_kept
from demos.eras import Statistics
from demos.eras_lstm import DeepLearning
from demos.errors import BadText, NoData

GOOD, BAD = ("wonderful", "lovely", "great", "charming"), ("awful", "dull", "terrible", "boring")
ROWS = [
    (f"the {thing} was {word} and {more}", label)
    for thing in ("film", "book", "play")
    for words, label in ((GOOD, True), (BAD, False))
    for word in words
    for more in words
]
random.Random(0).shuffle(ROWS)
MAKERS: dict[str, Any] = {
    "rules": eras.Rules,
    "bayes": lambda rows: eras.Statistics(rows, "bayes"),
    "regression": eras.Statistics,
    "lstm": lambda rows: DeepLearning(rows, least=400, width=16, hidden=16),
}


@pytest.mark.parametrize("name", MAKERS)
def test_each_era_reads_and_points(name: str) -> None:
    reader = MAKERS[name](ROWS)
    said = reader.read(["A wonderful, charming story", "a boring and terrible hour", ""])
    assert said.shape == (3,) and said[0] > 0.6 and said[1] < 0.4
    pointed = dict(reader.looked_at("A wonderful but boring film!"))
    assert list(pointed) == ["A", "wonderful", "but", "boring", "film", "!"]
    assert pointed["wonderful"] > 0 > pointed["boring"]
    assert reader.looked_at("") == []


def test_rules_point_at_what_turns_a_word_and_not_at_its_value_alone() -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    def compound(text: str) -> float:
        return SentimentIntensityAnalyzer().polarity_scores(text)["compound"]

    said, text = eras.Rules(), "The plot is not bad"
    pointed = dict(said.looked_at(text))
    assert pointed["not"] == pytest.approx((compound(text) - compound("The plot is  bad")) / 2) and pointed["not"] > 0.2
    assert pointed["bad"] == pytest.approx((compound(text) - compound("The plot is not ")) / 2) and pointed["bad"] > 0
    assert pointed["The"] == pointed["plot"] == pointed["is"] == 0  # the lexicon holds "bad" against it, by itself


def test_what_statistics_point_at_makes_up_their_answer() -> None:
    reader, text = eras.Statistics(ROWS), "A wonderful but boring play"
    log_odds = sum(weight for _, weight in reader.looked_at(text)) + float(reader.arrays()["bias"][0])
    assert float(reader.read([text])[0]) == pytest.approx(1 / (1 + np.exp(-log_odds)))


def test_no_more_words_are_erased_than_are_asked_for() -> None:
    read: list[int] = []

    def reader(texts: Any) -> np.ndarray:
        read.append(len(texts))
        return np.asarray([len(text) for text in texts], float)

    found = eras.erasure(reader, "one three, and more", most=2)
    assert found == [("one", 3), ("three", 5)] and read == [3]
    assert eras.erasure(reader, "") == [] and eras.erasure(reader, "…") == []


def test_a_measure_counts_what_is_right() -> None:
    class Fixed:
        weights = 7

        def read(self, texts: Any) -> np.ndarray:
            return np.asarray([0.9, 0.5, 0.4, 0.1])

        def looked_at(self, text: str) -> list[tuple[str, float]]:
            return []

    rows = [("a", True), ("b", True), ("c", True), ("d", False)]
    found = eras.measure(lambda _: Fixed(), (), rows)
    assert (found.accuracy, found.weights) == (0.75, 7)
    with pytest.raises(BadText, match="nothing to measure"):
        eras.measure(eras.Rules, ROWS, [])


def test_a_curve_leaves_out_what_there_is_too_little_for() -> None:
    curve = eras.learning_curve(eras.Statistics, ROWS, ROWS, sizes=(10, 60, 10_000))
    assert list(curve) == [10, 60] and curve[60] > 0.9


@pytest.mark.parametrize("make", [eras.Statistics, DeepLearning])
def test_one_kind_of_rows_teaches_nothing(make: Any) -> None:
    with pytest.raises(BadText, match="rows of both kinds"):
        make([("fine", True)] * 5)


def test_what_was_learnt_comes_back_from_disk(tmp_path: Path) -> None:
    made = Statistics(ROWS, most=30), DeepLearning(ROWS, most=20, least=20)
    eras_kept.save(tmp_path, *made, {"text": "films"})
    again = eras_kept.statistics(tmp_path), eras_kept.deep_learning(tmp_path)
    texts = [text for text, _ in ROWS] + ["nothing that was seen", ""]
    for one, other in zip(made, again, strict=True):
        assert other.read(texts) == pytest.approx(one.read(texts), abs=5e-3)
        assert [word for word, _ in other.looked_at(texts[0])] == [word for word, _ in one.looked_at(texts[0])]
    assert len(made[0].vocabulary) <= 30 and len(made[1].vocabulary) <= 20


def test_makers_have_what_lies_in_a_folder_until_there_are_rows(tmp_path: Path) -> None:
    eras_kept.save(tmp_path, Statistics(ROWS, most=30), DeepLearning(ROWS, most=20, least=20), {})
    made = eras_kept.makers(tmp_path)
    assert list(made) == ["rules", "statistics", "deep learning"]
    assert made["statistics"]([]).weights <= 31 < made["statistics"](ROWS).weights
    assert made["deep learning"]([]).weights < eras_kept.makers()["deep learning"]([]).weights
    with pytest.raises(NoData):
        eras_kept.makers(tmp_path / "none")["statistics"]([])


def test_a_failure_leaves_no_weights_beside_words_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (Statistics(ROWS, most=30), Statistics(ROWS[:50], most=30))
    network = DeepLearning(ROWS, most=20, least=1)
    eras_kept.save(tmp_path, one, network, {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(tensors: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(eras_kept, "write_tensors", full)
        eras_kept.save(tmp_path, other, network, {})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    replace = Path.replace

    def broken_off(part: Path, place: Path) -> Path:
        if place.name == eras_kept.WORDS:
            raise OSError(5, "Input/output error")
        return replace(part, place)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output"):
        patched.setattr(Path, "replace", broken_off)
        eras_kept.save(tmp_path, other, network, {})
    assert [path.name for path in tmp_path.iterdir()] == [eras_kept.TENSORS]
    with pytest.raises(NoData, match="holds no eras"):
        eras_kept.statistics(tmp_path)


def test_two_that_learn_at_once_learn_the_same_and_others_draw_as_before() -> None:
    def learnt(_: int) -> list[torch.Tensor]:
        made = DeepLearning(ROWS, least=60, width=8, hidden=8)
        return list(made.network.state_dict().values())

    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(learnt, range(3)))
    assert torch.equal(torch.rand(3), wanted)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("load", [eras_kept.statistics, eras_kept.deep_learning])
def test_what_is_damaged_is_said(load: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(NoData, match="holds no eras"):
        load(tmp_path)
    eras_kept.save(tmp_path, Statistics(ROWS), DeepLearning(ROWS, least=1), {})
    (tmp_path / "words.json").write_text('{"statistics": ["a"], "lstm": ["a"]}')
    with pytest.raises(NoData, match="cannot be used"):
        load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(NoData, match="holds no eras"):
        load(tmp_path)
