"""Marian's binary models, of the kind that Firefox translates with, written as a folder that transformers loads.

The file: a count of tensors, their headers (lengths of name, shape and data, type), names, shapes, and the data at
multiples of 256 bytes (marian-dev, src/common/binary.cpp). Quantised matrices are int8, transposed, with the number
that they were multiplied by behind them; they become float32 by one division, which loses nothing.
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from assistant import paths
from assistant.dequantise import delete, identity
from assistant.errors import EngineFailed, WeightsCorrupt

FLOAT32, INT8, INTGEMM8 = 0x404, 0x101, 0x4101
HEADS = 8
"""Not in the file's own settings where it is 8; others say `transformer-heads`."""
POSITIONS = 1024
EOS, UNKNOWN = 0, 1
LAYER_NORMS = {
    "self_Wo": "self_attn_layer_norm",
    "rnn_ffn": "self_attn_layer_norm",
    "context_Wo": "encoder_attn_layer_norm",
    "ffn_ffn": "final_layer_norm",
}
PARTS = {"self": "self_attn", "context": "encoder_attn"}
ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Name → float32 values in PyTorch's layout of a linear layer, (out, in), or the text of `special:` ones as bytes.

    Raises WeightsCorrupt where the file is none of Marian's.
    """
    data = path.read_bytes()
    try:
        return _tensors(data)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise WeightsCorrupt(f"{path.name} is not a Marian model: {error}.", hint="Fetch the model again.") from error


def _tensors(data: bytes) -> dict[str, np.ndarray]:
    version, count = struct.unpack_from("<QQ", data)
    if version != 1 or count > 10_000:
        raise ValueError(f"version {version}, {count} tensors")
    at = 16
    headers = [struct.unpack_from("<QQQQ", data, at + 32 * number) for number in range(count)]
    at += 32 * count
    names: list[str] = []
    for name_bytes, *_ in headers:
        names.append(data[at : at + name_bytes].rstrip(b"\0").decode())
        at += name_bytes
    shapes: list[tuple[int, ...]] = []
    for _, _, dimensions, _ in headers:
        shapes.append(struct.unpack_from(f"<{dimensions}i", data, at))
        at += 4 * dimensions
    at += 8 + struct.unpack_from("<Q", data, at)[0]
    found: dict[str, np.ndarray] = {}
    for name, shape, (_, kind, _, size) in zip(names, shapes, headers, strict=True):
        found[name] = _values(data[at : at + size], kind, shape, name)
        at += size
    return found


def _values(data: bytes, kind: int, shape: tuple[int, ...], name: str) -> np.ndarray:
    count = int(np.prod(shape))
    if kind == FLOAT32:
        return np.frombuffer(data, np.float32, count).reshape(shape).squeeze()
    whole = np.frombuffer(data, np.int8, count)
    if kind == INT8:
        return whole
    if kind != INTGEMM8:
        raise ValueError(f"{name} is of the unknown type {kind:#x}")
    (scale,) = struct.unpack_from("<f", data, count)
    out_in = shape if name == "Wemb" else shape[::-1]
    return (whole.astype(np.float32) / np.float32(scale)).reshape(out_in)


def state_dict(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Marian's names as those of engines/ssru.py; a last row of zeros in the embedding stands for padding, which also
    begins a translation."""
    width = tensors["Wemb"].shape[1]
    shared = np.concatenate([tensors["Wemb"], np.zeros((1, width), np.float32)])
    bias = np.concatenate([tensors["decoder_ff_logit_out_b"], np.array([-np.inf], np.float32)])
    found = {"model.shared.weight": shared, "final_logits_bias": bias[None]}
    for name, values in tensors.items():
        side, _, rest = name.partition("_l")
        if side in ("encoder", "decoder") and rest[:1].isdigit() and not name.endswith("QuantMultA"):
            number, _, part = rest.partition("_")
            found[f"model.{side}.layers.{int(number) - 1}.{_renamed(part)}"] = values
    return found


