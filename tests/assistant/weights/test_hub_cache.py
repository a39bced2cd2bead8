"""What a pull takes of a repository, and the Hub's cache as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.catalogue import HubSource
from assistant.weights import hub_cache
from tests.assistant.weights.wheelhouse import ENTRY, sha256

COMMIT = "a" * 40

# File lists as they are on the Hub.
MISTRAL = ["config.json", "consolidated.safetensors", "generation_config.json", "model-00001-of-00002.safetensors"]
MISTRAL += ["model-00002-of-00002.safetensors", "model.safetensors.index.json", "params.json", "tokenizer.model"]
OPUS = ["config.json", "flax_model.msgpack", "pytorch_model.bin", "rust_model.ot", "source.spm", "target.spm"]
OPUS += ["tf_model.h5", "vocab.json", "README.md", ".gitattributes"]
MINILM = ["1_Pooling/config.json", "config.json", "model.safetensors", "pytorch_model.bin", "modules.json", "vocab.txt"]
MINILM += ["onnx/model.onnx", "openvino/openvino_model.xml", "tf_model.h5", "train_script.py", "rust_model.ot"]


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (MISTRAL, {"consolidated.safetensors"}),
        (OPUS, {"flax_model.msgpack", "rust_model.ot", "tf_model.h5", "README.md", ".gitattributes"}),
        (
            MINILM,
            {"pytorch_model.bin", "onnx/model.onnx", "openvino/openvino_model.xml", "tf_model.h5", "train_script.py"}
            | {"rust_model.ot"},
        ),
    ],
    ids=["mistral", "opus", "minilm"],
)
def test_only_what_transformers_needs_is_chosen(names: list[str], left: set[str]) -> None:
    assert set(names) - set(hub_cache.chosen_files(names)) == left


def test_patterns_choose_exactly(models: Path) -> None:
    names = ["a.Q4.gguf", "a.Q8.gguf", "config.json"]
    assert hub_cache.chosen_files(names, ["a.Q4.gguf"]) == ["a.Q4.gguf"]
    assert hub_cache.missing_files(["a.Q4.gguf"], ["a.Q4.gguf", "b.gguf"]) == ["b.gguf"]


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HF_HUB_CACHE": "/c"}, "/c"),
        ({"HUGGINGFACE_HUB_CACHE": "/old"}, "/old"),
        ({"HF_HOME": "/h"}, "/h/hub"),
        ({"XDG_CACHE_HOME": "/x", "HF_HOME": ""}, "/x/huggingface/hub"),
    ],
)
def test_cache_is_where_the_client_has_it(
    models: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(hub_cache.hub_cache()) == folder


def put(repo: str, files: dict[str, bytes], commit: str = COMMIT) -> Path:
    """Lay files into the cache as the client does: blobs, and links to them."""
    root = hub_cache.repo_folder(repo)
    folder = root / "snapshots" / commit
    for name, content in files.items():
        blob = root / "blobs" / sha256(content)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    return folder


def test_a_missing_shard_makes_it_not_here(models: Path) -> None:
    entry = replace(ENTRY, format="safetensors", hub=HubSource("org/big"))
    shards = {f"model-0000{n}-of-00003.safetensors": bytes([n]) for n in (1, 2, 3)}
    folder = put("org/big", {"config.json": b"{}", **shards})
    assert hub_cache.cached(entry) is not None
    (folder / "model-00002-of-00003.safetensors").unlink()
    assert hub_cache.cached(entry) is None


def test_a_dangling_link_makes_it_not_here(models: Path) -> None:
    entry = replace(ENTRY, hub=HubSource("org/tiny", files=("tiny.gguf",)))
    folder = put("org/tiny", {"tiny.gguf": b"GGUF"})
    found = hub_cache.cached(entry)
    assert found is not None
    assert found.path == folder / "tiny.gguf"
    (folder / "tiny.gguf").resolve().unlink()
    assert hub_cache.cached(entry) is None


def test_other_contents_than_the_published_are_not_it(models: Path) -> None:
    put("org/tiny", {"tiny.gguf": b"GGUF", "config.json": b"{}"})
    source = HubSource("org/tiny", files=("tiny.gguf",))
    right = replace(ENTRY, hub=source, sha256={"tiny.gguf": sha256(b"GGUF")})
    assert hub_cache.cached(right) is not None
    assert hub_cache.cached(replace(right, sha256={"tiny.gguf": sha256(b"evil")})) is None


def test_removing_spares_what_another_revision_uses(models: Path) -> None:
    old = put("org/m", {"config.json": b"{}", "model.safetensors": b"shared"}, "b" * 40)
    new = put("org/m", {"config.json": b"{ }", "model.safetensors": b"shared"})
    assert hub_cache.discard_files(new, ["config.json", "model.safetensors"]) == 3
    assert not new.exists()
    assert (old / "model.safetensors").read_bytes() == b"shared"
    assert hub_cache.discard_files(old, ["config.json", "model.safetensors"]) == 2 + 6
    assert not hub_cache.repo_folder("org/m").exists()
