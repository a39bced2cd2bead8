"""A data set of the Hub becomes a file, once; what is no data set is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import BadDataset
from finetune import hub_data
from finetune.hub_data import located
from tests.assistant.weights.fake_hub import FakeHub, Repo

ROWS = b'{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}\n'


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    server.repos["org/name"] = Repo({"train.jsonl": ROWS, "test.jsonl": ROWS[: len(ROWS) // 2]})
    yield server
    server.stop()


def lint(name: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the Hub's client reads its address when it is imported."""
    known = {**os.environ, "HF_HOME": str(home / "hf"), "PARLEY_HOME": str(home / "parley"), **environment}
    words = [sys.executable, "-c", "from ui.cli import main; main()", "data", "lint", name, "--json"]
    return subprocess.run(words, capture_output=True, text=True, env=known, timeout=120, check=False)


def test_a_set_is_fetched_once(hub: FakeHub, tmp_path: Path) -> None:
    online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    for name, rows in (("org/name", 2), ("org/name:test", 1)):
        done = lint(name, tmp_path, **online)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["rows"] == rows
    assert sorted(path.name for path in (tmp_path / "parley" / "datasets").iterdir()) == [
        "org--name--test.parquet",
        "org--name--train.parquet",
    ]
    hub.stop()
    assert json.loads(lint("org/name", tmp_path, **online).stdout)["rows"] == 2


@pytest.mark.parametrize(
    ("name", "offline", "said"),
    [
        ("org/name:nix", "0", "Should be one of ['train', 'test']"),
        ("org/none", "0", "check its path"),
        ("org/name", "1", "HF_HUB_OFFLINE"),
    ],
)
def test_what_cannot_be_had_is_told(hub: FakeHub, tmp_path: Path, name: str, offline: str, said: str) -> None:
    done = lint(name, tmp_path, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE=offline)
    assert done.returncode != 0 and said in " ".join(done.stderr.split()) and "Traceback" not in done.stderr
    assert not list((tmp_path / "parley").glob("datasets/*"))


@pytest.mark.parametrize("name", ["rows.jsonl", "org/rows.csv", "a/b/c", "~", "plain"])
def test_a_path_stays_a_path(name: str) -> None:
    assert located(name) == Path(name).expanduser()


def test_a_public_set_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test.jsonl").write_text("{}")
    monkeypatch.setattr(hub_data, "public_sets", lambda: {"mine": None})
    monkeypatch.setattr(hub_data, "fetch", lambda name: folder)
    assert hub_data.located("mine") == folder / "test.jsonl"
    (folder / "other.jsonl").write_text("{}")
    with pytest.raises(BadDataset, match="mine is 2 files"):
        hub_data.located("mine")
