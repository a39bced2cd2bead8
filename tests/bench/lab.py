"""What the lab's shipped weights can do: the table in docs/lab.md, which this writes.

PARLEY_BENCH_DATA names the sentiment data (finetune/sentiment_data.py), with sst2/dev.tsv in it; PARLEY_BENCH_MNIST the
folder of MNIST's t10k-images-idx3-ubyte.gz, whose digits are strangers to clothing. PARLEY_BENCH_LAB_SAMPLES is how
many pictures each maker draws (10,000).
"""

from __future__ import annotations

import csv
import os
import random
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from demos import distances, fashion_mnist, images, texts, training
from demos.architectures import ARCHITECTURES, GUIDANCE, architecture
from demos.classifier import features, predict
from demos.diffusion import Diffusion
from demos.eras import SIZES, Row, Statistics, learning_curve
from demos.eras_lstm import DeepLearning
from demos.faceoff import Contestant, compete
from demos.lesson import read_about, save
from demos.looks_pictures import FAINT
from demos.reference import Real, real
from finetune.sentiment_data import examples
from finetune.settings import settings_from
from ui import lab, lab_eras

PAGE = Path(__file__).parents[2] / "docs" / "lab.md"
START, END = "<!-- measured -->\n", "<!-- end of measured -->"
WARM_SECONDS = 15.0
"""In which a pace is measured: of twenty steps it was wrong by ten times on a machine with other work."""
WRITTEN = 1000
"""Characters that the pace of writing is measured with."""
FEW = 1000
"""Pictures for the two samplers beside each other."""


def run() -> dict[str, float]:
    """Every figure by its name; those with a bar name it."""
    samples = int(os.environ.get("PARLEY_BENCH_LAB_SAMPLES", "10000"))
    train, test = (images.load("fashion", split, home=lab.data_folder()) for split in ("train", "test"))
    judge = ARCHITECTURES["classifier"].load(ARCHITECTURES["classifier"].shipped)
    found: dict[str, float] = {}
    right = predict(judge, test.images).argmax(1) == test.labels
    found["classifier: right of 10,000 test pictures (at least 0.91)"] = float(right.float().mean())
    shipped = {name: ARCHITECTURES[name].shipped for name in ("gan", "vae", "diffusion")}
    against = real(judge, train, test, count=samples)
    for each in compete(shipped, judge, against, count=samples):
        found[f"{each.name}: FID of {samples:,}"] = each.fid
        found[f"{each.name}: sharpness"] = each.sharpness
        if each.right is not None and each.name != "real":
            bar = {"gan": "0.85", "diffusion": "0.93"}[each.name]
            found[f"{each.name}: taken for what was asked (at least {bar})"] = each.right
        if each.seconds_a_picture is not None:
            found[f"{each.name}: seconds for 16 pictures"] = 16 * each.seconds_a_picture
        if each.name != "real":
            found[f"{each.name}: FID after one epoch"] = _one_epoch(each.name, judge, train, against, samples)
    found |= _strangers(test)
    found |= _samplers(judge, test)
    found |= _eras()
    found |= _learning_curves()
    for name in ("rnn", "transformer"):
        about = read_about(ARCHITECTURES[name].shipped)
        found[f"{name}: perplexity a character"] = 2 ** float(about["bits_a_character"])
    for name, figure in (("translator", "test_right"), ("captioner", "test_right"), ("forecaster", "mase")):
        found[f"{name}: {figure.replace('_', ' ')}"] = float(read_about(ARCHITECTURES[name].shipped)[figure])
    _write(found)
    return found


