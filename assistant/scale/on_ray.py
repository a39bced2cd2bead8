"""The blocks of a job on a Ray cluster, by Ray Data: each worker loads its model once and takes a block at a time.

A worker that is lost is replaced, and its block is done again. Parley has to be installed on every machine of the
cluster, with the models that the job takes, and all have to reach the source and the target by the same address.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from assistant.errors import BadSettings, ParleyError, RunError
from assistant.scale.blocks import Block, Done, Job, Worker


def resources(cluster: Mapping[str, float]) -> dict[str, Any]:
    """What a worker takes of a cluster with these resources: a GPU where there are any, else a core."""
    return {"num_cpus": 1, "num_gpus": 1} if cluster.get("GPU", 0) >= 1 else {"num_cpus": 1}


def most_workers(cluster: Mapping[str, float]) -> int:
    """As many as the cluster holds at once."""
    room = {"num_cpus": cluster.get("CPU", 1), "num_gpus": cluster.get("GPU", 0)}
    return max(1, int(min(room[each] // much for each, much in resources(cluster).items())))


def cores_each(nodes: Sequence[float], most: int) -> int:
    """The cores that each of so many workers can have at once. nodes: the cores of each machine."""
    shares = range(int(max(nodes, default=1)), 1, -1)
    return next((share for share in shares if sum(cores // share for cores in nodes) >= most), 1)


def most_beside(node: Mapping[str, float], cores: int, most: int) -> int:
    """As many of so many workers as share a machine with these resources, where each takes that many cores."""
    return max(1, min(most, most_workers(node), int(node.get("CPU", 1) // cores)))


def own_node() -> Mapping[str, float]:
    """The resources of the machine that the worker which asks is on."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    return next((node["Resources"] for node in ray.nodes() if node["NodeID"] == own), {})


def connect(address: str = "") -> None:
    """Join the cluster at `address` or at RAY_ADDRESS, else begin one on this machine.

    Raises BadSettings where Ray is not installed or the cluster does not answer.
    """
    there = address or os.environ.get("RAY_ADDRESS", "")
    if there.startswith("ray://"):
        hint = "Run this on a machine of the cluster, with its head's address as HOST:6379."
        raise BadSettings("Ray's client (ray://) cannot do this.", hint=hint)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        hint = "`PARLEY_EXTRAS=scale make setup` in Parley's folder installs it."
        raise BadSettings("Ray is not installed.", hint=hint) from error
    if ray.is_initialized():
        return
    own: dict[str, Any] = {"address": there} if there else {"address": "local", "include_dashboard": False}
    try:
        ray.init(**own, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        hint = "Check the address; `ray status` on its head node says whether it is up."
        raise BadSettings(f"The cluster {there or 'of this machine'} does not answer: {error}", hint=hint) from error


class _Cutter:
    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        return [asdict(block) for block in self._worker.cut(str(row["file"]))]


class _Doer:
    def __init__(self, job: Job) -> None:
        self._worker = Worker(job)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        block = Block(str(row["file"]), int(row["number"]), int(row["first"]), int(row["rows"]))
        return asdict(self._worker(block))


@dataclass(frozen=True)
class OnRay:
    """On the cluster that `connect` has joined. workers: at the most; 0 as many as it holds."""

    workers: int = 0

    def cut(self, job: Job, files: Sequence[str]) -> Iterable[Block]:
        rows = self._mapped([{"file": name} for name in files], _Cutter, job, flat=True)
        blocks = [Block(row["file"], row["number"], row["first"], row["rows"]) for row in rows]
        return sorted(blocks, key=lambda block: (block.file, block.number))

    def work(self, job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        for row in self._mapped([asdict(block) for block in blocks], _Doer, job):
            yield Done(row["output"], row["rows"], row["rejected"])

    def _mapped(
        self, items: list[dict[str, Any]], does: type, job: Job, *, flat: bool = False
    ) -> Iterator[dict[str, Any]]:
        import ray
        from ray import data

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what went wrong is told here
        context = data.DataContext.get_current()
        context.raise_original_map_exception = True
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        cluster = ray.cluster_resources()
        most = min(self.workers or most_workers(cluster), len(items))
        given = data.from_items(items, override_num_blocks=len(items))
        way = given.flat_map if flat else given.map
        pool = data.ActorPoolStrategy(min_size=1, max_size=most)
        with _own_errors():
            yield from way(does, fn_constructor_args=(job,), compute=pool, **resources(cluster)).iter_rows()


@contextmanager
def _own_errors() -> Generator[None]:
    """What a worker raised, as itself."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError as error:
        cause = error.cause
        if not isinstance(cause, ParleyError):
            raise
        raise cause from None
    except RayError as error:
        hint = "The blocks that are done are kept: the same command goes on from there."
        raise RunError(f"The cluster gave up: {error}", hint=hint) from error
