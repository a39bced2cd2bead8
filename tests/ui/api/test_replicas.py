"""The API by several processes: what Ray Serve is told, and a replica that is killed (`make test-slow`)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from assistant.errors import BadSettings
from ui.api import replicas
from ui.api.state import Serving

REQUESTS = 400
CLIENTS = 4


def test_so_many_or_by_what_is_asked() -> None:
    serving = Serving(at_once=4, waiting=10)
    fixed = replicas.scaling(serving, 2, 2)
    assert fixed["num_replicas"] == 2 and "autoscaling_config" not in fixed
    assert fixed["max_ongoing_requests"] > 4 + 10  # the replica's own line says who is turned away
    moving = replicas.scaling(serving, 1, 3)["autoscaling_config"]
    assert (moving["min_replicas"], moving["max_replicas"], moving["target_ongoing_requests"]) == (1, 3, 4.0)
    for least, most in ((0, 1), (3, 2), (-1, -1)):
        with pytest.raises(BadSettings, match="replicas"):
            replicas.scaling(serving, least, most)


@pytest.fixture
def address() -> Iterator[str]:
    pytest.importorskip("ray", reason="the extra scale is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        replicas.start(Serving(port=port), 2, 2)
        yield f"http://127.0.0.1:{port}"
    finally:
        replicas.stop()


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_a_replica_that_is_killed_loses_its_own_requests_alone(address: str) -> None:
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            for number in range(REQUESTS // CLIENTS):
                try:
                    answer = client.post("/v1/embeddings", json={"input": f"text {number}"})
                except httpx.HTTPError:
                    statuses.append(0)
                    continue
                statuses.append(answer.status_code)
                if answer.status_code == 200:
                    assert len(answer.json()["data"][0]["embedding"]) == 384

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    while len(statuses) < REQUESTS // 4:
        time.sleep(0.05)
    mine = [each for each in psutil.process_iter() if "ServeReplica:parley" in " ".join(cmdline(each))]
    assert len(mine) == 2
    mine[0].kill()
    for each in clients:
        each.join()
    lost = [status for status in statuses if status != 200]
    assert len(statuses) == REQUESTS and len(lost) <= CLIENTS, lost
    ends = time.monotonic() + 120
    while len([each for each in psutil.process_iter() if "ServeReplica:parley" in " ".join(cmdline(each))]) < 2:
        assert time.monotonic() < ends, "nobody took its place"
        time.sleep(0.5)


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
