"""A Ray cluster of two nodes on this machine, a core each, and `parley` as a program beside it: for the slow tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[3]
OBJECTS_BYTES = 100 * 2**20
"""Memory of a node for what its workers hand on."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TwoNodes:
    """The first node is the head, which the cluster cannot do without."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._second: Any = None
        self.join()

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return self._cluster.address

    def join(self) -> None:
        """A second node comes."""
        self._second = self._cluster.add_node(num_cpus=1, object_store_memory=OBJECTS_BYTES)
        self._cluster.wait_for_nodes()

    def leave(self) -> None:
        """The second node goes, with all that runs on it: its workers end moments later than itself."""
        (raylet,) = self._raylets(self._second)
        own = psutil.Process(raylet).children(recursive=True)
        self._cluster.remove_node(self._second, allow_graceful=False)
        _, left = psutil.wait_procs(own, timeout=60)
        assert not left

    def listening(self, port: int) -> set[int]:
        """Nodes that have somebody listen on it, by their processes: on one machine they share it (SO_REUSEPORT)."""
        pids = {each.pid for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr[1] == port}
        nodes = self._nodes()
        return {node for node in nodes if pids & {each.pid for each in psutil.Process(node).children()}}

    def workers(self, title: str) -> dict[int, int]:
        """Processes of the cluster with that in their title → the process of their node."""
        found: dict[int, int] = {}
        for each in psutil.process_iter():
            try:
                if title in " ".join(each.cmdline()) and each.ppid() in self._nodes():
                    found[each.pid] = each.ppid()
            except psutil.Error:
                continue
        return found

    def _nodes(self) -> set[int]:
        return {raylet for node in self._cluster.list_all_nodes() for raylet in self._raylets(node)}

    def _raylets(self, node: Any) -> list[int]:
        return [info.process.pid for info in node.all_processes.get("raylet", ())]


@contextmanager
def two_nodes(patch: pytest.MonkeyPatch) -> Generator[TwoNodes]:
    """Such a cluster for the time of the block; the test is skipped where Ray is not installed."""
    ray = pytest.importorskip("ray", reason="the extra scale is not installed")
    from ray.cluster_utils import Cluster

    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": OBJECTS_BYTES})
    try:
        yield TwoNodes(cluster)
    finally:
        ray.shutdown()
        cluster.shutdown()


def parley(*words: str, **environment: str) -> subprocess.Popen[str]:
    """`parley WORDS` in a process of its own, of this checkout and this interpreter."""
    command = [sys.executable, "-c", "from ui.cli import main; main()", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
