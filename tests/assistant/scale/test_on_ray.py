"""A job on Ray: what a worker takes, and 100,000 rows of which a worker is killed (`make test-slow`, extra scale)."""

from __future__ import annotations

import csv
import random
import threading
import time
from pathlib import Path

import psutil
import pytest

from assistant.errors import BadDataset
from assistant.scale import on_ray
from assistant.scale.blocks import Job, run

ROWS = 100_000


@pytest.mark.parametrize(
    ("cluster", "takes", "most"),
    [
        ({"CPU": 2.0}, {"num_cpus": 1}, 2),
        ({"CPU": 64.0, "GPU": 4.0}, {"num_cpus": 1, "num_gpus": 1}, 4),
        ({"CPU": 2.0, "GPU": 4.0}, {"num_cpus": 1, "num_gpus": 1}, 2),
        ({"CPU": 8.0, "GPU": 0.0}, {"num_cpus": 1}, 8),
        ({}, {"num_cpus": 1}, 1),
    ],
)
def test_what_a_worker_takes_of_a_cluster(cluster: dict[str, float], takes: dict[str, float], most: int) -> None:
    assert on_ray.resources(cluster) == takes
    assert on_ray.most_workers(cluster) == most


@pytest.mark.parametrize(
    ("nodes", "most", "each"),
    [([2], 1, 2), ([2], 2, 1), ([2], 3, 1), ([8, 8], 2, 8), ([8, 8], 3, 4), ([16, 4], 3, 5), ([], 1, 1), ([0.5], 1, 1)],
)
def test_the_cores_of_each_of_several(nodes: list[float], most: int, each: int) -> None:
    assert on_ray.cores_each(nodes, most) == each


@pytest.mark.parametrize(
    ("node", "cores", "most", "beside"),
    [
        ({"CPU": 8.0}, 4, 2, 2),
        ({"CPU": 8.0}, 8, 2, 1),  # the other is on another machine
        ({"CPU": 16.0}, 5, 3, 3),
        ({"CPU": 64.0, "GPU": 2.0}, 8, 8, 2),
        ({"CPU": 0.5}, 1, 1, 1),
        ({}, 1, 2, 1),
    ],
)
def test_how_many_share_a_machine(node: dict[str, float], cores: int, most: int, beside: int) -> None:
    assert on_ray.most_beside(node, cores, most) == beside


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_mistake_is_told_as_it_is_without_ray(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="the extra scale is not installed")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id,text\n1,fine\n")
    on_ray.connect()
    try:
        with pytest.raises(BadDataset, match="column"):
            run(Job("sentiment_batch", str(tmp_path / "in"), str(tmp_path / "out"), column="review"), on_ray.OnRay())
    finally:
        ray.shutdown()
    assert not list((tmp_path / "out").glob("*.csv"))


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(3600)
def test_a_worker_that_is_killed_costs_no_row_and_doubles_none(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason="the extra scale is not installed")
    words = ["fine", "dull", "bright", "slow", "sad", "happy", "odd", "warm", "cold", "sharp"]
    draw = random.Random(0)
    (tmp_path / "in").mkdir()
    for part in range(4):
        with (tmp_path / "in" / f"part{part}.csv").open("w", newline="") as file:
            rows = ([n, f"{draw.choice(words)} and {draw.choice(words)}"] for n in range(part, ROWS, 4))
            csv.writer(file).writerows([["id", "text"], *rows])
    killed: list[int] = []

    def kill() -> None:
        """The worker that works, once some blocks are done."""
        while len(list((tmp_path / "out" / "_done").rglob("*.json"))) < 3:
            time.sleep(0.2)
        for process in psutil.process_iter(["cmdline"]):
            if "_Doer" in " ".join(process.info["cmdline"] or ()):
                process.kill()
                killed.append(process.pid)
                return

    on_ray.connect()
    try:
        threading.Thread(target=kill, daemon=True).start()
        job = Job("sentiment_batch", str(tmp_path / "in"), str(tmp_path / "out"), column="text")
        last = run(job, on_ray.OnRay())
    finally:
        ray.shutdown()
    assert killed and last.done == ROWS
    found: list[str] = []
    for path in (tmp_path / "out").glob("part*.csv"):
        with path.open(newline="") as file:
            found += [row["id"] for row in csv.DictReader(file)]
    assert sorted(map(int, found)) == list(range(ROWS))
