"""The running mean of what is trained, kept instead of the last weights (Polyak and Juditsky 1992)."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import TrainerCallback


class Averaged(TrainerCallback):
    """Holds the mean of the weights over about 1 / (1 − decay) steps, and puts it into the model in the end."""

    def __init__(self, model: Any, decay: float) -> None:
        self._trained: dict[str, Tensor] = {name: each for name, each in model.named_parameters() if each.requires_grad}
        self._decay = decay
        self._means: dict[str, Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._means = {name: each.detach().clone() for name, each in self._trained.items()}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        decay = min(self._decay, (1 + state.global_step) / (10 + state.global_step))
        for name, each in self._trained.items():
            self._means[name].lerp_(each.detach(), 1 - decay)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        for name, each in self._trained.items():
            each.data.copy_(self._means[name])
