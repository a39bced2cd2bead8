"""The four eras on a person's own rows: the lab's three beside the assistant's transformer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assistant.engines.remote import Remote
from assistant.errors import BadDataset, UserError
from assistant.service import Assistant
from assistant.tables import BadRow, columns_of, rows, text_column
from demos.eras import SIZES, WORD, Make, Measured, Reader, Row, Statistics, erasure, learning_curve, measure
from finetune.formats import LABELS
from ui.lab import mapped

FOR = {"1", "positive", "pos", "true", "yes", "good"}
AGAINST = {"0", "negative", "neg", "false", "no", "-1", "bad"}
"""What labels are called. Others, "neutral" among them, are left out."""
NUMBER = re.compile(r"-?\d+(\.\d+)?")
MOST_PAIRS, MOST_KNOWN = 10_000, 8_000
"""Of what is kept: words and pairs of words, and words that the LSTM knows."""


def read_rows(path: Path) -> list[Row]:
    """Texts for and against, in an order that is drawn once. Raises BadDataset where a column or a kind is missing."""
    text = text_column(path, None)
    label = next((name for name in columns_of(path) if name.lower() in LABELS), None)
    if label is None:
        hint = f"It should be called {', '.join(LABELS[:4])} or so, with positive and negative, or 1 and 0."
        raise BadDataset(f"{path.name} has no column of labels.", hint=hint)
    texts = [(row.get(text), _called(row.get(label))) for row in rows(path) if not isinstance(row, BadRow)]
    favour, against = _meaning(path.name, {called for _, called in texts})
    found = [
        (words, called in favour)
        for words, called in texts
        if isinstance(words, str) and words.strip() and called in favour | against
    ]
    if len({favour for _, favour in found}) < 2:
        raise BadDataset(
            f"{path.name} has no rows of both kinds.",
            hint=f"Labels are {', '.join(sorted(FOR))}; {', '.join(sorted(AGAINST))}.",
        )
    order = np.random.default_rng(0).permutation(len(found))
    return [found[place] for place in order]


def _called(label: object) -> str:
    return str(label).strip().lower().removesuffix(".0")


def _meaning(name: str, labels: set[str]) -> tuple[set[str], set[str]]:
    """Labels (for, against): words, 1 and 0, 2 and 0 with a neutral 1, 1 and -1 with a neutral 0, five classes from 0
    to 4 with a neutral 2, or stars up to five. A blank, or a word that means nothing here, has no say in it. Raises
    BadDataset for other numbers: what 1 stands for among them, nobody can tell."""
    labels = {label for label in labels if label in FOR | AGAINST or NUMBER.fullmatch(label)}
    if "2" in labels and labels <= set("012"):
        return {"2"}, {"0"}
    if labels & set("345") and labels <= set("012345"):
        counted = "0" in labels and "5" not in labels
        return ({"3", "4"}, {"0", "1"}) if counted else ({"4", "5"}, {"0", "1", "2"})
    strange = sorted(labels - FOR - AGAINST)
    if strange:
        hint = "Numbers are 1 and 0, 1 and -1, 0 to 2, 0 to 4, or stars from 1 to 5."
        raise BadDataset(f"{name} has the label {strange[0]}, and what its numbers stand for is not clear.", hint=hint)
    return FOR, AGAINST - {"0"} if "-1" in labels else AGAINST


class Transformer:
    """The assistant's own sentiment model: it has read much before, and learns nothing of the rows."""

    def __init__(self, assistant: Assistant, model: str | None = None) -> None:
        self._assistant, self._model = assistant, model

    @property
    def weights(self) -> int:
        entry = self._assistant.task_model("sentiment", self._model)
        return 0 if isinstance(entry, Remote) else entry.parameters

    def read(self, texts: Sequence[str]) -> np.ndarray:
        found = self._assistant.sentiment_columns(
            [text if WORD.search(text) else "…" for text in texts], model=self._model
        )
        return np.asarray([_share(each) for each in found])

    def looked_at(self, text: str) -> list[tuple[str, float]]:
        return erasure(self.read, text)


def _share(columns: Mapping[str, float]) -> float:
    """How sure it is that a text is for something rather than against, what is neutral left aside."""
    favour, against = (float(columns.get(name) or 0.0) for name in ("positive", "negative"))
    return favour / (favour + against) if favour + against else 0.5


def makers(assistant: Assistant, model: str | None = None, kept: Path | None = None) -> dict[str, Make]:
    """Era → what makes its reader of rows; of none those that learn have what was kept in a folder, or what comes with
    Parley."""
    from demos import eras_kept

    own = eras_kept.makers() if kept is None else eras_kept.makers(kept)
    return {**own, "transformer": lambda _: Transformer(assistant, model)}


def keep(path: Path, folder: Path) -> None:
    """Learn from a table and write what statistics and the LSTM have learnt. Raises ParleyError."""
    from demos import eras_kept
    from demos.eras_lstm import DeepLearning

    learnt = read_rows(path)
    with mapped():
        made = Statistics(learnt, most=MOST_PAIRS), DeepLearning(learnt, most=MOST_KNOWN)
    try:
        eras_kept.save(folder, *made, {"rows": len(learnt), "text": path.name})
    except OSError as error:
        said = error.strerror or str(error)
        raise UserError(f"{folder} cannot be written: {said}.", hint="Name another folder.") from error


@dataclass(frozen=True)
class Era:
    """curve: rows learnt from → accuracy, for the two eras that learn of them; all of the rows are the last."""

    name: str
    measured: Measured
    curve: Mapping[int, float]


def compared(made: Mapping[str, Make], train: Sequence[Row], test: Sequence[Row], *, curves: bool) -> Iterator[Era]:
    """Each era, measured. curves: also from the first hundred, thousand and ten thousand rows."""
    for name, make in made.items():
        learns = bool(train) and name in ("statistics", "deep learning")
        yield _era(name, make, train, test, learns=learns, curves=curves)
        if learns and name == "statistics":  # the other way of it, of which nothing is kept
            yield _era("naive Bayes", bayes, train, test, learns=True, curves=curves)


def bayes(rows: Sequence[Row]) -> Statistics:
    """Statistics by naive Bayes."""
    return Statistics(rows, "bayes")


def _era(name: str, make: Make, train: Sequence[Row], test: Sequence[Row], *, learns: bool, curves: bool) -> Era:
    curve = learning_curve(make, train, test, SIZES) if curves and learns else {}
    found = measure(make, train, test)
    if curve:
        curve[len(train)] = found.accuracy
    return Era(name, found if learns else replace(found, learnt_seconds=0.0), curve)


def judged(
    made: Mapping[str, Make], train: Sequence[Row], text: str
) -> Iterator[tuple[str, float, list[tuple[str, float]]]]:
    """Era, how sure it is that the text is for something, and what it looked at. Raises NoData."""
    for name, make in made.items():
        reader: Reader = make(train)
        yield name, float(reader.read([text])[0]), reader.looked_at(text)