def _renamed(part: str) -> str:
    """ "self_Wq" → "self_attn.q_proj.weight"."""
    for ending, kind in (("_ln_scale", "weight"), ("_ln_bias", "bias")):
        if part.endswith(ending):
            return f"{LAYER_NORMS[part.removesuffix(ending)]}.{kind}"
    place, _, tensor = part.partition("_")
    kind = "weight" if tensor[0] == "W" else "bias"
    if place == "ffn":
        return f"fc{tensor[1]}.{kind}"
    if place == "rnn":
        return f"self_attn.{'forget' if tensor[1:] == 'f' else 'input'}.{kind}"
    return f"{PARTS[place]}.{ATTENTION[tensor[1]]}.{kind}"


def settings_of(tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """What config.json says of the model. Raises EngineFailed for an architecture that is not built here."""
    said: dict[str, Any] = yaml.safe_load(tensors["special:model.yml"].tobytes().rstrip(b"\0").decode())
    wanted = {
        "type": "transformer",
        "transformer-decoder-autoreg": "rnn",
        "dec-cell": "ssru",
        "transformer-postprocess": "dan",
        "transformer-preprocess": "",
        "transformer-ffn-activation": "relu",
        "tied-embeddings-all": True,
    }
    other = [f"{name} is {said.get(name)}" for name, value in wanted.items() if said.get(name) != value]
    if other:
        raise EngineFailed(f"This Marian model is of another kind: {', '.join(other)}.", hint="Take a tiny student.")
    vocabulary, heads = tensors["Wemb"].shape[0], said.get("transformer-heads", HEADS)
    return {
        "architectures": ["SsruMarianMTModel"],
        "model_type": "ssru-marian",
        "vocab_size": vocabulary + 1,
        "decoder_vocab_size": vocabulary + 1,
        "max_position_embeddings": POSITIONS,
        "d_model": said["dim-emb"],
        "encoder_layers": said["enc-depth"],
        "decoder_layers": said["dec-depth"],
        "encoder_ffn_dim": said["transformer-dim-ffn"],
        "decoder_ffn_dim": said["transformer-dim-ffn"],
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "activation_function": "relu",
        "scale_embedding": True,
        "eos_token_id": EOS,
        "forced_eos_token_id": EOS,
        "pad_token_id": vocabulary,
        "decoder_start_token_id": vocabulary,
    }


def converted(source: Path, folder: Path | None = None) -> Path:
    """The folder, made at the first call, that `AutoModelForSeq2SeqLM` and `AutoTokenizer` load for the Marian model of
    the folder `source` (model.*.bin, tokenizer.json).

    Raises WeightsCorrupt, EngineFailed.
    """
    weights, target = _places(source, folder)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{source.name}-", dir=target.parent))
    try:
        _write(weights, source / "tokenizer.json", beside)
        try:
            beside.rename(target)
        except OSError:
            if not target.exists():  # another process may have been quicker: its folder is the same
                raise
    except OSError as error:
        raise EngineFailed(f"{source.name} could not be converted: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def forget(source: Path, folder: Path | None = None) -> int:
    """Delete what `converted` made of the folder `source`; bytes freed."""
    return delete(_places(source, folder)[1])


def _places(source: Path, folder: Path | None) -> tuple[Path, Path]:
    weights = next(iter(sorted(source.glob("model.*.bin"))), None)
    if weights is None:
        raise WeightsCorrupt(f"There is no Marian model in {source}.", hint="Fetch the model again.")
    folder = folder or paths.home() / "dequantised"
    return weights, folder / f"{source.name}-{identity(weights, magic=b'')}"


def _write(weights: Path, tokenizer: Path, folder: Path) -> None:
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    tensors = read_tensors(weights)
    settings = settings_of(tensors)
    save_file(state_dict(tensors), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(settings, indent=1), "utf-8")
    backend = Tokenizer.from_file(str(tokenizer))
    backend.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", EOS)])
    PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="</s>",  # noqa: S106 - no password
        unk_token="<unk>",  # noqa: S106
        pad_token="<pad>",  # noqa: S106
        model_max_length=POSITIONS // 2,
    ).save_pretrained(folder)
