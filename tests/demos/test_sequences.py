"""Translator, captioner and forecaster: their data, their sums, and that they learn."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from demos import captioner, captions, forecaster, images, pairs, phrases, series, tables, translator
from demos.architectures import ARCHITECTURES, BUILT_IN
from demos.errors import BadText, NoData
from demos.exhibits import Heat, Lines, Sheet, Words
from demos.lesson import Config, Lesson, save
from demos.looks import Given, look

CPU = torch.device("cpu")


def learnt(lesson: Lesson, steps: int) -> Lesson:
    for step in range(steps):
        lesson.learn(step)
    for network in lesson.networks.values():
        network.eval()
    return lesson


def loaded(lesson: Lesson, name: str, config: Config, folder: Path) -> Any:
    save(folder, lesson, name, config, {})
    return ARCHITECTURES[name].load(folder)


def noun(english: str) -> tuple[str, ...]:
    return next(each for each in (*phrases.NOUNS, *phrases.PEOPLE) if each[0] == english)


@pytest.mark.parametrize(
    ("wanted", "english", "determiner", "adjective", "plural", "denied"),
    [
        ("the red car, la voiture rouge", "car", "the", "red", False, False),
        ("the red cars, les voitures rouges", "car", "the", "red", True, False),
        ("the tree, l'arbre", "tree", "the", "", False, False),
        ("the old tree, le vieil arbre", "tree", "the", "old", False, False),
        ("the old trees, les vieux arbres", "tree", "the", "old", True, False),
        ("an old house, une vieille maison", "house", "a", "old", False, False),
        ("a beautiful man, un bel homme", "man", "a", "beautiful", False, False),
        ("an apple, une pomme", "apple", "a", "", False, False),
        ("some small letters, de petites lettres", "letter", "a", "small", True, False),
        ("some white letters, des lettres blanches", "letter", "a", "white", True, False),
        ("a hat, de chapeau", "hat", "a", "", False, True),
        ("any trees, d'arbres", "tree", "a", "", True, True),
        ("my church, mon église", "church", "my", "", False, False),
        ("my old church, ma vieille église", "church", "my", "old", False, False),
        ("her dog, son chien", "dog", "her", "", False, False),
        ("his new keys, ses nouvelles clés", "key", "his", "new", True, False),
        ("this bird, cet oiseau", "bird", "this", "", False, False),
        ("these happy women, ces femmes heureuses", "woman", "this", "happy", True, False),
    ],
)
def test_nouns_and_what_stands_with_them_agree(
    wanted: str, english: str, determiner: str, adjective: str, plural: bool, denied: bool
) -> None:
    both = next(each for each in phrases.DETERMINERS if each[0] == determiner)
    made = phrases.named(noun(english), both, adjective, plural, denied=denied)
    assert f"{made.english}, {made.french}" == wanted


@pytest.mark.parametrize(
    ("wanted", "subject", "verb", "tense", "denied"),
    [
        ("i love the car, j'aime la voiture", ("i", "je", 0), "love", "present", False),
        ("i do not love the car, je n'aime pas la voiture", ("i", "je", 0), "love", "present", True),
        ("she looked for the car, elle a cherché la voiture", ("she", "elle", 2), "look for", "past", False),
        ("they did not sell the car, ils n'ont pas vendu la voiture", ("they", "ils", 4), "sell", "past", True),
        ("we will see the car, nous verrons la voiture", ("we", "nous", 3), "see", "future", False),
        ("you will not buy the car, tu n'achèteras pas la voiture", ("you", "tu", 1), "buy", "future", True),
        ("he does not want the car, il ne veut pas la voiture", ("he", "il", 2), "want", "present", True),
    ],
)
def test_verbs_follow_who_and_when(
    wanted: str, subject: tuple[str, str, int], verb: str, tense: str, denied: bool
) -> None:
    forms = next(each for each in phrases.VERBS if each[0] == verb)
    thing = phrases.named(noun("car"), ("the", "the"), "", False, denied=denied)
    assert ", ".join(phrases.clause(phrases.Named(*subject), forms, thing, tense, denied=denied)) == wanted


def test_phrases_are_all_different_and_of_the_seed() -> None:
    found = phrases.pairs(3000)
    assert len({english for english, _ in found}) == 3000
    assert found == phrases.pairs(3000) != phrases.pairs(3000, seed=1)
    assert found[:100] == phrases.pairs(100)
    for english, french in found:
        assert not re.search(r"\b(le|la|je|ne|de|ce|ma|sa) [aeiouéh]", french.replace("ce matin", "")), french
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", english), english
        assert bool(re.search(r"\bn(e |')", french)) == (" not " in english), french


def test_what_is_tested_is_not_trained_on() -> None:
    found = pairs.Pairs.of([*phrases.pairs(600), *phrases.pairs(50)], "phrases")
    assert (len(found.train), len(found.test)) == (540, 60)
    assert not {tuple(read) for read, _ in found.train} & {tuple(read) for read, _ in found.test}


@pytest.mark.parametrize(
    ("text", "words", "back"),
    [
        ("L’homme n'a PAS vu l'arbre.", "l' homme n' a pas vu l' arbre", "l'homme n'a pas vu l'arbre"),
        ("A T-shirt, tall!", "a t-shirt , tall", "a t-shirt, tall"),
        ("Où est-ce ?", "où est-ce ?", "où est-ce ?"),
        ("e\u0301te\u0301", "été", "été"),
        (" ... ", "", ""),
    ],
)
def test_words_are_split_and_joined(text: str, words: str, back: str) -> None:
    assert pairs.split(text) == words.split()
    assert pairs.join(words.split()) == back


def test_every_phrase_comes_back_from_its_words() -> None:
    assert all(pairs.join(pairs.split(text)) == text for pair in phrases.pairs(500) for text in pair)


def test_words_have_numbers() -> None:
    words = pairs.Vocabulary.of([["b", "a"], ["b", "c"]])
    assert words.words == (*pairs.MARKS, "a", "b", "c") and len(words) == 7
    numbers = words.encode([["a", "z", "c"], []])
    assert numbers.tolist() == [[4, pairs.UNKNOWN, 6, pairs.END], [pairs.END, pairs.PAD, pairs.PAD, pairs.PAD]]
    assert words.decode(numbers[0].tolist()) == ["a", "<unknown>", "c"]
    many = pairs.Vocabulary.of([["twice", "twice", *map(str, range(9000))]])
    assert len(many) == pairs.KINDS and "twice" in many.words


def rows(count: int, mark: str = "\t") -> str:
    return "".join(f"word{n}{mark}mot{n}\n" for n in range(count))


@pytest.mark.parametrize("mark", ["\t", ",", ";"])
def test_pairs_of_ones_own(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("\ufeff" + rows(250, mark) + f'he said "no"{mark}il a dit{mark}who said so\n\n', "utf-8")
    found = pairs.load(str(path))
    assert len(found) == 251 and found[0] == ("word0", "mot0") and found[-1][1] == "il a dit"
    assert len(pairs.Pairs.of(found, path.name).train) == 226


@pytest.mark.parametrize(
    ("first", "named"),
    [
        ("english,french", True),
        ("Source text,Target text", True),
        ("en,fr", True),
        ("sentence_1,sentence_2", True),
        ("Deutsch,Español,from where", True),
        ("English,anglais", False),
        ("I read a text,je lis un texte", False),
        ("a,a", False),
        ("one,un", False),
        ("...,…", False),
    ],
)
def test_names_of_columns_are_no_pair(first: str, named: bool, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"{first}\n{rows(250, ',')}", "utf-8")
    found = pairs.load(str(path))
    assert len(found) == 251 - named and (found[0] == ("word0", "mot0")) is named


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "mine.csv is empty"),
        (b"\n \n", "mine.csv is empty"),
        (b",\n" * 400, "mine.csv is empty"),
        (b" , \n" * 400, "mine.csv is empty"),
        (b"only one\n" * 300, "has one column"),
        (rows(20).encode(), "has 20 different pairs"),
        (b"a\tb\n" * 500, "has 1 different pairs"),
        (b"\t\n" * 500, "has 0 different pairs|is empty"),
        ((("word " * 50 + "\tmot\n") * 300).encode(), "has 0 different pairs"),
        (rows(300).encode("utf-16"), "no text in UTF-8"),
        (rows(300).replace("1", "\0").encode(), "zero bytes"),
        ("é\tè\n".encode("latin-1") * 300, "no text in UTF-8"),
        (b'a,"' + b"b," * 200_000, "is no table"),
    ],
)
def test_what_is_no_file_of_pairs(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(BadText, match=said):
        pairs.Pairs.of(pairs.load(str(path)), path.name)


@pytest.mark.parametrize("load", [pairs.load, series.load])
def test_files_that_there_are_not(load: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadText, match="There is no text"):
        load(str(tmp_path / "absent.csv"))
    with pytest.raises(BadText, match="it is no file"):
        load(str(tmp_path))
    path = tmp_path / "huge.csv"
    path.write_text(rows(500))
    monkeypatch.setattr(tables, "MOST_BYTES", 1000)
    with pytest.raises(BadText, match=r"huge.csv is too large"):
        load(str(path))


def translating() -> tuple[translator.TranslatorConfig, translator.TranslatorLesson]:
    config = translator.TranslatorConfig(hidden=16, width=8, batch_size=8)
    torch.manual_seed(0)
    return config, translator.build(config, pairs.Pairs.of(phrases.pairs(400), "phrases"), CPU)


def test_attention_is_the_papers() -> None:
    attention = translator.Attention(6)
    s, h = torch.randn(2, 6), torch.randn(2, 4, 12)
    padding = torch.tensor([[False, False, False, True], [False, False, False, False]])
    weights = attention(s, attention.key(h), padding)
    assert weights.shape == (2, 4) and torch.allclose(weights.sum(1), torch.ones(2)) and weights[0, 3] == 0
    w, b, u, v = attention.state.weight, attention.state.bias, attention.key.weight, attention.score.weight[0]
    e = torch.stack([v @ torch.tanh(w @ s[1] + b + u @ h[1, j]) for j in range(4)])
    assert torch.allclose(weights[1], e.exp() / e.exp().sum(), atol=1e-6)


def test_a_sentence_is_translated_alike_alone_and_among_longer_ones() -> None:
    _, lesson = translating()
    sentences = [["she", "loves", "this", "car"], ["i", "will", "not", "see", "the", "old", "red", "house", "tomorrow"]]
    both, looked = translator.decode(lesson.encoder, lesson.decoder, lesson.read.encode(sentences), most=12)
    assert looked.shape == (2, both.shape[1], 10) and looked[0, :, 5:].abs().max() == 0
    alone, looked_alone = translator.decode(lesson.encoder, lesson.decoder, lesson.read.encode(sentences[:1]), most=12)
    count = alone.shape[1]
    assert torch.equal(both[0, :count], alone[0]) and torch.allclose(looked[0, :count, :5], looked_alone[0], atol=1e-6)


def test_the_right_words_are_scored_as_they_are_made() -> None:
    """What `decode` makes is the likeliest by `scores` after the same words."""
    _, lesson = translating()
    x = lesson.read.encode([["they", "sold", "her", "key"], ["he", "sees", "a", "cat", "now"]])
    made, _ = translator.decode(lesson.encoder, lesson.decoder, x, most=6)
    scores = translator.scores(lesson.encoder, lesson.decoder, x, made)
    assert scores.shape == (2, made.shape[1], len(lesson.made))
    there = made != pairs.PAD
    assert torch.equal(scores.argmax(2)[there], made[there])


def test_a_translator_learns_and_is_kept(tmp_path: Path) -> None:
    config = translator.TranslatorConfig(steps=120, batch_size=24, hidden=64, width=32, learning_rate=1e-2)
    some = [(pairs.split(english), pairs.split(french)) for english, french in phrases.pairs(24)]
    torch.manual_seed(0)
    lesson = translator.build(config, pairs.Pairs("phrases", some, some), CPU)
    learnt(lesson, config.steps)
    model = loaded(lesson, "translator", config, tmp_path)
    assert json.loads((tmp_path / "lab.json").read_text())["test_right"] >= 0.95
    right = [model.translate(pairs.join(read)).made == made for read, made in some]
    assert sum(right) >= 23
    lines = lesson.show().split("\n")
    assert len(lines) == 12 and lines[1].strip() == pairs.join(some[0][1])

    text = f"{pairs.join(some[0][0]).capitalize()} Zanzibar."
    words, heat = look("translator", "translate").show(tmp_path, Given(text=text))
    assert isinstance(words, Words) and isinstance(heat, Heat)
    assert "does not know “zanzibar”" in words.said and words.text
    assert list(heat.columns) == [*some[0][0], "zanzibar", "(end)"]
    assert np.asarray(heat.values).shape == (len(heat.rows), len(heat.columns))
    assert np.allclose(np.asarray(heat.values).sum(1), 1, atol=1e-5)
    assert next(look("translator", "translate").show(tmp_path, Given())).said == f"Of “{model.examples[0]}”."
    for wrong in (" . ", "car " * 41):
        with pytest.raises(BadText, match="The sentence has"):
            model.translate(wrong)


def drawn(high: int, wide: int, value: int, channels: int = 1) -> Tensor:
    image = torch.zeros(channels, 28, 28, dtype=torch.uint8)
    image[:, 2 : 2 + high, 3 : 3 + wide] = value
    return image


@pytest.mark.parametrize(
    ("image", "name", "said"),
    [
        (drawn(14, 20, 100), "ankle boot", "a dark ankle boot, wide"),
        (drawn(14, 20, 150), "ankle boot", "an ankle boot, wide"),
        (drawn(24, 12, 220), "dress", "a light dress, tall and narrow"),
        (drawn(24, 18, 220), "T-shirt", "a light T-shirt, tall"),
        (drawn(20, 20, 150), "bag", "a bag"),
        (drawn(6, 20, 150), "sneaker", "a sneaker, short and wide"),
        (drawn(20, 6, 90), "trousers", "a pair of dark trousers, tall and narrow"),
        (drawn(20, 16, 150), "8", "an eight, tall"),
        (drawn(20, 20, 30), "coat", "a coat"),  # nothing but ground
        (drawn(1, 1, 255, 3), "my_own  thing", "a light my own thing"),
    ],
)
def test_captions_of_made_up_pictures(image: Tensor, name: str, said: str) -> None:
    assert captions.captions(image[None], [name]) == [said]


def test_a_hole_is_within_the_box() -> None:
    image = drawn(20, 20, 200)
    image[:, 4:18, 6:10] = 0
    assert captions.measured(torch.stack([image, drawn(24, 12, 100)])) == [("light", ""), ("dark", "tall and narrow")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hour", "an hour"),
        ("unicorn", "a unicorn"),
        ("umbrella", "an umbrella"),
        ("F", "an F"),
        ("U", "a U"),
        ("18", "an 18"),
        ("12", "a 12"),
        ("cats", "cats"),
        ("glass", "a glass"),
        ("bus", "a bus"),
        ("sun glasses", "a pair of sun glasses"),
        ("0", "a zero"),
    ],
)
def test_articles(name: str, said: str) -> None:
    assert captions.noun_phrase(name) == said


def digits(count: int) -> images.Pictures:
    found = images.digits()
    return images.Pictures("digits", found.images[:count], found.labels[:count], found.classes)


def test_the_loss_is_the_likelihood_of_whole_captions() -> None:
    torch.manual_seed(0)
    eye, speaker = captioner.Eye(1, 4, 8).eval(), captioner.Speaker(9, 8)
    x = torch.randn(2, 1, 28, 28)
    y = torch.tensor([[4, 5, 2], [6, 2, 0]])
    scores = captioner.scores(eye, speaker, x, y)
    assert scores.shape == (2, 3, 9)
    wanted = 0.0
    for row, count in ((0, 3), (1, 2)):
        _, state = speaker.cells(eye(x[row : row + 1])[:, None])
        word = torch.tensor([[pairs.BEGIN]])
        for place in range(count):
            h, state = speaker.cells(speaker.embedding(word), state)
            wanted -= float(speaker.head(h)[0, 0].log_softmax(0)[y[row, place]].detach())
            word = y[row : row + 1, place : place + 1]
    assert captioner.caption_loss(scores, y).item() == pytest.approx(wanted / 2, rel=1e-5)


def test_a_captioner_learns_and_is_kept(tmp_path: Path) -> None:
    config = captioner.CaptionerConfig(data="digits", steps=180, batch_size=24, width=8, hidden=64, learning_rate=3e-3)
    some = digits(24)
    torch.manual_seed(0)
    lesson = captioner.build(config, some, some, CPU)
    learnt(lesson, config.steps)
    model = loaded(lesson, "captioner", config, tmp_path)
    about = json.loads((tmp_path / "lab.json").read_text())
    assert about["test_right"] >= 0.95 and about["classes"] == list("0123456789")
    made = model.say(some.images)
    wanted = captions.captions(some.images, [str(label) for label in some.labels.tolist()])
    assert sum(said == is_so for said, is_so in zip(made, wanted, strict=True)) >= 23
    assert made[:1] == model.say(some.images[:1]) and made == model.say(images.scaled(some.images))
    assert len(lesson.show().split("\n")) == captioner.SHOWN

    sheet, words = look("captioner", "say").show(tmp_path, Given(seed=1))
    assert isinstance(sheet, Sheet) and isinstance(words, Words)
    assert sheet.images.shape == (10, 1, 28, 28) and len(words.text.split("\n")) == 10
    said = [next(look("captioner", "say").show(tmp_path, Given(picture=each))) for each in (some.images[0],) * 2]
    said += [next(look("captioner", "say").show(tmp_path, Given(picture=some.images[0].expand(3, -1, -1))))]
    assert [each.text for each in said if isinstance(each, Words)] == made[:1] * 3


def test_the_loss_is_that_of_torchs_distributions() -> None:
    y, mean, log_var = torch.randn(4, 5), torch.randn(4, 5), torch.randn(4, 5)
    wanted = -Normal(mean, (0.5 * log_var).exp()).log_prob(y).mean()
    assert float(forecaster.nll(y, mean, log_var)) == pytest.approx(float(wanted), rel=1e-5)


def test_the_scaled_error_is_hyndmans() -> None:
    """Known 1 3 2 6 with a season of 2: |2 − 1| and |6 − 3| make a scale of 2; errors of 1, 0 and 5 a mean of 2."""
    numbers = np.array([1.0, 3, 2, 6])
    scale = float(np.abs(numbers[2:] - numbers[:-2]).mean())
    assert scale == 2
    assert series.mase(torch.tensor([3.0, 5, 2]), torch.tensor([4.0, 5, 7]), scale) == pytest.approx(1.0)


def test_naive_forecasts_go_on_with_the_last_season() -> None:
    values = torch.arange(10.0)
    assert forecaster.naive(values, torch.tensor([6, 8]), 3, 5).tolist() == [[3, 4, 5, 3, 4], [5, 6, 7, 5, 6]]
    assert forecaster.naive(values, torch.tensor([6]), 1, 3).tolist() == [[5, 5, 5]]


def test_the_autocorrelation_is_its_sum() -> None:
    x = np.random.default_rng(0).normal(size=50)
    t = np.arange(50.0)
    slope = ((t - t.mean()) * (x - x.mean())).sum() / ((t - t.mean()) ** 2).sum()
    z = x - x.mean() - slope * (t - t.mean())
    wanted = [(z[lag:] * z[: 50 - lag]).sum() / (z**2).sum() for lag in range(11)]
    assert np.allclose(series.autocorrelation(x, 10), wanted, atol=1e-10)


@pytest.mark.parametrize("wanted", [7, 12, 30])
def test_a_season_is_found(wanted: int) -> None:
    t, noise = np.arange(400), np.random.default_rng(1).normal(size=400)
    assert series.season(np.sin(2 * np.pi * t / wanted) + 0.3 * noise + 0.01 * t) == wanted


def test_noise_has_no_season() -> None:
    draw = np.random.default_rng(0)
    assert [series.season(draw.normal(size=800)) for _ in range(5)] == [1] * 5
    assert series.season(np.arange(300.0)) == 1


def test_waves_have_a_week_and_are_of_the_seed() -> None:
    assert np.array_equal(series.waves(500), series.waves(500))
    assert not np.array_equal(series.waves(500), series.waves(500, seed=1))
    found = series.Series.of(series.waves(), "waves")
    assert (found.season, found.end, len(found.values)) == (series.WEEK, 2400, 3000)
    known = found.values[:2400].double()
    assert float(known.mean()) == pytest.approx(0, abs=1e-6) and float(known.std(correction=0)) == pytest.approx(1)
    assert found.scale == pytest.approx(float((known[168:] - known[:-168]).abs().mean()), rel=1e-5)


class AsBefore(nn.Module):
    """Says of the next number that it is that of a season ago, for nearly sure."""

    def __init__(self, log_var: float) -> None:
        super().__init__()
        self.nothing, self.log_var = nn.Parameter(torch.zeros(1)), log_var

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        return x[:, :, 1], torch.full_like(x[:, :, 1], self.log_var), torch.zeros(1, len(x), 1)


def test_draws_go_on_from_the_season_before() -> None:
    values, origins = torch.randn(60), torch.tensor([30, 40])
    futures = forecaster.draw(AsBefore(-60.0), values, origins, season=5, back=12, ahead=13)
    assert futures.shape == (2, forecaster.DRAWS, 13)
    wanted = forecaster.naive(values, origins, 5, 13)
    assert torch.allclose(futures, wanted[:, None].expand_as(futures), atol=1e-5)


def test_what_is_between_low_and_high_is_that_of_the_normal() -> None:
    values, origins = torch.randn(600), torch.arange(100, 140)
    futures = forecaster.draw(AsBefore(0.0), values, origins, season=50, back=20, ahead=3)
    middle, low, high = forecaster.summary(futures)
    assert middle.shape == low.shape == high.shape == (40, 3)
    spread = torch.stack([values[origin - 20 : origin] for origin in origins.tolist()]).std(1)
    wanted = 2 * float(Normal(0.0, 1.0).icdf(torch.tensor(0.9)))
    assert float(((high - low) / spread[:, None]).mean()) == pytest.approx(wanted, rel=0.05)
    again = forecaster.draw(AsBefore(0.0), values, origins, season=50, back=20, ahead=3)
    other = forecaster.draw(AsBefore(0.0), values, origins, season=50, back=20, ahead=3, seed=1)
    assert torch.equal(futures, again) and not torch.equal(futures, other)


def test_a_network_reads_step_by_step_what_it_reads_at_once() -> None:
    network, x = forecaster.Network(8), torch.randn(3, 6, 2)
    mean, log_var, _ = network(x)
    assert mean.shape == log_var.shape == (3, 6)
    state, found = None, []
    for place in range(6):
        one, _, state = network(x[:, place : place + 1], state)
        found.append(one)
    assert torch.allclose(torch.cat(found, 1), mean, atol=1e-6)


def test_a_forecaster_learns_and_is_kept(tmp_path: Path) -> None:
    t = np.arange(400)
    noise = np.random.default_rng(0).normal(size=400)
    numbers = 20 + 5 * np.sin(2 * np.pi * t / 12) + noise
    config = forecaster.ForecasterConfig(steps=150, batch_size=32, hidden=24, back=24, ahead=12, learning_rate=1e-2)
    torch.manual_seed(0)
    lesson = forecaster.build(config, series.Series.of(numbers, "sine"), CPU)
    before = lesson.about()
    learnt(lesson, config.steps)
    model = loaded(lesson, "forecaster", config, tmp_path)
    about = json.loads((tmp_path / "lab.json").read_text())
    assert about["series"]["season"] == 12
    assert about["mase"] < 0.85 < about["mase_season"] < about["mase_last"] and about["mase"] < float(
        str(before["mase"])
    )
    assert 0.6 < about["inside_80"] <= 1
    assert len(lesson.show().split("\n")) == 13
    found = model.forecast()
    assert found == model.forecast() != model.forecast(seed=1)
    assert np.allclose([*found.was, *found.came], numbers[-48:], rtol=1e-4)
    assert found.season_ago == pytest.approx(numbers[-24:-12].tolist(), rel=1e-4)
    assert found.last == pytest.approx([numbers[-13]] * 12, rel=1e-4)
    mean = 20 + 5 * np.sin(2 * np.pi * t[-12:] / 12)
    assert float(np.abs(np.array(found.foretold) - mean).mean()) < 0.8
    assert all(low < middle < high for low, middle, high in zip(found.low, found.foretold, found.high, strict=True))

    (lines,) = look("forecaster", "forecast").show(tmp_path, Given())
    assert isinstance(lines, Lines)
    assert list(lines.lines) == ["was", "came", "foretold", "low", "high", "a season ago"]
    assert lines.lines["was"][-1] == (0.0, found.was[-1]) and lines.lines["came"][0] == (1.0, found.came[0])
    assert "season of 12" in lines.said


def numbered(count: int = 400, begin: str = "") -> str:
    draw = random.Random(0)
    return begin + "".join(f"2024-01-{n % 28 + 1:02},{draw.random():.4f},{n}\n" for n in range(count))


@pytest.mark.parametrize("begin", ["", "day,load,n\n", "day;x;value\n"])
def test_a_series_of_ones_own(begin: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    text = numbered(400, begin)
    path.write_text(text.replace(",", ";") if ";" in begin else text)
    found = series.load(str(path))
    assert len(found) == 400 and (found[399] == 399) == ("value" in begin)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "mine.csv is empty"),
        (",\n" * 400, "mine.csv is empty"),
        (numbered(100), "has 100 rows"),
        ("only,words\n" * 400, "has no column of numbers"),
        (numbered() + "2024-02-01,,7\n" + numbered(), r"Row 401 of mine.csv has no number in column 2"),
        ("a,value\n" + "x,nan\n" * 400, "Row 2 of mine.csv has no number in column 2"),
        ("a,value\n" + "x\n" * 400, "Row 2 of mine.csv has no number in column 2|has no column"),
        ("7.5\n" * 400, "has the same number throughout"),
        ("1\n2\n4\n" * 200, "repeats itself exactly"),
        ("1e300\n-1e300\n3\n" * 200, "too large"),
        ("1\0\n" * 400, "zero bytes"),
        ("\udce9\n" * 400, "no text in UTF-8"),
    ],
)
def test_what_is_no_series(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadText, match=said):
        series.Series.of(series.load(str(path)), path.name)


@pytest.mark.parametrize("more", [{"back": 300}, {"ahead": 100}])
def test_a_series_that_is_too_short_for_what_is_asked(more: dict[str, Any]) -> None:
    config = forecaster.ForecasterConfig(**more)
    with pytest.raises(BadText, match="too short to read"):
        forecaster.build(config, series.Series.of(series.waves(320), "waves"), CPU)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("translator", {"hidden": 0, "width": 0}, "hidden is at least 1; width is at least 1"),
        ("captioner", {"width": 0, "hidden": -1}, "width is at least 1; hidden is at least 1"),
        ("forecaster", {"hidden": 0, "back": 1, "ahead": 0}, "hidden is at least 1; back is at least 2; ahead"),
    ],
)
def test_settings_that_cannot_be(name: str, given: dict[str, Any], said: str) -> None:
    assert said in "; ".join(ARCHITECTURES[name].config_class()(**given).problems())


@pytest.mark.parametrize("name", ["translator", "forecaster"])
def test_a_lesson_is_built_of_the_built_in_data(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = phrases.pairs(300)
    monkeypatch.setattr(phrases, "pairs", lambda: few)
    config = ARCHITECTURES[name].config_class()(batch_size=4)
    assert config.data in BUILT_IN
    lesson = ARCHITECTURES[name].lesson(config, tmp_path)()
    assert math.isfinite(lesson.learn(0)["loss"]) and isinstance(lesson.show(), str)


@pytest.mark.parametrize("name", ["translator", "captioner", "forecaster"])
def test_weights_that_are_broken_are_said(name: str, tmp_path: Path) -> None:
    made: dict[str, Callable[[], tuple[Config, Lesson]]] = {
        "translator": translating,
        "captioner": lambda: (
            (config := captioner.CaptionerConfig(width=4, hidden=8)),
            captioner.build(config, digits(20), digits(20), CPU),
        ),
        "forecaster": lambda: (
            (config := forecaster.ForecasterConfig(hidden=4, back=10, ahead=5)),
            forecaster.build(config, series.Series.of(series.waves(400), "waves"), CPU),
        ),
    }
    with pytest.raises(NoData, match="nothing of the lab"):
        ARCHITECTURES[name].load(tmp_path)
    config, lesson = made[name]()
    save(tmp_path, lesson, name, config, {})
    ARCHITECTURES[name].load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"half")
    with pytest.raises(NoData, match="cannot be used"):
        ARCHITECTURES[name].load(tmp_path)
    for wrong in ("{}", '{"config": {}}', '{"config": 7, "series": [], "read": null}'):
        (tmp_path / "lab.json").write_text(wrong)
        with pytest.raises(NoData, match="cannot be used"):
            ARCHITECTURES[name].load(tmp_path)
