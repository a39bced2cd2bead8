"""What was trained, as files that others take: an adapter, merged safetensors, a GGUF for llama.cpp.

Before a file is left, the model in it answers some prompts beside the one that it was made from (parity.py).
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from assistant import sources
from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Engine
from assistant.errors import BadSettings, EngineFailed
from assistant.first_import import alone
from assistant.models import Models
from assistant.tuned import ADAPTER_GGUF, base_of, write_about
from assistant.whole_files import beside, read_object
from finetune import bases, gguf_export, parity
from finetune.parity import Parity, Tolerance

_log = logging.getLogger("parley")
Form = Literal["merged", "gguf", "adapter"]
FORMS: dict[Form, str] = {
    "gguf": "A whole model for llama.cpp (GGUF)",
    "merged": "A whole model for transformers (safetensors)",
    "adapter": "The adapter alone (PEFT)",
}
USUAL_TYPE = "q8_0"
SAME, ROUNDED, FEW_BITS = Tolerance(0.05, 0.5, 0.9), Tolerance(0.25, 1.5, 0.6), Tolerance(0.5, 3.0, 0.4)
"""How far two forms may be apart, by what is between them. SAME: the order of sums, and rounding to the 16 bits of the
base. ROUNDED: llama.cpp rounds activations, and is 0.07 from torch on the same 4-bit weights; without RoPE's
order it is above 1. FEW_BITS: weights that are rounded a second time. Where two words are about as likely, either may
come first: agreement falls with the model's doubt as well, and is asked for with room."""
TOLERANCES = {"merged": SAME, "adapter": ROUNDED, "f16": ROUNDED, "bf16": ROUNDED, "q8_0": ROUNDED}
"""Form, or type of a GGUF's weights; others have five bits and fewer."""
FIRST_WORDS = replace(ROUNDED, agreement=0.5)
"""Of eight words, of which some are in doubt."""
PARITY_CONTEXT = 1024


@dataclass(frozen=True)
class Exported:
    """What was written. parity: None where it was not asked for."""

    path: Path
    bytes: int
    parity: Parity | None


