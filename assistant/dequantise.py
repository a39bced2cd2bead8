"""A GGUF's weights written out in full once, as a safetensors folder that transformers, PEFT and TRL load.

llama.cpp runs a GGUF as it is. Scoring, adapters, training and GPUs go through transformers, which needs whole numbers:
they are kept in float16, which changes log-probabilities by less than a tenth of what 4-bit quantisation already did.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from assistant import paths
from assistant.errors import DiskFull, EngineFailed, WeightsCorrupt
from assistant.hardware import GB

DIGITS_APART = ("smollm", "starcoder", "refact", "command-r")
"""llama.cpp's names of the pre-tokenisers that are GPT-2's with each digit apart. transformers takes them for plain
GPT-2, which differs where the vocabulary joins digits or numerals outside ASCII."""

END_OF_TURN = frozenset({"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|end|>"})
"""A GGUF names one end token. llama.cpp ends a reply at these control tokens as well, and so must transformers."""

EDGE_BYTES = 2**20
LEFT_OVER_SECONDS = 6 * 3600
_one_at_a_time = threading.Lock()


def dequantised(gguf: Path, folder: Path | None = None) -> Path:
    """The folder with the full weights, configuration and tokeniser of `gguf`; made at the first call (15 seconds for
    135M parameters, a minute for 1.5B), found again afterwards.

    folder: where such folders are kept; in Parley's home unless given.

    Raises WeightsCorrupt where the file is no GGUF, EngineFailed where transformers does not know its architecture or
    memory runs out, DiskFull.
    """
    folder = folder or paths.home() / "dequantised"
    target = folder / f"{gguf.stem}-{identity(gguf)}"
    with _one_at_a_time:
        if not target.exists():
            _write(gguf, target)
    return target


def forget(gguf: Path, folder: Path | None = None) -> int:
    """Delete the full weights of `gguf`; bytes freed."""
    folder = folder or paths.home() / "dequantised"
    return delete(folder / f"{gguf.stem}-{identity(gguf)}")


def delete(target: Path) -> int:
    """Delete a folder of converted weights, where there is one; bytes freed."""
    freed = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    shutil.rmtree(target, ignore_errors=True)
    return freed


def identity(gguf: Path, magic: bytes = b"GGUF") -> str:
    """12 hex digits that tell this file from another of its name: sha256 of its size, beginning and end.

    Raises WeightsCorrupt where it is missing or does not begin with `magic`.
    """
    try:
        with gguf.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            first = file.read(EDGE_BYTES)
            file.seek(max(0, size - EDGE_BYTES))
            last = file.read()
    except OSError as error:
        raise WeightsCorrupt(f"{gguf} cannot be read: {error.strerror}.", hint="Fetch the model again.") from error
    if not first.startswith(magic):
        raise WeightsCorrupt(f"{gguf} is not a GGUF file.", hint="Fetch the model again.")
    return hashlib.sha256(str(size).encode() + first + last).hexdigest()[:12]


def _write(gguf: Path, target: Path) -> None:
    """Convert beside `target`, then rename: a folder of that name is always whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{gguf.stem}-*"):  # by a process that was killed
        if time.time() - left.stat().st_mtime > LEFT_OVER_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{gguf.stem}-", dir=target.parent))
    try:
        _convert(gguf, partial)
        try:
            partial.rename(target)
        except OSError:
            if not target.exists():  # another process may have been quicker: its folder is the same
                raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _disk_full(gguf, target.parent) from error
        raise EngineFailed(f"{gguf.name} could not be de-quantised: {error}") from error
    except (ValueError, KeyError, NotImplementedError, IndexError) as error:
        raise EngineFailed(
            f"transformers cannot read {gguf.name}: {error}",
            hint="Run it with --engine llamacpp, or use the model's safetensors weights.",
        ) from error
    except MemoryError as error:
        raise EngineFailed(f"There is not enough memory to de-quantise {gguf.name}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _disk_full(gguf: Path, folder: Path) -> DiskFull:
    free = shutil.disk_usage(folder).free
    return DiskFull(
        f"The de-quantised weights of {gguf.name} do not fit on the disk of {folder}: {free / GB:.1f} GB are free.",
        hint="They take 2 bytes a parameter. Free some space, or move PARLEY_HOME.",
    )


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from gguf import GGUFReader
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    fields = GGUFReader(gguf).fields
    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    pre = fields.get("tokenizer.ggml.pre")
    if pre is not None and pre.contents() in DIGITS_APART:
        from tokenizers import pre_tokenizers as split

        digits = split.Digits(individual_digits=True)
        tokenizer.backend_tokenizer.pre_tokenizer = split.Sequence(
            [digits, split.ByteLevel(add_prefix_space=False, use_regex=True)]
        )
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float16,
        quantization_config=GgufConfig(dequantize=True),
    )
    # The weights are plain numbers now; where these are left, saving refuses.
    vars(model.config).pop("quantization_config", None)
    model.hf_quantizer = None
    needed = sum(parameter.numel() for parameter in model.parameters()) * 2
    if shutil.disk_usage(folder).free < needed * 1.05:
        raise OSError(errno.ENOSPC, "not enough space")
    control = {text: number for text, number in tokenizer.get_vocab().items() if text in END_OF_TURN}
    model.generation_config.eos_token_id = sorted({*control.values(), tokenizer.eos_token_id} - {None})
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():  # a power cut after the rename must not leave a whole name on half a file
        with file.open("rb") as written:
            os.fsync(written.fileno())
