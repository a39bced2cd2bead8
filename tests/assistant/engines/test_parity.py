"""llama.cpp and transformers are the same model: what one generates, the other scores alike.

With the same weights in full, the two agree to a few thousandths of a nat. On the quantised file llama.cpp also rounds
activations to 8 bits, which moves a log-probability by 0.04 nats on average: enough to turn a near tie around.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from assistant.engines.llamacpp import LlamaCppEngine
from assistant.engines.protocol import Message, Sampling, ScoreRequest
from assistant.engines.transformers import TransformersEngine

pytestmark = pytest.mark.model

QUESTIONS = ["What is the capital of France?", "Write a story about a dog.", "How do I boil an egg?", "Count to 20."]
SYSTEM = "You are a helpful assistant."
GREEDY = Sampling(temperature=0, max_tokens=32)


def full_gguf(quantised: Path, path: Path) -> Path:
    """The same GGUF with float32 tensors, of the numbers that the de-quantised folder holds (rounded to float16)."""
    import gguf
    import numpy as np

    source = gguf.GGUFReader(quantised)
    writer = gguf.GGUFWriter(path, "llama")
    for name, field in source.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        if field.types[0] is gguf.GGUFValueType.ARRAY:
            writer.add_array(name, field.contents())
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
    for tensor in source.tensors:
        full = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, full.astype(np.float16).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def differences(gguf: Path, folder: Path) -> list[float]:
    """|log p under llama.cpp - log p under transformers| of every token that llama.cpp generates."""
    llama = LlamaCppEngine(gguf, context_length=2048, slots=1)
    torch = TransformersEngine(folder)
    found: list[float] = []
    for question in QUESTIONS:
        messages = [Message("system", SYSTEM), Message("user", question)]
        deltas = list(llama.generate(messages, GREEDY, probabilities=1))
        shown = [each for delta in deltas for each in delta.probabilities if each.text]
        usage = deltas[-1].usage
        assert usage and usage.prompt_tokens == torch.count_tokens(messages)
        prompt = torch._tokenizer.decode(torch._prompt(messages))
        reply = "".join(each.text for each in shown)
        # The prompt's last character, a line break, is scored with the reply: spaces belong to what follows them.
        scored = torch.score([ScoreRequest(prompt, reply)])[0].token_logprobs[1:]
        assert len(scored) == len(shown), "both tokenise the reply alike"
        found += [abs(each.logprob - value) for each, value in zip(shown, scored, strict=True)]
    llama.close()
    torch.close()
    assert len(found) > 80
    return found


@pytest.mark.slow
def test_the_same_weights_give_the_same_probabilities(smol_gguf: Path, smol_folder: Path, tmp_path: Path) -> None:
    found = differences(full_gguf(smol_gguf, tmp_path / "full.gguf"), smol_folder)
    assert statistics.mean(found) < 0.002
    assert max(found) < 0.02


def test_the_quantised_file_stays_near_them(smol_gguf: Path, smol_folder: Path) -> None:
    found = differences(smol_gguf, smol_folder)
    assert statistics.mean(found) < 0.1
    assert max(found) < 0.8