def export(
    models: Models,
    name: str,
    form: Form,
    output: Path | None = None,
    *,
    type: str = USUAL_TYPE,
    check: bool = True,
    converter: Path | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> Exported:
    """Write a decoder that was tuned. output: a file for "gguf", else a folder; named after the model unless given.

    type: of a GGUF's weights, one of gguf_export.TYPES. converter: llama.cpp's convert_hf_to_gguf.py, for a base that
    is no GGUF. tell: hears what is done.

    Raises BadSettings, UnknownModel, ModelNotAvailable, EngineFailed where the file would answer otherwise, OSError.
    """
    entry = bases.find(models, name, Family.DECODER)
    if type not in gguf_export.TYPES:
        raise BadSettings(f"There is no type {type!r}.", hint=f"There are {', '.join(gguf_export.TYPES)}.")
    folder = bases.located(entry)
    if not folder.is_dir():
        raise BadSettings(f"{entry.title} is a GGUF already.")
    if form != "gguf" and entry.format != "adapter":
        raise BadSettings(f"{entry.title} is a whole model already, in {folder}.", hint="Export it with --to gguf.")
    output = (output or Path(suggested(entry, form, type))).expanduser().absolute()
    if output.exists():
        raise BadSettings(f"{output} is there already.", hint="Name another place with --output.")
    base = bases.find(models, base_of(folder), Family.DECODER) if form != "merged" else None
    gguf = bases.located(base) if base is not None and base.format == "gguf" else None
    output.parent.mkdir(parents=True, exist_ok=True)
    with beside(output) as partial:
        tell("writing")
        if form == "merged":
            write_merged(entry, partial)
        elif form == "adapter":
            shutil.copytree(folder, partial, ignore=shutil.ignore_patterns("training_args.bin", ".*"))
            if base is not None:
                give_adapter(partial, base)
        elif gguf is not None:
            gguf_export.model_to_gguf(_weights(entry), gguf, partial, type)
        else:
            _convert(entry, partial, type, converter)
        if form == "adapter" and not (partial / ADAPTER_GGUF).is_file():
            check = False  # it is as it was
        if check:
            tell("comparing answers")
        found = _checked(models, entry, form, type, partial, gguf, name) if check else None
    size = sum(file.stat().st_size for file in ([output] if output.is_file() else output.iterdir()))
    return Exported(output, size, found)


def suggested(entry: ModelEntry, form: Form, type: str) -> str:
    """How what is written is called unless one says otherwise."""
    name = Path(entry.key).name
    return f"{name}-{type}.gguf" if form == "gguf" else f"{name}-{form}"


def give_adapter(folder: Path, entry: ModelEntry) -> None:
    """Write an adapter for llama.cpp beside a new PEFT adapter whose base is a GGUF, where llama.cpp has such."""
    path = sources.locate(entry)
    if entry.format == "gguf" and path is not None:
        try:
            gguf_export.adapter_to_gguf(folder, path)
        except BadSettings as error:
            _log.info("Through transformers only: %s", error.message)


@alone("merging")
def merged(entry: ModelEntry) -> tuple[Any, Any]:
    """(whole model in float32, tokeniser) of an adapter, or of what is whole already."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = bases.located(entry)
    model: Any = AutoModelForCausalLM.from_pretrained(bases.folder(entry), dtype=torch.float32)
    if entry.format == "adapter":
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload(safe_merge=True)
    return model, AutoTokenizer.from_pretrained(folder)


def write_merged(entry: ModelEntry, folder: Path) -> None:
    """Write a whole model of an adapter and its base, in the base's own dtype."""
    import torch

    model, tokenizer = merged(entry)
    stored = read_object(bases.folder(entry) / "config.json")
    form = stored.get("dtype") or stored.get("torch_dtype") or "float32"
    model.to(getattr(torch, form)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_about(folder, base_of(bases.located(entry)))
    card = bases.located(entry) / "README.md"
    if card.is_file():
        shutil.copy(card, folder)


def _weights(entry: ModelEntry) -> Iterator[tuple[str, Any]]:
    for name, weights in merged(entry)[0].state_dict().items():
        yield name, weights.numpy()


def _convert(entry: ModelEntry, output: Path, type: str, converter: Path | None) -> None:
    """By llama.cpp's own script, which knows how each family's tokeniser is told."""
    if converter is None or not converter.is_file():
        raise BadSettings(
            f"The base of {entry.title} is no GGUF: llama.cpp's converter is needed.",
            hint="Name it: --converter llama.cpp/convert_hf_to_gguf.py. Or export with --to merged.",
        )
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        write_merged(entry, Path(folder))
        words = [sys.executable, str(converter), folder, "--outfile", str(output), "--outtype", type]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode or not output.is_file():
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise EngineFailed(f"{converter.name} failed: {last[0]}")


def unlike(folder: Path, base: ModelEntry, said: parity.Answers) -> str:
    """How the adapter that llama.cpp takes differs from the model that has just been trained; "" where it does not.

    said: parity.first_words of that model. base: whose GGUF it is put on.
    """
    try:
        with closing(_opened("adapter", folder, bases.located(base), PARITY_CONTEXT)) as engine:
            found = parity.compared(said, parity.answers(engine, tokens=1), same_template=True)
    except EngineFailed as error:
        return error.message
    return found.beyond(FIRST_WORDS)


def _checked(
    models: Models, entry: ModelEntry, form: Form, type: str, written: Path, base: Path | None, name: str
) -> Parity:
    """Raises EngineFailed where what was written answers otherwise than the model that it was made from."""
    reference = models.engine(name, engine="transformers", capability=Capability.SCORE)
    ones = parity.answers(reference)
    with closing(_opened(form, written, base, entry.context_length)) as other:
        same = reference.template_hash == other.template_hash
        found = parity.compared(ones, parity.answers(other), same_template=same)
    kind = type if form == "gguf" else form
    if wrong := found.beyond(TOLERANCES.get(kind, FEW_BITS)):
        hint = "Nothing was kept. " + ("q8_0 is nearer; " if kind not in TOLERANCES else "")
        hint += "--no-check leaves it all the same."
        raise EngineFailed(f"What was written answers otherwise than {entry.title}: {wrong}.", hint=hint)
    return found


def _opened(form: Form, written: Path, base: Path | None, context: int) -> Engine:
    if form == "merged":
        from assistant.engines.transformers import TransformersEngine

        return TransformersEngine(written, context_length=context)
    from assistant.engines.llamacpp import LlamaCppEngine

    path, adapter = (base, written / ADAPTER_GGUF) if form == "adapter" and base is not None else (written, None)
    return LlamaCppEngine(path, adapter=adapter, context_length=min(context, PARITY_CONTEXT), slots=1)
