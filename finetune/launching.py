"""A run on several devices: which launcher starts its processes, and which of them speaks for the run."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from assistant.errors import BadSettings

ACCELERATE = ("-m", "accelerate.commands.launch")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone")
SHARED = ("fsdp1", "fsdp2", "multi_gpu", "single_gpu", "zero1", "zero2", "zero3")
"""Configurations of Accelerate that come with TRL, by their names there."""


def launcher(num_processes: int | None, config: str | None, gpus: int) -> tuple[str, ...]:
    """Words between `python` and the program; () for one process. config: a name of SHARED, or a file.

    `accelerate launch --cpu` starts a single process without a host file: on a CPU it is torchrun. Raises BadSettings.
    """
    if config:
        count = num_processes or gpus
        own = ("--num_processes", str(count)) if count and config in SHARED else ()
        return (*ACCELERATE, "--config_file", str(located(config)), *own)
    if num_processes is None or num_processes <= 1:
        return ()
    if gpus:
        return (*ACCELERATE, "--multi_gpu", "--num_processes", str(num_processes))
    return (*TORCHRUN, "--nproc_per_node", str(num_processes))


def located(config: str) -> Path:
    """The file of a configuration of Accelerate. Raises BadSettings."""
    if config in SHARED:
        spec = find_spec("trl")
        folder = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
        return folder / "accelerate_configs" / f"{config}.yaml"
    path = Path(config).expanduser().resolve()
    if not path.is_file():
        near = difflib.get_close_matches(config, SHARED, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Name a file, or one of {', '.join(SHARED)}."
        raise BadSettings(f"There is no configuration of Accelerate {config!r}.", hint=hint)
    return path


def world(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """(this process's number, processes in all), as launchers tell them."""
    return int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1"))


def agreed(said: str) -> str:
    """What the first process says, in all of them: a request must be heard at the same step everywhere."""
    if world()[1] == 1:
        return said
    import torch.distributed as together

    box: Sequence[str] = [said]
    together.broadcast_object_list(box)  # pyright: ignore[reportArgumentType]
    return box[0]
