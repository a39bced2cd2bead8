"""Back-propagation through time that is cut off: the state goes on, the gradient does not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from demos import rnn, texts
from demos.rnn import RnnLesson, Writer
from tests.demos.test_training import CPU, config

LENGTH = 16


def lesson(cell: str) -> RnnLesson:
    torch.manual_seed(0)
    text = texts.Text.of(texts.tales(15), "tales")
    return rnn.build(config("rnn", cell=cell, steps=1000, length=LENGTH), text, CPU)


def piece(made: RnnLesson, step: int) -> Tensor:
    return made._streams[:, step * LENGTH : (step + 1) * LENGTH + 1]


def loss_of(writer: Writer, part: Tensor, state: Any = None) -> Tensor:
    return F.cross_entropy(writer(part[:, :-1], state)[0].flatten(0, 1), part[:, 1:].flatten())


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_state_goes_on_and_the_gradient_does_not(cell: str) -> None:
    made = lesson(cell)
    first = deepcopy(made.writer)
    made.learn(0)
    _, left = first(piece(made, 0)[:, :-1])
    h, c = left if isinstance(left, tuple) else (left, None)
    assert torch.allclose(made.carried.h, h, atol=1e-6)
    assert c is None or torch.allclose(made.carried.c, c, atol=1e-6)

    second = deepcopy(made.writer)
    told = made.learn(1)
    state = h.detach() if c is None else (h.detach(), c.detach())
    cut = loss_of(second, piece(made, 1), state)
    assert told["loss"] == pytest.approx(cut.item(), abs=1e-5)
    assert told["loss"] != pytest.approx(loss_of(second, piece(made, 1)).item(), abs=1e-5)  # of a state that is new
    wanted = torch.autograd.grad(cut, list(second.parameters()))
    shorter = min(1.0, 1.0 / told["gradient"])
    for parameter, gradient in zip(made.writer.parameters(), wanted, strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, shorter * gradient, rtol=1e-3, atol=1e-6)
    whole = loss_of(second, piece(made, 1), left)  # there was something to cut off
    beyond = torch.autograd.grad(whole, list(first.parameters()), allow_unused=True)
    assert max(float(each.abs().max()) for each in beyond if each is not None) > 1e-6


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_each_pass_begins_with_a_new_state(cell: str) -> None:
    made = lesson(cell)
    pieces = (made._streams.shape[1] - 1) // LENGTH
    for step in range(pieces):
        made.learn(step)
    writer = deepcopy(made.writer)
    assert made.learn(pieces)["loss"] == pytest.approx(loss_of(writer, piece(made, 0)).item(), abs=1e-5)
