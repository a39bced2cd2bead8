"""What a person chooses for a conversation: who answers, how, and in what part."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

from assistant.engines.protocol import Sampling
from assistant.errors import BadSettings

PROBABILITY_ALTERNATIVES = 3
"""How many candidates are kept for each token while a person looks at the model's confidence."""


@dataclass(frozen=True)
class Preset:
    """A part for the assistant to play: a system prompt, sampling that suits it, and questions to start from."""

    key: str
    title: str
    system_prompt: str
    sampling: Mapping[str, float] = field(default_factory=dict[str, float])
    examples: tuple[str, ...] = ()


@cache
def presets() -> dict[str, Preset]:
    """The presets that come with Parley, the default one first."""
    table = tomllib.loads(files("assistant").joinpath("presets.toml").read_text("utf-8"))
    return {
        key: Preset(
            key,
            entry["title"],
            entry["system_prompt"].strip(),
            entry.get("sampling", {}),
            tuple(entry.get("examples", ())),
        )
        for key, entry in table.items()
    }


@dataclass(frozen=True)
class ChatSettings:
    """Everything that decides how the next message is answered.

    model: None takes the best chat model that is here.
    beside: a second model that answers the same question next to the first.
    sampling: changes to what the model's own card recommends, by the names of `Sampling`'s fields.
    probabilities: keep the probability of each token (costs speed).
    """

    model: str | None = None
    engine: str = "auto"
    beside: str | None = None
    preset: str = "assistant"
    system_prompt: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict[str, Any])
    probabilities: bool = False

    @property
    def instructions(self) -> str:
        """The system prompt in force: the person's own, else the preset's."""
        if self.system_prompt is not None:
            return self.system_prompt
        return presets()[self.preset].system_prompt if self.preset in presets() else ""

    def to_json(self) -> dict[str, Any]:
        """As the store keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ChatSettings:
        """From what the store kept; fields of other versions are passed over."""
        names = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in names})


def sampling_from(*layers: Mapping[str, Any]) -> Sampling:
    """The default sampling, changed by each layer in turn (the model's card, the preset, the person).

    Raises BadSettings, which names every unknown field and every value out of range together.
    """
    known = {f.name: f.type for f in fields(Sampling)}
    problems: list[str] = []
    changes: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if name not in known:
                problems.append(f"there is no setting {name!r}; there are {', '.join(known)}")
            elif name == "seed" and value in (None, ""):
                changes[name] = None
            elif name == "stop":
                changes[name] = tuple(str(word) for word in value if word)
            elif value is None:
                continue
            elif isinstance(value, bool):
                problems.append(f"{name} must be a number, not {value}")
            else:
                try:
                    changes[name] = float(value) if known[name] == "float" else int(value)
                except (TypeError, ValueError, OverflowError):
                    problems.append(f"{name} must be a number, not {value!r}")
    sampling = replace(Sampling(), **changes)
    problems += sampling.problems()
    if problems:
        raise BadSettings(f"These settings cannot be used: {'; '.join(problems)}.")
    return sampling
