"""The header reader against the gguf package's own reader and writer."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from assistant.errors import UnknownModel, WeightsCorrupt
from assistant.weights.gguf_files import choose_gguf, gguf_bytes, read_gguf_header, shards
from tests.assistant.embedded import embedded


def write_gguf(path: Path, architecture: str = "llama", head_width: int = 0) -> Path:
    """A tiny GGUF file with every kind of metadata."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_context_length(256)
    writer.add_block_count(2)
    writer.add_head_count(4)
    writer.add_embedding_length(64)
    if head_width:
        writer.add_key_length(head_width)
        writer.add_value_length(head_width)
    writer.add_bool("a.bool", True)
    writer.add_float32("a.float", 0.5)
    writer.add_int64("a.negative", -3)
    writer.add_token_list(["<s>", "é", "word"])
    writer.add_token_scores([0.0, 1.0, 2.0])
    writer.add_chat_template("{{ messages }}")
    writer.add_tensor("one", np.zeros((3, 5), dtype=np.float32))
    writer.add_tensor("two", np.zeros((7,), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_header_agrees_with_the_gguf_package(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    header, reference = read_gguf_header(path), gguf.GGUFReader(path)
    plain = {
        name: field.contents()
        for name, field in reference.fields.items()
        if not name.startswith("GGUF.") and field.types[0] is not gguf.GGUFValueType.ARRAY
    }
    assert header.metadata == plain
    assert header.parameters == sum(int(tensor.n_elements) for tensor in reference.tensors) == 22
    assert header.of_architecture("context_length") == 256


@pytest.mark.parametrize(("head_width", "expected"), [(0, 2 * 2 * 4 * 16 * 2), (32, 2 * 2 * 4 * 32 * 2)])
def test_what_a_token_takes(tmp_path: Path, head_width: int, expected: int) -> None:
    """Keys and values × layers × heads × width × 2 bytes; the width is the embedding's share where none is told."""
    assert read_gguf_header(write_gguf(tmp_path / "tiny.gguf", head_width=head_width)).cache_token_bytes == expected


@pytest.mark.model
@pytest.mark.parametrize("key", ["smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"])
def test_the_catalogue_has_what_a_token_takes_from_the_header(key: str) -> None:
    entry, path = embedded(key)
    assert read_gguf_header(path).cache_token_bytes == entry.cache_token_bytes


@pytest.mark.model
def test_header_of_the_embedded_model() -> None:
    header = read_gguf_header(embedded("smollm2-135m-instruct")[1])
    assert header.architecture == "llama"
    assert header.parameters == 134_515_008
    assert header.of_architecture("context_length") == 8192


@pytest.mark.parametrize("cut", [0, 3, 20, 100, 300])
def test_a_cut_header_is_corrupt(tmp_path: Path, cut: int) -> None:
    path = write_gguf(tmp_path / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(WeightsCorrupt):
        read_gguf_header(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(100), b"GGUF\x03\0\0\0" + b"\xff" * 100])
def test_something_else_is_corrupt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(WeightsCorrupt):
        read_gguf_header(path)


FILES = ["m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-f16-00001-of-00002.gguf", "m-f16-00002-of-00002.gguf", "mmproj-m-f16.gguf"]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("", "m-Q4_K_M.gguf"),
        ("Q8_0", "m-Q8_0.gguf"),
        ("q4_k_m", "m-Q4_K_M.gguf"),
        ("m-Q8_0.gguf", "m-Q8_0.gguf"),
        ("f16", "m-f16-00001-of-00002.gguf"),
    ],
)
def test_choice_among_the_files_of_a_repository(wanted: str, chosen: str) -> None:
    assert choose_gguf("org/m", wanted, FILES) == chosen


def test_a_quantisation_that_is_not_there_is_unknown() -> None:
    with pytest.raises(UnknownModel, match="no such file") as caught:
        choose_gguf("org/m", "Q2_K", FILES)
    assert "m-Q8_0.gguf" in caught.value.hint


def test_shards_belong_together(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(b"12345")
    assert gguf_bytes(tmp_path / "m-f16-00001-of-00002.gguf") == 10
    assert shards("m-Q8_0.gguf") == "m-Q8_0.gguf"
