"""A job on a Ray cluster of two nodes: by its address, by RAY_ADDRESS, and with a node that goes (`make test-slow`)."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import BadSettings
from assistant.scale import on_ray
from assistant.scale.blocks import Job, run
from tests.assistant.scale.clusters import TwoNodes, parley, two_nodes

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.timeout(900)]
ROWS = 6000
BLOCK_ROWS = 100
WORKER = "_Doer"


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    with two_nodes(monkeypatch) as made:
        yield made


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for part in range(2):
        with (folder / f"part{part}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = ([n, f"Number {n} was {('dull', 'fine', 'a joy')[n % 3]}."] for n in range(part, ROWS, 2))
            csv.writer(file).writerows([["id", "text"], *rows])
    return folder


def ids(folder: Path) -> list[int]:
    """Of every row that came out."""
    found: list[int] = []
    for path in folder.glob("part*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            found += [int(row["id"]) for row in csv.DictReader(file)]
    return sorted(found)


@pytest.mark.parametrize("by", ["HOST:PORT", "RAY_ADDRESS"])
def test_a_job_is_done_by_the_nodes_of_the_address(nodes: TwoNodes, reviews: Path, by: str) -> None:
    output = reviews.parent / "out"
    files = ["--input", str(reviews), "--column", "text", "--output", str(output), "--block-rows", str(BLOCK_ROWS)]
    if by == "HOST:PORT":
        program = parley("sentiment", *files, "--on", nodes.address)
    else:
        program = parley("sentiment", *files, "--on", "ray", RAY_ADDRESS=nodes.address)
    seen: set[int] = set()
    while program.poll() is None:
        seen |= set(nodes.workers(WORKER).values())
        time.sleep(0.2)
    _, errors = program.communicate()
    assert program.returncode == 0, errors
    assert len(seen) == 2, "a worker on either node"
    assert ids(output) == list(range(ROWS)) and (output / "_SUCCESS").exists()


def test_a_node_that_goes_costs_no_row_and_doubles_none(nodes: TwoNodes, reviews: Path) -> None:
    output = reviews.parent / "out"
    gone: list[int] = []

    def leave() -> None:
        """Once both nodes have a worker and some blocks are done."""
        while len(set(nodes.workers(WORKER).values())) < 2 or len(list((output / "_done").rglob("*.json"))) < 5:
            time.sleep(0.1)
        nodes.leave()
        gone.append(len(list((output / "_done").rglob("*.json"))))

    on_ray.connect(nodes.address)
    threading.Thread(target=leave, daemon=True).start()
    job = Job("sentiment_batch", str(reviews), str(output), column="text", block_rows=BLOCK_ROWS)
    last = run(job, on_ray.OnRay())
    assert gone and gone[0] < ROWS / BLOCK_ROWS and last.done == ROWS
    assert ids(output) == list(range(ROWS))


def test_a_cluster_that_is_not_there_is_told() -> None:
    pytest.importorskip("ray", reason="the extra scale is not installed")
    with pytest.raises(BadSettings, match=r"127\.0\.0\.1:1 does not answer"):
        on_ray.connect("127.0.0.1:1")
