"""Folders, files and repositories that the catalogue does not know."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from assistant import sources
from assistant.catalogue import Catalogue, Family
from assistant.errors import ModelNotAvailable, UnknownModel, WeightsCorrupt
from assistant.weights import shelf
from tests.assistant.weights.conftest import fake_hub, models
from tests.assistant.weights.fake_hub import FakeHub, Repo
from tests.assistant.weights.test_gguf_files import write_gguf

__all__ = ["fake_hub", "models"]

CATALOGUE = Catalogue.load()
QWEN = {"architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 512, "num_hidden_layers": 2}
QWEN |= {"num_attention_heads": 2, "head_dim": 4, "hidden_size": 8}


def safetensors(*shapes: list[int]) -> bytes:
    """A safetensors file of 16-bit zeros."""
    header, offset = dict[str, Any](), 0
    for n, shape in enumerate(shapes):
        size = 2 * shape[0] * shape[1]
        header[f"t{n}"] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    packed = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(packed)) + packed + bytes(offset)


def model_files(config: dict[str, Any] = QWEN, *, chat: bool = True) -> dict[str, bytes]:
    settings = {"chat_template": "{{ messages }}"} if chat else {}
    return {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": safetensors([10, 20], [30, 2]),
        "tokenizer_config.json": json.dumps(settings).encode(),
        "training_args.bin": b"never wanted",
    }


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def test_a_folder_is_read_from_its_config_and_stays_where_it_is(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "mine", model_files())
    entry = CATALOGUE.find(str(path))
    assert (entry.family, entry.tasks, entry.format) == (Family.DECODER, ("chat",), "safetensors")
    assert (entry.parameters, entry.context_length) == (260, 512)
    assert entry.memory_bytes > entry.download_bytes
    assert entry.key == str(path)
    assert sources.locate(entry) == path


def test_a_folder_without_a_chat_template_completes_texts(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "base", model_files(chat=False))
    assert CATALOGUE.find(str(path)).tasks == ("complete",)
    (path / "chat_template.jinja").write_text("{{ messages }}")
    assert CATALOGUE.find(str(path)).tasks == ("chat",)


def test_a_gguf_file_is_read_from_its_header(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "mine.gguf")
    entry = CATALOGUE.find(str(path))
    assert (entry.family, entry.tasks, entry.format) == (Family.DECODER, ("chat",), "gguf")
    assert (entry.title, entry.parameters, entry.context_length) == ("Tiny", 22, 256)
    assert CATALOGUE.find(str(tmp_path)) == entry  # a folder with one file is that file


@pytest.mark.parametrize(("architecture", "family"), [("t5", Family.SEQ2SEQ), ("nomic-bert", Family.ENCODER)])
def test_gguf_files_of_other_families(tmp_path: Path, architecture: str, family: Family) -> None:
    assert CATALOGUE.find(str(write_gguf(tmp_path / "x.gguf", architecture))).family is family


def test_a_relative_path_with_the_persons_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path / "mine", model_files())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert CATALOGUE.find("~/mine").local_path == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    assert CATALOGUE.find("mine").local_path == tmp_path / "mine"


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({}, "config.json"),
        ({"adapter_config.json": b"{}"}, "an adapter"),
        ({"a.gguf": b"", "b.gguf": b""}, "a.gguf, b.gguf"),
        ({"config.json": b"{}"}, "model.safetensors"),
    ],
)
def test_a_folder_without_a_model_is_told_what_it_lacks(tmp_path: Path, files: dict[str, bytes], hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        CATALOGUE.find(str(folder_of(tmp_path / "x", files)))
    assert hint in caught.value.hint


def test_a_file_of_another_kind_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(UnknownModel, match=r"no \.gguf file"):
        CATALOGUE.find(str(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("model.safetensors", b"\xff" * 50),
        ("model.safetensors", safetensors([10, 20])[:40]),
        ("tokenizer_config.json", b"\xff"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = folder_of(tmp_path / "x", model_files() | {name: content})
    with pytest.raises(WeightsCorrupt, match=name):
        CATALOGUE.find(str(path))


def test_a_hub_id_is_looked_up_pulled_and_then_needs_no_hub(
    fake_hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub.repos["org/new"] = Repo(model_files())
    entry = CATALOGUE.find("org/new")
    assert (entry.key, entry.family, entry.tasks, entry.licence) == ("org/new", Family.DECODER, ("chat",), "mit")
    assert entry.context_length == 512
    path = sources.pull(entry)
    assert (path / "model.safetensors").is_file()
    assert not (path / "training_args.bin").exists()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert sources.locate(CATALOGUE.find("org/new")) == path
    assert [model.key for model in sources.installed()] == ["org/new"]


def test_a_gguf_file_of_a_repository(
    fake_hub: FakeHub, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_gguf(tmp_path / "x").read_bytes()
    fake_hub.repos["org/new-gguf"] = Repo({"m-Q8_0.gguf": content, "m-Q4_K_M.gguf": content + b" ", "README.md": b""})
    assert CATALOGUE.find("org/new-gguf").hub == CATALOGUE.find("org/new-gguf:q4_k_m").hub
    entry = CATALOGUE.find("org/new-gguf:Q8_0")
    assert (entry.format, entry.download_bytes) == ("gguf", len(content))
    path = sources.pull(entry)
    assert path.name == "m-Q8_0.gguf"
    assert shelf.folder_of(entry) == models / "org--new-gguf--Q8_0"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    again = CATALOGUE.find("org/new-gguf:Q8_0")
    assert sources.locate(again) == path
    assert (again.tasks, again.context_length) == (("chat",), 256)  # now that the header is here
    with pytest.raises(UnknownModel, match="no such file"):
        monkeypatch.delenv("HF_HUB_OFFLINE")
        CATALOGUE.find("org/new-gguf:Q2_K")


def test_a_repository_that_the_hub_does_not_have(fake_hub: FakeHub) -> None:
    with pytest.raises(ModelNotAvailable, match="The Hub has no org/nothing"):
        CATALOGUE.find("org/nothing")


def test_without_the_hub_an_unknown_id_cannot_be_looked_up(models: Path) -> None:
    with pytest.raises(ModelNotAvailable, match="HF_HUB_OFFLINE is set"):
        CATALOGUE.find("org/nothing")
