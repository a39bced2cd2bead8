"""Make the embedded sentiment model: `python -m finetune.sentiment DATA OPINOSIS OUTPUT`, half an hour on two cores.

DATA is a folder and OPINOSIS a file, laid out as sentiment_data.py says. With the same texts, what the teacher
(teacher.py) once said of them is taken from sentiment_opinions.npz; with others, or `--read`, it reads them for another
hour: what it has read is kept in OUTPUT.states, and a killed run goes on from there. `--full` trains every weight: the
ceiling for the adapter.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assistant import sources
from assistant.catalogue import Catalogue
from assistant.dequantise import dequantised
from assistant.engines.encoder import EncoderEngine
from finetune import teacher
from finetune.calibration import expected_calibration_error, fit_bias, fit_temperature
from finetune.classifier import ClassifierConfig, Row, train_classifier
from finetune.sentiment_data import LABELS, Example, examples, unlabelled

BASE = "all-minilm-l6-v2"
CONFIG = ClassifierConfig(
    labels=LABELS,
    num_train_epochs=4,
    learning_rate=8e-4,
    per_device_train_batch_size=64,
    lora_r=32,
    lora_alpha=64,
    lora_dropout=0.0,
    ema_decay=0.999,
    bf16=True,
    patience=None,
)
"""To the last epoch: films are labelled by the stars of the whole review, so that many validation rows say the wrong
thing, and a loss on them goes up while the model gets better."""
TEACHER = "qwen2.5-coder-1.5b-instruct"
FULL_LEARNING_RATE = 5e-5
PROS_AND_CONS = {"train": 14_000, "validation": 800}
"""How many of them are used: with all of the 37,000 the film sentences drown."""
PLAIN = ("pros and cons", "lexicon")
"""Words and short phrases: taught as they are labelled."""
SHORT_FOR_THE_TEACHER = 3000
"""So many of them it judges."""
LABEL_SAYS = 0.25
"""The label's share in what a whole sentence is taken for; the rest is the teacher's, who errs less often on films,
which are labelled by the stars of the whole review."""
CROSSED = 10_000
"""Texts made of the clauses of two."""
FOLDS = 5
OPINIONS = Path(__file__).with_name("sentiment_opinions.npz")
"""What the teacher said of the texts that the embedded model was made from."""


def chosen(found: Sequence[Example], split: str) -> list[Example]:
    """The examples of a split that training uses."""
    some = [each for each in found if each.split == split]
    many = [each for each in some if each.source == "pros and cons"]
    few = random.Random(0).sample(many, min(len(many), PROS_AND_CONS[split]))  # noqa: S311 - the same few each time
    return [*(each for each in some if each.source != "pros and cons"), *few]


def rows(some: Sequence[Example]) -> list[Row]:
    """Examples as training rows."""
    return [Row(each.text, tuple(float(label == each.label) for label in LABELS)) for each in some]


def measure(engine: EncoderEngine, texts: Sequence[str], labels: Sequence[str], *, binary: bool) -> dict[str, float]:
    """Accuracy, macro-F1 and calibration. binary: positive against negative, as if the model knew no neutral."""
    names = [label for label in LABELS if not (binary and label == "neutral")]
    table = np.array([[each[name] for name in names] for each in engine.classify(texts)])
    table /= table.sum(1, keepdims=True)
    wanted = np.array([names.index(label) for label in labels])
    guessed = table.argmax(1)
    scores: list[float] = []
    for number in range(len(names)):
        hits = float(((guessed == number) & (wanted == number)).sum())
        scores.append(2 * hits / max(1.0, float((guessed == number).sum() + (wanted == number).sum())))
    return {
        "rows": len(texts),
        "accuracy": float((guessed == wanted).mean()),
        "macro_f1": float(np.mean(scores)),
        "calibration_error": expected_calibration_error(table, wanted),
    }


def figures(engine: EncoderEngine, found: Sequence[Example], sst2: Path) -> dict[str, dict[str, float]]:
    """What the model reaches on the products that were held out, and where the file is here, on SST-2's dev set."""
    test = [each for each in found if each.split == "test"]
    felt = [each for each in test if each.label != "neutral"]
    parts = {"held-out products, three classes": (test, False), "held-out products, positive or negative": (felt, True)}
    if sst2.exists():
        lines = [line.rpartition("\t") for line in sst2.read_text("utf-8").splitlines()[1:]]
        dev = [Example(text, ("negative", "positive")[int(label)], "SST-2", "test") for text, _, label in lines]
        parts["SST-2 dev, positive or negative"] = (dev, True)
    return {
        name: measure(engine, [each.text for each in some], [each.label for each in some], binary=binary)
        for name, (some, binary) in parts.items()
    }


def pack(folder: Path) -> None:
    """Halve an adapter's file and name its base as the Hub does, not as this disk."""
    from safetensors.torch import load_file, save_file

    file, settings = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    save_file({name: weights.half() for name, weights in load_file(file).items()}, file, metadata={"format": "pt"})
    hub = Catalogue.load()[BASE].hub
    said = json.loads(settings.read_text("utf-8")) | {"base_model_name_or_path": hub.repo if hub else BASE}
    settings.write_text(json.dumps(said, indent=2) + "\n", "utf-8")
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's is empty


