"""Sampling settings on the command line and behind `/set`, derived from the fields of `Sampling`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any

import typer

from assistant.engines.protocol import Sampling
from assistant.errors import BadSettings

PANEL = "Sampling (what is left out: as the model's card recommends)"
_TYPES: dict[str, Any] = {"float": float, "int": int, "int | None": int, "tuple[str, ...]": list[str]}

HELP: dict[str, str] = {field.name: field.metadata["help"] for field in fields(Sampling)}
"""Name of each setting → what it does."""


def sampling_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of `Sampling`; it gets those that were used as the mapping `sampling`."""

    @wraps(command)
    def with_options(**given: Any) -> None:
        sampling = {name: given.pop(name) for name in HELP}
        command(**given, sampling={name: value for name, value in sampling.items() if value not in (None, [])})

    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "sampling"]
    options = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                _TYPES[str(field.type)] | None, typer.Option(help=HELP[field.name], rich_help_panel=PANEL)
            ],
        )
        for field in fields(Sampling)
    ]
    vars(with_options)["__signature__"] = signature.replace(parameters=[*own, *options])
    return with_options


def read_setting(words: str) -> tuple[str, Any]:
    """ "temperature 0.3" → its name and value; "default" is the value None. Whether it is in range is not asked here.

    Raises BadSettings.
    """
    name, _, value = words.replace("=", " ", 1).partition(" ")
    name = name.strip().replace("-", "_")
    value = value.strip()
    if name not in HELP:
        raise BadSettings(f"There is no setting {name!r}.", hint=f"There are {', '.join(HELP)}.")
    if not value:
        raise BadSettings(f"Give {name} a value.", hint=f"/set {name} default puts it back.")
    if value == "default":
        return name, None
    if name == "stop":
        return name, [value]
    kind = next(field.type for field in fields(Sampling) if field.name == name)
    try:
        return name, float(value) if kind == "float" else int(value)
    except ValueError as error:
        raise BadSettings(f"{name} must be a number, not {value!r}.") from error
