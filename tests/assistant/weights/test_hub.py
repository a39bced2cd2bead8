"""Pulls from a Hub of our own, through the Hub's real client in its own process."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from assistant import sources
from assistant.catalogue import HubSource, ModelEntry
from assistant.errors import DiskFull, ModelNotAvailable, PullCancelled, WeightsCorrupt
from assistant.sources import Progress
from assistant.weights import hub, hub_cache, shelf
from tests.assistant.weights.fake_hub import COMMIT, FakeHub, Repo
from tests.assistant.weights.wheelhouse import ENTRY, sha256

WEIGHTS = b"GGUF" + bytes(range(256)) * 2000
GGUF = replace(ENTRY, hub=HubSource("org/tiny", files=("tiny.Q4.gguf",)), sha256={"tiny.Q4.gguf": sha256(WEIGHTS)})
FOLDER = replace(ENTRY, key="folder", format="safetensors", hub=HubSource("org/folder"))


@pytest.fixture
def repo(fake_hub: FakeHub) -> Repo:
    """A repository of GGUF files, of which one is wanted."""
    fake_hub.repos["org/tiny"] = Repo({"tiny.Q4.gguf": WEIGHTS, "tiny.Q8.gguf": b"x" * 10_000, "README.md": b"#"})
    return fake_hub.repos["org/tiny"]


def test_pull_takes_the_wanted_file_into_the_hubs_cache_and_remembers_it(
    repo: Repo, models: Path, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    path = sources.pull(GGUF, progress=seen.append)
    assert path.read_bytes() == WEIGHTS
    assert path == tmp_path / "hf/hub/models--org--tiny/snapshots" / COMMIT / "tiny.Q4.gguf"
    assert sources.locate(GGUF) == path
    assert [file.name for file in path.parent.iterdir()] == ["tiny.Q4.gguf"]
    (found,) = sources.installed()
    assert (found.source, found.bytes) == (f"Hugging Face Hub org/tiny@main ({COMMIT[:8]})", len(WEIGHTS))
    assert sorted(file.name for file in models.iterdir()) == [".locks", "tiny"]
    assert [p.stage for p in seen if p.stage != "downloading"] == ["verifying", "done"]


def test_a_file_that_differs_from_the_published_one_is_removed_and_fetched_again(fake_hub: FakeHub, repo: Repo) -> None:
    repo.files["tiny.Q4.gguf"] = b"evil"
    with pytest.raises(WeightsCorrupt) as caught:
        sources.pull(GGUF)
    assert sha256(b"evil") in caught.value.message
    assert GGUF.sha256["tiny.Q4.gguf"] in caught.value.message
    assert sources.locate(GGUF) is None
    assert not list(hub_cache.repo_folder("org/tiny").rglob("*.gguf"))
    repo.files["tiny.Q4.gguf"] = WEIGHTS
    assert sources.pull(GGUF).read_bytes() == WEIGHTS


def test_cancelling_ends_the_download_and_leaves_no_piece_of_it(fake_hub: FakeHub, repo: Repo) -> None:
    fake_hub.slow = {"tiny.Q4.gguf"}
    cancel, errors = threading.Event(), list[Exception]()

    def run() -> None:
        try:
            sources.pull(GGUF, cancel=cancel)
        except PullCancelled as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert fake_hub.half_way.wait(30)
    cancel.set()
    begun = time.monotonic()
    thread.join(10)
    assert time.monotonic() - begun < 2
    assert len(errors) == 1
    assert not list(hub_cache.repo_folder("org/tiny").rglob("*.incomplete"))
    assert sources.locate(GGUF) is None


def test_transformers_files_are_chosen_and_cached_ones_found_by_another_pull(fake_hub: FakeHub, models: Path) -> None:
    wanted = {"config.json": b"{}", "model.safetensors": b"w" * 1000, "tokenizer.json": b"{}"}
    fake_hub.repos["org/folder"] = Repo(
        {**wanted, "pytorch_model.bin": b"p", "onnx/model.onnx": b"o", "tf_model.h5": b"t"}
    )
    path = sources.pull(FOLDER)
    assert {file.name for file in path.iterdir()} == set(wanted)
    shelf.discard(shelf.folder_of(FOLDER))
    assert sources.locate(FOLDER) == path  # as another program would have left it
    assert sources.remove(FOLDER) == sum(map(len, wanted.values())) - 2  # the two {} are one blob
    assert sources.locate(FOLDER) is None
    assert not hub_cache.repo_folder("org/folder").exists()


def test_a_repository_without_usable_weights_is_refused(fake_hub: FakeHub, models: Path) -> None:
    fake_hub.repos["org/folder"] = Repo({"config.json": b"{}", "flax_model.msgpack": b"f"})
    with pytest.raises(ModelNotAvailable, match=r"has no model\.safetensors"):
        sources.pull(FOLDER)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "GatedRepo", "is gated"),
        (401, "RepoNotFound", "or it is private"),
        (500, "", "failed with HTTP 500"),
    ],
)
def test_what_the_hub_answers_is_said_in_our_words(
    fake_hub: FakeHub, models: Path, status: int, code: str, said: str
) -> None:
    fake_hub.repos["org/folder"] = Repo(status=status, code=code)
    with pytest.raises(ModelNotAvailable, match=said):
        sources.pull(FOLDER)
    assert sorted(file.name for file in models.iterdir()) in ([".locks"], [".locks", "folder.partial"])


def test_a_full_disk_is_seen_before_the_download(
    fake_hub: FakeHub, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub.slow = {"tiny.Q4.gguf"}
    monkeypatch.setattr(shelf, "MARGIN_BYTES", 10**18)
    with pytest.raises(DiskFull):
        sources.pull(GGUF)


def test_reachability_is_asked_once(fake_hub: FakeHub) -> None:
    assert hub.hub_reachable()
    assert hub.hub_reachable()
    assert fake_hub.served["HEAD /"] == 1


def test_a_hub_that_says_nothing_is_given_up_after_two_seconds(fake_hub: FakeHub) -> None:
    fake_hub.silent = True
    begun = time.monotonic()
    assert not hub.hub_reachable()
    assert 1.5 < time.monotonic() - begun < 3
    begun = time.monotonic()
    assert not hub.hub_reachable()
    assert time.monotonic() - begun < 0.1


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_means_not_even_asking(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert not hub.hub_reachable()
    assert not fake_hub.served


def test_offline_what_is_cached_is_used(repo: Repo, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sources.pull(GGUF)
    shelf.discard(shelf.folder_of(GGUF))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = fake_hub.served.total()
    assert sources.pull(GGUF) == path
    assert fake_hub.served.total() == asked


def entry_of(repo: str) -> ModelEntry:
    return replace(ENTRY, key=repo, hub=HubSource(repo))


def test_two_models_of_the_same_name_keep_apart(models: Path) -> None:
    assert shelf.folder_of(entry_of("a/b")) != shelf.folder_of(entry_of("c/b"))
    assert shelf.folder_of(entry_of("a/b")).parent == models