def _one_epoch(name: str, judge: Any, train: images.Pictures, against: Real, samples: int) -> float:
    """FID of the same settings after a single pass."""
    chosen = architecture(name)
    given = {key: value for key, value in read_about(chosen.shipped)["config"].items() if key != "steps"}
    config = settings_from(chosen.config_class(), {**given, "steps": len(train) // int(given["batch_size"])})
    return _trained(name, config, judge, train, against, samples).fid


def _trained(name: str, config: Any, judge: Any, train: images.Pictures, against: Real, samples: int) -> Contestant:
    """What weights are worth that are trained just now."""
    make = partial(architecture(name).module().build, config, train, _CPU)
    with tempfile.TemporaryDirectory(prefix="parley-lab-") as folder:
        lesson, _, facts = training.train(make, config, Path(folder))
        save(Path(folder) / "model", lesson, name, config, facts)
        *_, measured = compete({name: Path(folder) / "model"}, judge, against, count=samples)
    return measured


LOSSES: dict[str, dict[str, Any]] = {
    "nonsaturating, R1 with γ = 1": {},
    "nonsaturating, R1 with γ = 10": {"penalty": 10.0},
    "nonsaturating, no penalty": {"penalty": 0.0},
    "wgan-gp, 5 steps of the critic": {"loss": "wgan-gp"},
    "wgan-gp, 1 step of the critic": {"loss": "wgan-gp", "critic_steps": 1},
}


def losses(steps: int = 1500, samples: int = 10_000) -> dict[str, float]:
    """The GAN by each of its losses, all else being as of the shipped weights, after equal steps of G."""
    train, test = (images.load("fashion", split, home=lab.data_folder()) for split in ("train", "test"))
    judge = ARCHITECTURES["classifier"].load(ARCHITECTURES["classifier"].shipped)
    against = real(judge, train, test, count=samples)
    found: dict[str, float] = {}
    for title, more in LOSSES.items():
        config = architecture("gan").config_class()(**{"steps": steps, "width": 32, "latent": 32, **more})
        measured = _trained("gan", config, judge, train, against, samples)
        found[f"{title}: FID of {samples:,}"] = measured.fid
        found[f"{title}: diversity"] = measured.diversity
        found[f"{title}: taken for what was asked"] = measured.right or 0.0
        found[f"{title}: seconds to train"] = measured.seconds_to_train or 0.0
    return found


_CPU = torch.device("cpu")


def _strangers(test: images.Pictures) -> dict[str, float]:
    """How well digits are told from clothing, by what is not given back and by the likelihood."""
    folder = os.environ.get("PARLEY_BENCH_MNIST")
    if folder:
        read = fashion_mnist.read_idx(Path(folder) / "t10k-images-idx3-ubyte.gz")
        digits = torch.from_numpy(read.reshape(-1, 1, images.SIZE, images.SIZE))
    else:
        digits = images.digits("test").images
    vae = ARCHITECTURES["vae"].load(ARCHITECTURES["vae"].shipped)
    clothes, x = images.scaled(test.images), images.scaled(digits)
    own, strange, faint = (vae.strangeness(each) for each in (clothes, x, (x + 1) * FAINT - 1))
    said = f"vae: area under the curve, clothing against {len(digits):,} digits"
    return {
        f"{said}, by what is not given back (at least 0.95)": distances.roc_auc(strange[0], own[0]),
        f"{said}, by the likelihood": distances.roc_auc(strange[1], own[1]),
        f"the same digits at {FAINT:.0%} of their brightness, by what is not given back": distances.roc_auc(
            faint[0], own[0]
        ),
        f"the same digits at {FAINT:.0%} of their brightness, by the likelihood": distances.roc_auc(faint[1], own[1]),
    }


def _samplers(judge: Any, test: images.Pictures) -> dict[str, float]:
    """Twenty steps of DDIM beside 250 of DDPM."""
    model = Diffusion(ARCHITECTURES["diffusion"].shipped)
    real = features(judge, test.images)
    classes = torch.arange(FEW) % len(model.classes)
    found: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for sampler, steps in (("ddim", 20), ("ddpm", 250)):
        begun = time.perf_counter()
        made = torch.cat(
            [
                model.sample(part, seed=place, steps=steps, sampler=sampler, guidance=GUIDANCE)
                for place, part in enumerate(classes.split(100))
            ]
        )
        seconds[sampler] = time.perf_counter() - begun
        found[f"diffusion: KID of {FEW:,}, {sampler} with {steps} steps"] = distances.kernel(
            features(judge, made), real
        )
    found["diffusion: times faster with ddim's 20 (at least 10)"] = seconds["ddpm"] / seconds["ddim"]
    return found


def _eras() -> dict[str, float]:
    """Four eras on SST-2's development set."""
    from assistant.service import Assistant

    folder = Path(os.environ.get("PARLEY_BENCH_DATA", ""))
    if not (folder / "sst2" / "dev.tsv").is_file():
        return {}
    rows = _sst2(folder)
    bars = {"rules": 0.62, "statistics": 0.76, "deep learning": 0.77, "transformer": 0.88}
    found: dict[str, float] = {}
    for era in lab_eras.compared(lab_eras.makers(Assistant()), [], rows, curves=False):
        found[f"{era.name}: right of SST-2 dev (at least {bars[era.name]})"] = era.measured.accuracy
        found[f"{era.name}: texts a second"] = era.measured.texts_a_second
    return found


def _learning_curves() -> dict[str, float]:
    """What a hundred, a thousand and ten thousand rows are worth to the eras that learn from them, on SST-2's
    development set: film sentences, none of which stands there, and beyond all of them sentences on products."""
    folder = Path(os.environ.get("PARLEY_BENCH_DATA", ""))
    if not (folder / "sst2" / "dev.tsv").is_file():
        return {}
    known = [each for each in examples(folder) if each.label != "neutral" and each.source != "lexicon"]
    draw = random.Random(0)
    draw.shuffle(known)
    known.sort(key=lambda each: each.source != "films")  # a stable sort: each part stays in the order that was drawn
    train, dev = [(each.text, each.label == "positive") for each in known[: SIZES[-1]]], _sst2(folder)
    makers = {"naive Bayes": lab_eras.bayes, "statistics": Statistics, "deep learning": DeepLearning}
    return {
        f"{name}, learnt from {size:,} rows: right of SST-2 dev": accuracy
        for name, make in makers.items()
        for size, accuracy in learning_curve(make, train, dev).items()
    }


def _sst2(folder: Path) -> list[Row]:
    with (folder / "sst2" / "dev.tsv").open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return [(text.strip(), label == "1") for text, label in read]


def writers(seconds: float = 150.0, seeds: int = 3) -> dict[str, float]:
    """A transformer and an LSTM of about equal size after equal seconds on the same tales."""
    text = texts.Text.of(texts.tales(), "tales")
    found: dict[str, float] = {}
    for name in ("rnn", "transformer"):
        chosen = architecture(name)
        perplexities: list[float] = []
        learnt: list[float] = []  # characters a second
        written: list[float] = []
        for seed in range(seeds):
            lesson = chosen.module().build(chosen.config_class()(seed=seed), text, _CPU)
            lesson.learn(0)  # the first one takes longer
            begun, done = time.perf_counter(), 0
            while (spent := time.perf_counter() - begun) < WARM_SECONDS:
                done += 1
                lesson.learn(done)
            steps = int(seconds * done / spent)  # the rate of learning falls to the last one
            with tempfile.TemporaryDirectory(prefix="parley-lab-") as folder:
                config = chosen.config_class()(seed=seed, steps=steps)
                make = partial(chosen.module().build, config, text, _CPU)
                lesson, _, facts = training.train(make, config, Path(folder))
                save(Path(folder) / "model", lesson, name, config, facts)
                writer = chosen.load(Path(folder) / "model")
            begun = time.perf_counter()
            characters = sum(1 for _ in writer.write(count=WRITTEN, seed=seed))
            written.append(characters / (time.perf_counter() - begun))
            learnt.append(steps * config.batch_size * config.length / facts["seconds"])
            perplexities.append(2 ** float(lesson.about()["bits_a_character"]))
            found[f"{name}, seed {seed}: seconds"] = facts["seconds"]
        network = next(each for name_, each in lesson.networks.items() if name_ in lesson.kept)
        found[f"{name}: weights"] = sum(each.numel() for each in network.parameters())
        found[f"{name}: perplexity a character, mean of {seeds} seeds"] = statistics.mean(perplexities)
        found[f"{name}: its standard deviation"] = statistics.stdev(perplexities)
        found[f"{name}: characters a second, learning"] = statistics.mean(learnt)
        found[f"{name}: characters a second, writing"] = statistics.mean(written)
    return found


def _write(figures: dict[str, float]) -> None:
    """Put the table into the page."""
    rows = "".join(f"| {name} | {value:,.4g} |\n" for name, value in figures.items())
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{START}\n| | |\n|---|---:|\n{rows}\n{END}{after}", "utf-8")
