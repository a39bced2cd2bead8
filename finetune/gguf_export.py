"""GGUF files for llama.cpp: an adapter that lies on its base's file, or a whole model in the form of its base's file.

All but the weights (architecture, tokeniser, template) is as in the base's GGUF, so that nothing has to be guessed.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from assistant.errors import BadSettings
from assistant.tuned import ADAPTER_GGUF
from assistant.weights.gguf_files import read_gguf_header
from assistant.whole_files import beside

ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""llama.cpp's names of those whose matrices lie in a GGUF as transformers has them; a llama's rows in another order."""
TYPES = ("f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
"""Forms of weights that can be written; the K-quants need llama.cpp's own tool."""
PREFIX = "base_model.model."
"""Of every name in a PEFT adapter."""


def adapter_to_gguf(folder: Path, base: Path) -> Path:
    """Write a PEFT LoRA adapter beside itself as llama.cpp takes it; the file. base: the GGUF that it is put on.

    Raises BadSettings where llama.cpp has no such adapter: DoRA, other ranks by layer, embeddings, whole modules.
    """
    import gguf
    from safetensors.torch import load_file

    config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    special = [name for name in ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save") if config.get(name)]
    if config.get("peft_type") != "LORA" or special:
        raise BadSettings(
            f"llama.cpp has no adapters with {special[0] if special else config.get('peft_type')}.",
            hint="Export it as a whole model: `parley export … --to gguf`.",
        )
    header = read_gguf_header(base)
    name_of, arranged = _naming(header), _arranging(header)
    alpha = config["lora_alpha"] * (config["r"] ** 0.5 if config.get("use_rslora") else 1)
    with beside(folder / ADAPTER_GGUF) as partial:
        writer = gguf.GGUFWriter(partial, header.architecture)
        writer.add_type("adapter")
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(alpha))
        for name, weights in sorted(load_file(folder / "adapter_model.safetensors").items()):
            module, part = name.removeprefix(PREFIX).rsplit(".lora_", 1)
            half = part[0].lower()
            found = name_of(f"{module}.weight")
            if half not in "ab" or found is None or "embed" in module:
                raise BadSettings(f"llama.cpp has no adapter of {module}.", hint="Export it as a whole model.")
            array: np.ndarray = weights.float().numpy()
            array = arranged(found, array) if half == "b" else array  # the rows of B are those of the matrix
            writer.add_tensor(f"{found}.lora_{half}", array)
        _write(writer)
    return folder / ADAPTER_GGUF


def model_to_gguf(weights: Iterator[tuple[str, np.ndarray]], base: Path, output: Path, form: str) -> None:
    """Write a whole model. weights: transformers' names and float arrays. base: the GGUF that it was made from.

    form: one of TYPES; tensors that are still the base's are copied as they are there. output: written in place, so
    that the caller names a file beside the one it wants. Raises BadSettings.
    """
    import gguf

    header = read_gguf_header(base)
    name_of, arranged = _naming(header), _arranging(header)
    changed = {found: array for name, array in weights if (found := name_of(name)) is not None}
    reader = gguf.GGUFReader(base)
    kind = gguf.GGMLQuantizationType[form.upper()]
    writer = gguf.GGUFWriter(output, header.architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        inner = field.types[-1] if field.types[0] is gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{form.upper()}"])
    for tensor in reader.tensors:
        was = tensor.data
        if tensor.name not in changed:
            raise BadSettings(f"The model has no {tensor.name}, which {base.name} has.")
        now = arranged(tensor.name, changed[tensor.name].astype(np.float32))
        before = gguf.quants.dequantize(was, tensor.tensor_type)
        if np.array_equal(before.astype(np.float16), now.astype(np.float16)):
            writer.add_tensor(tensor.name, was, raw_dtype=tensor.tensor_type)
            continue
        own = kind if now.ndim > 1 else gguf.GGMLQuantizationType.F32
        if now.shape[-1] % gguf.GGML_QUANT_SIZES[own][0]:
            own = gguf.GGMLQuantizationType.F16
        writer.add_tensor(tensor.name, gguf.quants.quantize(now, own), raw_dtype=own)
    _write(writer)


def _naming(header: Any) -> Callable[[str], str | None]:
    """transformers' name of a tensor → llama.cpp's; None where it has none. Raises BadSettings."""
    import gguf

    if header.architecture not in ARCHITECTURES:
        raise BadSettings(
            f"A {header.architecture} model cannot be written as a GGUF by Parley.",
            hint="Export it with --to merged and convert that with llama.cpp's convert_hf_to_gguf.py.",
        )
    numbers = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(numbers[header.architecture], header.of_architecture("block_count"))
    return lambda name: names.get_name(name, try_suffixes=(".weight", ".bias"))


def _arranging(header: Any) -> Callable[[str, np.ndarray], np.ndarray]:
    """What is done to a matrix of that name: llama.cpp turns a llama's neighbours, transformers its halves (RoPE)."""
    if header.architecture != "llama":
        return lambda _, weights: weights
    heads = header.of_architecture("attention.head_count")
    kinds = {".attn_q.": heads, ".attn_k.": header.of_architecture("attention.head_count_kv") or heads}

    def arranged(name: str, weights: np.ndarray) -> np.ndarray:
        for kind, count in kinds.items():
            if kind in name:
                halves = weights.reshape(count, 2, weights.shape[0] // count // 2, *weights.shape[1:])
                return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(weights.shape)
        return weights

    return arranged


def _write(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
