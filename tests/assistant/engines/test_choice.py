from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from assistant.catalogue import BUNDLED, Catalogue, ModelEntry
from assistant.engines.choice import choose
from assistant.engines.opening import open_engine
from assistant.engines.protocol import Capability
from assistant.engines.remote import Remote, api_key, remote
from assistant.errors import BadSettings, CapabilityMissing, EngineFailed, ModelTooLarge, UnknownModel
from assistant.hardware import Gpu, Machine
from tests.assistant.machines import A100, APPLE, CPU, EIGHT_B, QWEN_GGUF, SMOL_GGUF, T4, entry, machine

SMOL_FULL = entry("smol-full", parameters=int(135e6), download_bytes=int(270e6), memory_bytes=int(500e6))
MARIAN = entry("bergamot", format="marian", family="seq2seq", tasks=("translate",))
ENCODER = entry("minilm", family="encoder", tasks=("embed",), parameters=int(22e6), download_bytes=int(90e6))
SCORE = {"capability": Capability.SCORE}


@pytest.mark.parametrize(
    ("subject", "here", "wish", "expected"),
    [
        # subject, machine, wish → engine, device, dtype, dequantise, fits
        pytest.param(SMOL_GGUF, CPU, {}, ("llamacpp", "CPU", "as in the file", False, True), id="GGUF on CPU"),
        pytest.param(SMOL_GGUF, CPU, SCORE, ("transformers", "CPU", "float32", True, True), id="GGUF to score"),
        pytest.param(
            SMOL_GGUF, CPU, {"adapter": True}, ("transformers", "CPU", "float32", True, True), id="GGUF + adapter"
        ),
        pytest.param(
            SMOL_GGUF, CPU, {"engine": "transformers"}, ("transformers", "CPU", "float32", True, True), id="override"
        ),
        pytest.param(
            SMOL_GGUF, CPU, {"quantisation": "4bit"}, ("transformers", "CPU", "float32", True, True), id="4-bit GGUF"
        ),
        pytest.param(
            QWEN_GGUF, machine(32, A100), {}, ("transformers", "A100", "bfloat16", True, True), id="GGUF on a GPU"
        ),
        pytest.param(
            QWEN_GGUF,
            machine(32, A100),
            {"engine": "llamacpp"},
            ("llamacpp", "CPU", "as in the file", False, True),
            id="override the GPU",
        ),
        pytest.param(
            entry("big", format="gguf", parameters=int(30e9), download_bytes=int(17e9)),
            machine(32, T4),
            {},
            ("llamacpp", "CPU", "as in the file", False, True),
            id="GGUF too large for the GPU in full",
        ),
        pytest.param(
            QWEN_GGUF, machine(8, APPLE), {}, ("llamacpp", "Apple M4", "as in the file", False, True), id="Metal"
        ),
        pytest.param(SMOL_FULL, CPU, {}, ("transformers", "CPU", "float32", False, True), id="safetensors on CPU"),
        pytest.param(
            SMOL_FULL, machine(8, bf16=True), {}, ("transformers", "CPU", "bfloat16", False, True), id="bf16 on CPU"
        ),
        pytest.param(
            SMOL_FULL,
            machine(8, A100, bf16=True),
            SCORE,
            ("transformers", "A100", "float32", False, True),
            id="scores are exact",
        ),
        pytest.param(
            EIGHT_B,
            machine(8, Gpu("L4", int(22e9), int(22e9), (8, 9), True)),
            SCORE,
            ("transformers", "L4", "bfloat16", False, True),
            id="scores in 16 bits where there is no room for 32",
        ),
        pytest.param(
            SMOL_GGUF,
            machine(8, A100),
            {"capability": Capability.SCHEMA},
            ("llamacpp", "CPU", "as in the file", False, True),
            id="only llama.cpp keeps to a schema",
        ),
        pytest.param(
            EIGHT_B, machine(32, A100), {}, ("transformers", "A100", "bfloat16", False, True), id="8B on an A100"
        ),
        pytest.param(
            EIGHT_B,
            machine(4, T4),
            {"quantisation": "4bit"},
            ("transformers", "T4", "float16", False, True),
            id="8B in 4 bits on a T4",
        ),
        pytest.param(
            EIGHT_B, machine(64, T4), {}, ("transformers", "CPU", "float32", False, True), id="8B beside a T4"
        ),
        pytest.param(
            EIGHT_B, machine(8, T4), {}, ("transformers", "T4 + CPU", "float16", False, False), id="8B nowhere"
        ),
        pytest.param(
            EIGHT_B, machine(8), {}, ("transformers", "CPU + disk", "float32", False, False), id="8B on a laptop"
        ),
    ],
)
def test_choose(subject: ModelEntry, here: Machine, wish: dict[str, Any], expected: tuple[object, ...]) -> None:
    choice = choose(subject, here, **wish)
    assert (choice.engine, choice.device, choice.dtype, choice.dequantise, choice.fits) == expected
    assert choice.reason.endswith(".")
    assert ("de-quantised" in choice.reason) == choice.dequantise
    assert choice.fits == (choice.needs_bytes <= choice.has_bytes)
    assert choice.fits or choice.advice


