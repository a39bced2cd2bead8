"""Looks into the two that write: the state, how far a gradient reaches, who looks at whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch

from demos import rnn
from demos.architectures import WEIGHTS
from demos.errors import BadText, NoData
from demos.exhibits import Exhibit, Heat, Lines, Words
from demos.looks import Given
from demos.rnn import Rnn
from demos.texts import Characters, tales
from demos.transformer import Transformer

TOLD = "Mara came to the market on Friday, in the rain. She bought"
"""What is read where nothing is given."""
MOST, UNITS, REACH, ROWS = 60, 32, 60, 32
"""Characters that are shown, and numbers of a state; characters that a gradient is followed back; texts for that."""
WRITTEN, PIECE = 180, 3
"""Characters that are written while its state is shown, and by how many it grows at a time."""
PLAIN = WEIGHTS / "rnn-plain"
"""A network without gates, to compare with."""


def _characters(characters: Characters, text: str) -> str:
    """What is shown of a text. Raises BadText where nothing of it is known."""
    text = (text.strip() or TOLD)[:MOST]
    if not set(text) & set(characters.alphabet[1:]):
        raise BadText("It knows none of these characters.", hint="Give a text like those it has learnt from.")
    return text


def _cut(text: str, shown: str) -> str:
    """A word on what is not shown."""
    left = len(text.strip()) - len(shown)
    return f" The other {left:,} characters of the text are not shown." if left > 0 else ""


def _names(text: str) -> list[str]:
    return [{" ": "␣", "\n": "⏎"}.get(each, each) for each in text]


def rnn_states(model: Rnn, _: Path, given: Given) -> Iterator[Exhibit]:
    text = _characters(model.characters, given.text)
    found = rnn.states(model.writer, model.characters.encode(text))
    some = _liveliest(found)
    yield Heat(
        found[:, some].T.tolist(),
        [""] * len(some),
        _names(text),
        f"A row is one of the {len(some)} numbers of its state that change most, a column a character that it has just "
        f"read. Some change with every letter, some keep what they hold over words.{_cut(given.text, text)}",
    )


def _liveliest(found: torch.Tensor) -> torch.Tensor:
    """Which numbers of a state change most, UNITS of them in their order. found: (time, hidden)."""
    changes = found.diff(dim=0).abs().mean(0) if len(found) > 1 else found[0].abs()
    return changes.topk(min(UNITS, found.shape[1])).indices.sort().values


def rnn_writing(model: Rnn, _: Path, given: Given) -> Iterator[Exhibit]:
    begin = _characters(model.characters, given.text)
    warmth = 0.7 if given.amount is None else given.amount
    draft = begin + "".join(model.write(begin, MOST, temperature=0.0))
    some = _liveliest(rnn.states(model.writer, model.characters.encode(draft)))
    text, columns = "", deque[torch.Tensor](maxlen=MOST)
    for character, state in model.writing(begin, WRITTEN, temperature=warmth, seed=given.seed):
        text += character
        columns.append(state[some])
        done = len(text) == WRITTEN
        if len(text) % PIECE and not done:
            continue
        values = torch.zeros(len(some), MOST)  # as wide from the first character on
        values[:, : len(columns)] = torch.stack(list(columns), 1)
        names = _names(text[-MOST:])
        yield Heat(
            values.tolist(),
            [""] * len(some),
            names + [""] * (MOST - len(names)),
            f"A row is one of {len(some)} numbers of its state, those that change most; a column a character that it "
            f"has just drawn from them, the last {MOST} of {WRITTEN}.",
            growing=not done,
        )
    yield Words(begin + text, "What it began with, and what it wrote.")


def rnn_memory(model: Rnn, folder: Path, _: Given) -> Iterator[Exhibit]:
    lines, said = {model.cell: _memory(model)}, ""
    with suppress(NoData):
        lines.setdefault("rnn", _memory(Rnn(PLAIN)))
        if model.cell != "rnn":
            times = lines[model.cell][-1][1] / lines["rnn"][-1][1]
            said = f" After {REACH - 1} of them {times:.2g} times as much is left as without gates."
    yield Lines(
        {{"lstm": "LSTM", "gru": "GRU", "rnn": "without gates"}[name]: line for name, line in lines.items()},
        "characters back",
        "gradient, as a share of the last character's",
        f"How much of what is learnt at a character reaches the characters before it.{said}",
        log="y",
    )


def _memory(model: Rnn) -> list[tuple[float, float]]:
    text = tales(4 * ROWS, seed=1)
    if len(set(text) & set(model.characters.alphabet)) < 0.8 * len(set(text)):
        raise BadText("This is measured on Parley's tales, whose letters it does not know.", hint="Look at its states.")
    numbers = model.characters.encode(text)
    rows = numbers[: ROWS * (REACH + 2)].view(ROWS, REACH + 2)
    return [
        (float(back), max(share, 1e-8) if share == share else 1e-8)
        for back, share in enumerate(rnn.memory(model.writer, rows, REACH))
    ]


@torch.inference_mode()
def transformer_attention(model: Transformer, _: Path, given: Given) -> Iterator[Exhibit]:
    text = _characters(model.characters, given.text)[: model.gpt.length]
    maps = model.gpt.attention(model.characters.encode(text))
    names = _names(text)
    yield Heat(
        maps.mean((0, 1)).tolist(),
        names,
        names,
        "The mean of all heads: each row is a character, dark where it looks. Nobody looks ahead."
        + _cut(given.text, text),
    )
    for layer, heads in enumerate(maps, 1):
        for head, seen in enumerate(heads, 1):
            yield Heat(seen.tolist(), names, names, f"Layer {layer}, head {head}: {_habit(seen)}")


def _habit(seen: torch.Tensor) -> str:
    """What a head does, in a word. seen: (time, time)."""
    time = len(seen)
    if time < 3:
        return "too short a text to say what it does."
    own = float(seen.diagonal()[1:].mean())
    before = float(seen.diagonal(-1).mean())
    first = float(seen[1:, 0].mean())
    shares = {"looks at the character itself": own, "looks at the one before": before, "looks at the first": first}
    name, share = max(shares.items(), key=lambda pair: pair[1])
    return f"{name} ({share:.0%})." if share > 0.4 else "looks around."
