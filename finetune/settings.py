"""What a person says about a training run: YAML, `key=value` on the command line, or the page's fields.

Names that TrainingArguments, TRL and PEFT have mean the same here. What they have besides goes under `trainer`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, get_type_hints

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from assistant.errors import BadSettings
from assistant.first_import import alone

Tuning = Literal["lora", "qlora", "dora", "full", "head"]


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every method has."""

    tunings: ClassVar[tuple[str, ...]] = ("lora", "qlora", "dora", "full")
    """Of finetuning_type, what the method can do."""
    unused: ClassVar[tuple[str, ...]] = ()
    """Of these settings, what the method has no use for."""
    most_tested: ClassVar[int] = 200
    """Rows that are set apart by themselves, at the most: measuring takes time from training."""

    model: str = "smollm2-135m-instruct"
    """A key of the catalogue, a folder, or a Hub id."""
    data: str = ""
    """A file of rows (CSV, TSV, JSON, JSON lines, Parquet), or a data set of the Hub (hub_data.py)."""
    test: str | None = None
    """A file of rows to be measured on; None sets `test_share` of the data apart."""
    test_share: float = 0.05
    max_rows: int | None = None
    """Of the data, that are trained on; None takes all. Others of it are measured on then."""
    finetuning_type: Tuning = "lora"
    """LoRA (arXiv:2106.09685), on 4-bit weights (arXiv:2305.14314), DoRA (arXiv:2402.09353), every weight,
    or (a classifier) its head."""
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_target_modules: list[str] | None = None
    """Linear layers that adapters are put on; None takes the catalogue's, or all."""
    learning_rate: float | None = None
    """None is the method's own, for adapters ten times that of full training."""
    num_train_epochs: float = 3.0
    max_steps: int = -1
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    lr_scheduler_type: str = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    max_length: int = 1024
    """Tokens; a longer row loses its end."""
    gradient_checkpointing: bool = False
    """Computes activations twice to keep fewer: a third slower, much less memory."""
    bf16: bool | None = None
    """None: where the device has it natively."""
    logging_steps: int = 5
    eval_steps: int | None = None
    """None: ten times a run."""
    save_steps: int | None = None
    """None: ten times a run."""
    seed: int = 0
    report_to: list[str] = field(default_factory=list[str])
    """Besides Parley's own plots: "tensorboard", "trackio" (both local, `pip install` first), "wandb" …"""
    num_processes: int | None = None
    """On several devices: one each; None is one, or all GPUs with an `accelerate_config`."""
    accelerate_config: str | None = None
    """Of Accelerate: a file, or multi_gpu, fsdp2, zero3 …, which come with TRL."""
    evaluate: str = ""
    """A suite (`parley eval suites`) on which base and result are measured when it is done."""
    dry_run: bool = False
    """Three steps, to say what the run will take; nothing is kept."""
    trainer: dict[str, Any] = field(default_factory=dict[str, Any])
    """Further fields of TRL's own configuration of the method."""

    def parts(self) -> dict[str, Settings]:
        """Of a method that is several in turn: the settings of each under its name, begun from what is here already."""
        return {}

    def problems(self) -> list[str]:
        """What cannot be, as half sentences."""
        found: list[str] = []
        if not self.data:
            found.append("data names no file")
        if self.finetuning_type not in self.tunings:
            found.append(f"finetuning_type can be {', '.join(self.tunings)} here, not {self.finetuning_type}")
        usual = self.__dataclass_fields__
        for name in self.unused:
            if getattr(self, name) != _default(usual[name]):
                found.append(f"{name} is for nothing here{self.instead(name)}")
        above_zero = ("lora_r", "lora_alpha", "num_train_epochs", "per_device_train_batch_size", "max_length")
        above_zero += ("gradient_accumulation_steps", "logging_steps", "learning_rate", "eval_steps", "save_steps")
        for name in (*above_zero, "max_rows", "num_processes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                found.append(f"{name} must be above 0, not {value}")
        for name in ("test_share", "lora_dropout", "warmup_ratio"):
            if not 0 <= getattr(self, name) < 1:
                found.append(f"{name} must be from 0 to below 1, not {getattr(self, name)}")
        if self.lr_scheduler_type != usual["lr_scheduler_type"].default:
            found += _schedule(self.lr_scheduler_type)
        return found

    def instead(self, unused: str) -> str:
        """What to say in the place of a setting that is unused: the rest of a sentence."""
        return ""

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        return asdict(self)


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


@alone("schedules")
def _schedule(name: str) -> list[str]:
    """What is wrong with a learning rate schedule of that name."""
    from transformers.trainer_utils import SchedulerType  # takes a second: asked for what is not the usual one alone

    known = [each.value for each in SchedulerType]
    return [] if name in known else [f"lr_scheduler_type can be {', '.join(known)}, not {name}"]


class Checked(Protocol):
    """Any dataclass that can say what is wrong with it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def problems(self) -> list[str]: ...


Kind = TypeVar("Kind", bound=Checked)


def settings_from(kind: type[Kind], *layers: Mapping[str, Any]) -> Kind:
    """Settings of a method, each layer over the one before, also within a group such as `trainer`.

    Raises BadSettings with every mistake together.
    """
    made, mistakes = checked(kind, *layers)
    if made is not None and not mistakes:
        return made
    hint = "Mend these."
    if "trainer" in kind.__dataclass_fields__:
        hint += " A field of TRL's own configuration goes under trainer: {…}."
    raise BadSettings(f"These settings cannot be used: {'; '.join(mistakes)}.", hint=hint)


def checked(kind: type[Kind], *layers: Mapping[str, Any]) -> tuple[Kind | None, list[str]]:
    """(the settings, None where they cannot even be read; every mistake in them as a half sentence)."""
    given: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = given.get(name)
            given[name] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
    known = [each.name for each in fields(kind)]
    mistakes: list[str] = []
    for name in [name for name in given if name not in known]:
        near = difflib.get_close_matches(name, known, n=1)
        mistakes.append(f"there is no setting {name!r}{f', did you mean {near[0]}' if near else ''}")
        del given[name]
    try:
        made = TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        return None, mistakes + [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return made, mistakes + made.problems()


def read_yaml(path: Path) -> dict[str, Any]:
    """The settings of a file. Raises BadSettings."""
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadSettings(
            f"{path} cannot be read: {error}.", hint="It should be YAML: one `name: value` a line."
        ) from error
    if not isinstance(found, dict):
        raise BadSettings(f"{path} holds no settings.", hint="It should be YAML: one `name: value` a line.")
    return {str(name): value for name, value in found.items()}


def read_pairs(pairs: Sequence[str], kind: type[Checked] | None = None) -> dict[str, Any]:
    """`key=value` of the command line, values as in YAML; trainer.x=1 is a field of `trainer`.

    kind: of the settings; those of its fields that are texts are taken as they are given. Raises BadSettings.
    """
    texts = {name for name, hint in get_type_hints(kind).items() if hint in (str, str | None)} if kind else set[str]()
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadSettings(f"{pair!r} is no setting.", hint="Write key=value: learning_rate=2e-4.")
        try:
            read = _text(value) if name in texts else _number(_unless_text(value))
        except (yaml.YAMLError, ValueError) as error:  # the latter of 2024-02-30, a day that there is not
            raise BadSettings(f"{pair!r} cannot be read: {error}.") from error
        outer, dot, inner = name.partition(".")
        if not dot:
            found[name] = read
        elif isinstance(group := found.setdefault(outer, {}), dict):
            group[inner] = read
        else:
            raise BadSettings(f"{pair!r} is no setting: {outer} is one value.", hint=f"Give {outer} once.")
    return found


def _unless_text(value: str) -> Any:
    """By YAML, but "translate English to Welsh: " is a text."""
    read = yaml.safe_load(value)
    return value if isinstance(read, dict) and not value.lstrip().startswith("{") else read


def _text(value: str) -> str | None:
    """As it is given: YAML cuts it at " #" and takes 1:30 for 90. It may stand in quotation marks, or be null."""
    plain = value.strip()
    return _unless_text(value) if plain in ("", "~", "null") or plain[0] in "\"'" else value


def _number(value: Any) -> Any:
    """YAML 1.1 takes 2e-4 for a text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