@pytest.mark.parametrize(
    ("subject", "wish", "error"),
    [
        (SMOL_GGUF, {"engine": "vllm"}, BadSettings),
        (SMOL_GGUF, {"engine": "openai"}, BadSettings),
        (SMOL_GGUF, {"quantisation": "2bit"}, BadSettings),
        (SMOL_GGUF, {"engine": "llamacpp", "quantisation": "4bit"}, BadSettings),
        (Remote("m", "http://x"), {"engine": "llamacpp"}, BadSettings),
        (SMOL_GGUF, {"engine": "llamacpp", **SCORE}, CapabilityMissing),
        (SMOL_GGUF, {"engine": "llamacpp", "adapter": True}, CapabilityMissing),
        (SMOL_FULL, {"engine": "llamacpp"}, CapabilityMissing),
        (SMOL_FULL, {"capability": Capability.TOOLS}, CapabilityMissing),
        (SMOL_GGUF, {"capability": Capability.CLASSIFY}, CapabilityMissing),
        (MARIAN, {"capability": Capability.SCORE}, CapabilityMissing),
        (MARIAN, {}, CapabilityMissing),
        (MARIAN, {"engine": "llamacpp", "capability": Capability.TEXT2TEXT}, CapabilityMissing),
        (Remote("m", "http://x"), SCORE, CapabilityMissing),
        (Remote("m", "http://x"), {"adapter": True}, CapabilityMissing),
    ],
)
def test_choose_refuses(subject: ModelEntry | Remote, wish: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        choose(subject, CPU, **wish)


def test_a_server_elsewhere_may_be_asked_for_tools() -> None:
    assert choose(Remote("m", "http://x"), CPU, capability=Capability.TOOLS).engine == "openai"


def test_mistakes_are_reported_together() -> None:
    with pytest.raises(BadSettings) as failure:
        choose(SMOL_GGUF, CPU, engine="vllm", quantisation="2bit")
    assert "vllm" in failure.value.message and "2bit" in failure.value.message


def test_a_gpu_that_is_too_small_is_explained() -> None:
    choice = choose(EIGHT_B, machine(64, T4), others=[QWEN_GGUF])
    assert "17.1 GB" in choice.advice and "13.8 GB" in choice.advice and "--quantisation 8bit" in choice.advice


@pytest.mark.parametrize(
    ("key", "measured_gb"),
    [("smollm2-135m-instruct", 1.7), ("qwen2.5-coder-1.5b-instruct", 3.7)],  # docs/capacity.md
)
def test_what_llamacpp_needs_is_what_was_measured(key: str, measured_gb: float) -> None:
    choice = choose(Catalogue.load()[key], machine(24), context=8192)
    assert choice.slots == 8
    without_prompts = choice.needs_bytes - choice.prompts_bytes
    assert without_prompts == pytest.approx(measured_gb * 1e9, rel=0.2)


@pytest.mark.parametrize("free_gb", [1, 2, 3, 4, 6, 8, 16, 64])
def test_slots_and_prompts_are_within_the_memory_there_is(free_gb: float) -> None:
    for each in Catalogue.load(BUNDLED):
        if each.format == "gguf":
            choice = choose(each, machine(free_gb), engine="llamacpp", context=8192)
            assert choice.fits == (choice.needs_bytes <= choice.has_bytes), each.key
            assert choice.slots >= 1


def test_nothing_else_is_looked_at_where_the_model_fits() -> None:
    class Unread(tuple[ModelEntry, ...]):
        def __iter__(self) -> NoReturn:
            raise AssertionError("each request would read every run of the machine")

    assert choose(SMOL_GGUF, machine(64), others=Unread()).fits
    assert choose(ENCODER, machine(64), capability=Capability.EMBED, others=Unread()).fits


def test_too_large_is_refused_with_what_would_fit(tmp_path: Path) -> None:
    choice = choose(EIGHT_B, machine(8), others=[QWEN_GGUF, SMOL_GGUF])
    with pytest.raises(ModelTooLarge) as failure:
        open_engine(choice, EIGHT_B, tmp_path)
    assert "33.1 GB" in failure.value.message and "7.2 GB" in failure.value.message
    assert "qwen" in failure.value.hint


def test_an_encoder_is_not_run_as_a_decoder() -> None:
    """transformers would do it without a word, and the answers would be noise."""
    with pytest.raises(CapabilityMissing, match="an encoder"):
        choose(ENCODER, CPU, capability=Capability.GENERATE)
    assert choose(ENCODER, CPU, capability=Capability.EMBED).dtype == "float32"


def test_weights_that_are_not_here(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="parley models pull smol"):
        open_engine(choose(SMOL_GGUF, CPU), SMOL_GGUF, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai:m@http://h:8000/v1", Remote("m", "http://h:8000/v1")),
        ("openai:m@https://h/v1/", Remote("m", "https://h/v1")),
        ("openai:qwen2.5:7b@http://127.0.0.1:11434/v1", Remote("qwen2.5:7b", "http://127.0.0.1:11434/v1")),
        ("openai:org/model@sha@http://h/v1", Remote("org/model@sha", "http://h/v1")),
        ("openai:m@http://user@h/v1", Remote("m", "http://user@h/v1")),
        ("openai:m", Remote("m", "http://env/v1")),
        ("qwen2.5", None),
        ("org/openai:m", None),
    ],
)
def test_remote_names(name: str, expected: Remote | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_OPENAI_URL", "http://env/v1")
    assert remote(name) == expected
    assert expected is None or remote(expected.key) == expected


@pytest.mark.parametrize("name", ["openai:", "openai:m", "openai:m@", "openai:@"])
def test_remote_names_without_a_server(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARLEY_OPENAI_URL", raising=False)
    with pytest.raises(UnknownModel, match="PARLEY_OPENAI_URL"):
        remote(name)


@pytest.mark.parametrize(
    ("url", "variables", "key"),
    [
        ("http://h/v1", {}, None),
        ("http://h/v1", {"OPENAI_API_KEY": "theirs"}, None),
        ("https://api.openai.com.evil.example/v1", {"OPENAI_API_KEY": "theirs"}, None),
        ("https://api.openai.com/v1", {"OPENAI_API_KEY": "theirs"}, "theirs"),
        ("http://proxy/v1", {"OPENAI_API_KEY": "theirs", "OPENAI_BASE_URL": "http://proxy/v1"}, "theirs"),
        ("https://api.openai.com/v1", {"OPENAI_API_KEY": "theirs", "PARLEY_OPENAI_KEY": "ours"}, "ours"),
        ("http://h/v1", {"PARLEY_OPENAI_KEY": "ours"}, "ours"),
    ],
)
def test_keys_go_only_where_they_belong(
    url: str, variables: dict[str, str], key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PARLEY_OPENAI_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert api_key(url) == key


def test_a_remote_choice_names_the_server() -> None:
    choice = choose(Remote("m", "http://h/v1"), CPU)
    assert (choice.engine, choice.fits, choice.device) == ("openai", True, "http://h/v1")


@pytest.mark.slow
@pytest.mark.model
def test_a_gguf_is_scored_through_its_full_weights(smol_gguf: Path, smol_folder: Path) -> None:
    """From the choice to a score, with the folder already made."""
    from assistant import hardware, paths
    from assistant.engines.protocol import Message, Sampling, ScoreRequest

    (paths.home() / "dequantised").symlink_to(smol_folder.parent)
    smol = Catalogue.load()["smollm2-135m-instruct"]
    choice = choose(smol, hardware.detect(), capability=Capability.SCORE)
    engine = open_engine(choice, smol, smol_gguf, context_length=1024)
    assert choice.dequantise and engine.name == "transformers" and engine.context_length == 1024
    assert choice.reason in engine.notes
    right, wrong = engine.score([ScoreRequest("2 + 2 =", " 4"), ScoreRequest("2 + 2 =", " horse")])
    assert right.logprob > wrong.logprob
    engine.close()
    quick = open_engine(choose(smol, hardware.detect()), smol, smol_gguf, context_length=1024)
    assert quick.name == "llamacpp"
    *_, last = quick.generate([Message("user", "Hi")], Sampling(max_tokens=3))
    assert last.usage and last.usage.completion_tokens > 0
    quick.close()
