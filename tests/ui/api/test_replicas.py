"""The API by several processes: what Ray Serve is told, and what becomes of requests where a replica is killed, a node
goes, or more is asked than one replica should answer (`make test-slow`)."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest

from assistant.errors import BadSettings
from tests.assistant.scale.clusters import TwoNodes, free_port, parley, two_nodes
from ui.api import replicas
from ui.api.state import Serving
from ui.listening import KEEP_ALIVE_SECONDS

REQUESTS = 400
CLIENTS = 4
REPLICA = "ServeReplica:parley"


def test_so_many_or_by_what_is_asked() -> None:
    serving = Serving(at_once=4, waiting=10)
    fixed = replicas.scaling(serving, 2, 2)
    assert fixed["num_replicas"] == 2 and "autoscaling_config" not in fixed
    assert fixed["max_ongoing_requests"] > 4 + 10  # the replica's own line says who is turned away
    moving = replicas.scaling(serving, 1, 3)["autoscaling_config"]
    assert (moving["min_replicas"], moving["max_replicas"], moving["target_ongoing_requests"]) == (1, 3, 4.0)
    assert fixed["graceful_shutdown_timeout_s"] > serving.deadline_seconds, "every request ends by its own time before"
    for least, most in ((0, 1), (3, 2), (-1, -1)):
        with pytest.raises(BadSettings, match="replicas"):
            replicas.scaling(serving, least, most)


def test_rays_proxies_keep_to_the_servers_times() -> None:
    told = replicas.proxies(Serving(port=8001, deadline_seconds=9))
    assert (told["host"], told["port"], told["keep_alive_timeout_s"]) == ("127.0.0.1", 8001, KEEP_ALIVE_SECONDS)
    assert told["request_timeout_s"] > 9, "the replica itself tells who has waited too long"


class Clients:
    """Ask for embeddings, one after another each, until they are told to end; statuses, 0 for none."""

    def __init__(self, port: int) -> None:
        self.statuses: list[int] = []
        self._port, self._over = port, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for each in self._threads:
            each.start()

    def _ask(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=60) as client:
            while not self._over.is_set():
                try:
                    answer = client.post("/v1/embeddings", json={"input": f"text {len(self.statuses)}"})
                except httpx.HTTPError:
                    self.statuses.append(0)
                    continue
                embedded = answer.status_code == 200 and len(answer.json()["data"][0]["embedding"]) == 384
                self.statuses.append(200 if embedded else answer.status_code)

    def until(self, true: Callable[[], bool], seconds: float = 180) -> None:
        """Go on until that is so."""
        ends = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < ends and all(each.is_alive() for each in self._threads), self.statuses[-20:]
            time.sleep(0.1)

    def more(self, count: int) -> None:
        """Go on until so many more have been answered."""
        wanted = len(self.statuses) + count
        self.until(lambda: len(self.statuses) >= wanted)

    def lost(self) -> list[int]:
        """Statuses of the requests that came to nothing."""
        return [status for status in self.statuses if status != 200]

    def end(self) -> list[int]:
        """The same, when all have had their answers."""
        self._over.set()
        for each in self._threads:
            each.join()
        return self.lost()


def embeds(port: int) -> bool:
    """Whether a text that is sent there comes back as it should."""
    try:
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/embeddings", json={"input": "a text"}, timeout=60)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


@pytest.fixture
def port() -> Iterator[int]:
    pytest.importorskip("ray", reason="the extra scale is not installed")
    port, ending = free_port(), None
    try:
        ending = replicas.start(Serving(port=port), 2, 2)
        yield port
    finally:
        replicas.stop(ending)


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    with two_nodes(monkeypatch) as made:
        yield made


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(600)
def test_a_replica_that_is_killed_loses_its_own_requests_alone(port: int) -> None:
    def there() -> list[psutil.Process]:
        return [each for each in psutil.process_iter() if REPLICA in " ".join(cmdline(each))]

    clients = Clients(port)
    clients.more(REQUESTS // 4)
    mine = there()
    assert len(mine) == 2
    mine[0].kill()
    clients.more(3 * REQUESTS // 4)
    lost = clients.end()
    assert len(clients.statuses) >= REQUESTS and len(lost) <= CLIENTS, lost
    ends = time.monotonic() + 120
    while len(there()) < 2:
        assert time.monotonic() < ends, "nobody took its place"
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
def test_a_node_that_goes_takes_its_own_requests_along_and_one_that_comes_takes_its_place(nodes: TwoNodes) -> None:
    port = free_port()
    replicas.start(Serving(port=port), 2, 2, address=nodes.address)
    try:
        assert len(set(nodes.workers(REPLICA).values())) == 2, "one on each node"
        clients = Clients(port)
        clients.until(lambda: len(nodes.listening(port)) == 2)
        clients.more(REQUESTS // 4)
        nodes.leave()
        assert len(nodes.workers(REPLICA)) == len(nodes.listening(port)) == 1
        clients.more(2 * CLIENTS)  # of each client one answer at least that was asked for after that
        taken = clients.lost()
        clients.more(REQUESTS // 2)
        nodes.join()
        clients.until(lambda: len(set(nodes.workers(REPLICA).values())) == len(nodes.listening(port)) == 2)
        clients.more(REQUESTS // 4)
        # Its processes die one after another, and on one machine its port is the other's too: until the last of them is
        # gone, who asks anew may come to it once more.
        assert clients.end() == taken and len(taken) <= 2 * CLIENTS, clients.lost()
    finally:
        replicas.stop()


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
def test_a_second_replica_comes_where_more_is_asked_than_one_should_answer(nodes: TwoNodes) -> None:
    port = free_port()
    replicas.start(Serving(port=port, at_once=1), 1, 2, address=nodes.address)
    try:
        assert embeds(port) and len(nodes.workers(REPLICA)) == 1
        clients = Clients(port)
        clients.until(lambda: len(set(nodes.workers(REPLICA).values())) == 2)
        clients.until(lambda: len(nodes.listening(port)) == 2)
        clients.more(REQUESTS // 4)
        assert not clients.end()
    finally:
        replicas.stop()


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.parametrize("by", ["--cluster", "RAY_ADDRESS"])
def test_the_command_serves_on_a_cluster_and_leaves_it_as_it_was(nodes: TwoNodes, by: str) -> None:
    port = free_port()
    words = ["serve", "--replicas", "2", "--port", str(port)]
    if by == "--cluster":
        words += ["--cluster", nodes.address]
    environment = {"RAY_ADDRESS": nodes.address} if by == "RAY_ADDRESS" else {}
    program = parley(*words, **environment)
    try:
        ends = time.monotonic() + 180
        while not (embeds(port) and len(nodes.listening(port)) == 2):
            assert program.poll() is None and time.monotonic() < ends, program.communicate()
            time.sleep(0.5)
        assert len(set(nodes.workers(REPLICA).values())) == 2
        other = parley("serve", "--replicas", "1", "--port", str(free_port()), "--cluster", nodes.address)
        assert "served on this cluster already" in other.communicate(timeout=120)[1] and other.returncode == 2
        assert embeds(port)
        program.send_signal(signal.SIGTERM)
        said, errors = program.communicate(timeout=120)
        assert program.returncode == 0 and "by 2 replicas" in said and "Traceback" not in errors, errors
        assert not nodes.workers(REPLICA)
    finally:
        program.kill()


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