def taught(
    some: Sequence[Example],
    more: Sequence[str],
    states: Path,
    *,
    opinions: Path | None = OPINIONS,
    on_part: Callable[[int], object],
) -> list[Row]:
    """Films' and products' sentences with what the teacher thinks of them; the sentences' beginnings and ends, and
    `more`, which has no labels, with what it thinks of those; the rest as it is labelled.

    The teacher is fitted on whole sentences, five times, each time without a fifth of them: it has not seen the labels
    of what it judges. opinions: what it said when it read just these texts before, or None to have it read them; then
    its opinions are kept beside the states.
    """
    plain = [each for each in some if each.source in PLAIN]
    sentences = [each for each in some if each.source not in PLAIN]
    short = random.Random(0).sample(plain, min(len(plain), SHORT_FOR_THE_TEACHER))  # noqa: S311
    whole: list[teacher.Passage] = []
    of: list[str] = []

    def add(passages: Iterable[teacher.Passage], like: Iterable[str]) -> None:
        whole.extend(passages)
        of.extend(like)

    def add_ends(rank: int) -> None:
        ends = zip(teacher.ends(texts, rank), texts, strict=True)
        some_ends = [(_all_of(end), text) for end, text in ends if end is not None]
        add((end for end, _ in some_ends), (text for _, text in some_ends))

    texts = [each.text for each in sentences]
    add(teacher.passages(texts), texts)
    add((_all_of(each.text) for each in short), (each.text for each in short))
    add_ends(0)
    add(teacher.passages(more), more)
    add_ends(1)
    crossed = teacher.crossed([*texts, *more], CROSSED)
    add(teacher.passages([text for text, _ in crossed]), (like for _, like in crossed))
    read, fold = list[str](), list[int]()
    for passage, sentence in zip(whole, of, strict=True):
        read += [passage.text[:end] for end in passage.ends]
        fold += [zlib.crc32(sentence.encode()) % FOLDS] * len(passage.ends)
    labels = {each.text: row.target for each, row in zip((*sentences, *short), rows((*sentences, *short)), strict=True)}
    said = teacher.remembered(opinions, read) if opinions else None
    if said is None:
        found = teacher.read_all(_reader, whole, states, on_part=on_part)
        fitting = {each.text for each in sentences}
        known, folds = np.array([text in fitting for text in read]), np.array(fold)
        said = np.zeros((len(read), len(LABELS)))
        for number in range(FOLDS):
            fit = known & (folds != number)
            wanted = np.array([labels[text] for text, use in zip(read, fit, strict=True) if use])
            judged = folds == number
            said[judged] = teacher.Probe.fit(found[fit], wanted).read(found[judged])
        teacher.remember(states.with_suffix(".opinions.npz"), read, said)
    result = {text: Row(text, tuple(row)) for text, row in zip(read, said.tolist(), strict=True)}
    for text, target in labels.items():
        both = zip(result[text].target, target, strict=True)
        result[text] = Row(text, tuple((1 - LABEL_SAYS) * said + LABEL_SAYS * label for said, label in both))
    return [*({row.text: row for row in rows(plain)} | result).values()]


def calibrated(logits: np.ndarray, targets: np.ndarray, films: np.ndarray) -> tuple[float, np.ndarray]:
    """Temperature, and each label's bias, from all validation rows but films: if it doubted itself as often as the
    stars of a whole review are wrong about one sentence, it would be right far oftener than it says.

    films: (row,) whether it is one.
    """
    neutral = LABELS.index("neutral")
    felt = ~films & (targets[:, neutral] == 0)
    others = [number for number in range(len(LABELS)) if number != neutral]
    temperature = fit_temperature(logits[felt][:, others], targets[felt][:, others])
    biases = np.zeros(len(LABELS))
    biases[neutral] = fit_bias(logits[~films] / temperature, targets[~films], neutral)
    return temperature, biases


def _all_of(text: str) -> teacher.Passage:
    return teacher.Passage(text, (len(text),))


def _reader() -> teacher.Reader:
    entry = Catalogue.load()[TEACHER]
    return teacher.Reader(dequantised(sources.pull(entry)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("opinosis", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--full", action="store_true", help="train every weight: the ceiling for the adapter")
    parser.add_argument(
        "--read", action="store_true", help="let the teacher read again, instead of what it said before"
    )
    parser.add_argument("--states", type=Path, help="where the teacher's reading is kept; OUTPUT.states unless given")
    given = parser.parse_args()
    base = sources.pull(Catalogue.load()[BASE])
    found = list(examples(given.data))
    begun = time.monotonic()

    def tell(log: dict[str, Any]) -> None:
        sys.stderr.write(f"{time.monotonic() - begun:6.0f} s {json.dumps(log)}\n")

    states = given.states or given.output.with_name(f"{given.output.name}.states")
    more = unlabelled(given.opinosis)
    train = taught(
        chosen(found, "train"),
        more,
        states,
        opinions=None if given.read else OPINIONS,
        on_part=lambda read: tell({"passages read": read}),
    )
    config = replace(CONFIG, full=True, learning_rate=FULL_LEARNING_RATE) if given.full else CONFIG
    validation = chosen(found, "validation")
    films = np.array([each.source == "films" for each in validation])
    trained = train_classifier(
        base,
        train,
        rows(validation),
        given.output,
        config,
        calibrate=lambda logits, targets: calibrated(logits, targets, films),
        on_log=tell,
    )
    sys.stderr.write(f"{trained}\n")
    if not given.full:
        pack(given.output)
    engine = EncoderEngine(given.output) if given.full else EncoderEngine(base, adapter=given.output)
    json.dump(figures(engine, found, given.data / "sst2" / "dev.tsv"), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
