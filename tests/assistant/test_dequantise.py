from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import pytest

from assistant import dequantise, paths
from assistant.dequantise import dequantised, forget, identity
from assistant.errors import DiskFull, EngineFailed, ParleyError, WeightsCorrupt


def gguf(folder: Path, content: bytes = b"GGUF" + b"\0" * 100) -> Path:
    path = folder / "tiny.gguf"
    path.write_bytes(content)
    return path


def test_identity_is_of_the_content(tmp_path: Path) -> None:
    first = identity(gguf(tmp_path))
    assert len(first) == 12
    copy = tmp_path / "copy.gguf"
    shutil.copy(tmp_path / "tiny.gguf", copy)
    assert identity(copy) == first
    assert identity(gguf(tmp_path, b"GGUF" + b"\0" * 99 + b"\1")) != first


@pytest.mark.parametrize("content", [b"", b"PK\3\4 something else"])
def test_no_gguf(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WeightsCorrupt):
        dequantised(gguf(tmp_path, content))


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorrupt, match="No such file"):
        dequantised(tmp_path / "gone.gguf")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "no space"), DiskFull),
        (OSError(errno.EIO, "broken disk"), EngineFailed),
        (ValueError("architecture foo is not supported yet"), EngineFailed),
        (NotImplementedError("ggml type 99"), EngineFailed),
        (KeyError("llama.block_count"), EngineFailed),
        (IndexError("out of range"), EngineFailed),
        (MemoryError(), EngineFailed),
    ],
)
def test_every_failure_is_ours_and_leaves_nothing(
    error: Exception, expected: type[ParleyError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(gguf: Path, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise error

    monkeypatch.setattr(dequantise, "_convert", fail)
    with pytest.raises(expected) as failure:
        dequantised(gguf(tmp_path))
    assert failure.value.__cause__ is error
    assert list((paths.home() / "dequantised").iterdir()) == []


def test_made_once_found_again_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def convert(gguf: Path, folder: Path) -> None:
        made.append(folder)
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(dequantise, "_convert", convert)
    file = gguf(tmp_path)
    folder = dequantised(file)
    assert folder == dequantised(file) and len(made) == 1
    assert folder.parent == paths.home() / "dequantised"
    assert [path.name for path in folder.iterdir()] == ["config.json"]
    assert forget(file) == 2
    assert not folder.exists() and forget(file) == 0


def test_what_a_killed_process_left_is_swept_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dequantise, "_convert", lambda gguf, folder: None)
    old, young = tmp_path / ".tiny-old", tmp_path / ".tiny-young"
    old.mkdir()
    young.mkdir()
    past = time.time() - 2 * dequantise.LEFT_OVER_SECONDS
    os.utime(old, (past, past))
    dequantised(gguf(tmp_path), tmp_path)
    assert not old.exists() and young.exists()


@pytest.mark.model
def test_the_full_weights_are_what_transformers_expects(smol_folder: Path) -> None:
    from safetensors import safe_open
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    config = AutoConfig.from_pretrained(smol_folder)
    assert config.model_type == "llama" and not hasattr(config, "quantization_config")
    with safe_open(smol_folder / "model.safetensors", "pt") as weights:
        assert str(weights.get_slice("model.embed_tokens.weight").get_dtype()) == "F16"
    tokenizer = AutoTokenizer.from_pretrained(smol_folder)
    assert tokenizer.chat_template
    ends = GenerationConfig.from_pretrained(smol_folder).eos_token_id
    assert {tokenizer.decode([end]) for end in ends} == {"<|im_end|>", "<|endoftext|>"}


@pytest.mark.model
@pytest.mark.parametrize(
    "text",
    [
        "In 1984 there were 12345 people; 3.14159, 10,000.",
        "I'll don't they've WE'RE it's",
        "  leading and   multiple spaces\n\n\nnew\t\ttabs  ",
        "naïve café 日本語のテキスト 中文字符 Привет مرحبا 🙂👍🏽",
        "def f(x):\n    return x**2 + 3  # comment\n\n\n\tpass",
        "\u00a0nbsp\u2003em  ½ ² ٣٤",
        "<|im_start|>user\nhi<|im_end|>\n",
    ],
)
def test_it_tokenises_as_llama_cpp_does(text: str, smol_folder: Path, llama_cpp: object) -> None:
    from transformers import AutoTokenizer

    ours = AutoTokenizer.from_pretrained(smol_folder)(text, add_special_tokens=False)["input_ids"]
    theirs = llama_cpp.ask("/tokenize", content=text, parse_special=True, add_special=False)  # type: ignore[attr-defined]
    assert ours == theirs["tokens"]
