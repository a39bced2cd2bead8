from __future__ import annotations

from dataclasses import replace

import pytest

from assistant import placement as plans
from assistant.hardware import Gpu, Machine
from tests.assistant.machines import A100, CPU, EIGHT_B, QWEN_GGUF, SMOL_GGUF, T4, entry, machine


@pytest.mark.parametrize(
    ("subject", "form", "low", "high"),
    [
        pytest.param(EIGHT_B, "bfloat16", 16e9, 18e9, id="8B, 16 bits"),
        pytest.param(EIGHT_B, "float32", 32e9, 34e9, id="8B, 32 bits"),
        pytest.param(EIGHT_B, "8bit", 9e9, 11e9, id="8B, 8 bits"),
        pytest.param(EIGHT_B, "4bit", 5.5e9, 7.5e9, id="8B, 4 bits"),
        pytest.param(QWEN_GGUF, "file", 1.3e9, 1.7e9, id="1.5B, quantised file"),
        pytest.param(SMOL_GGUF, "file", 0.3e9, 0.5e9, id="135M, quantised file"),
    ],
)
def test_needs(subject: object, form: str, low: float, high: float) -> None:
    assert low <= plans.needs_bytes(subject, form) <= high  # type: ignore[arg-type]


def test_a_longer_context_needs_more() -> None:
    grown = plans.needs_bytes(EIGHT_B, "bfloat16", 32768) - plans.needs_bytes(EIGHT_B, "bfloat16", 4096)
    # Llama 3 8B: 32 layers × 8 heads × 128 × keys and values × 2 bytes a token.
    assert grown == pytest.approx(28672 * 32 * 8 * 128 * 2 * 2, rel=0.2)


def test_llamacpp_needs_the_caches_of_all_its_slots() -> None:
    told = replace(SMOL_GGUF, cache_token_bytes=2 * 30 * 3 * 64 * 2)  # keys and values × layers × heads × width × bytes
    one, eight = (plans.needs_bytes(told, "file", 8192, slots=slots) for slots in (1, 8))
    assert eight - one == 7 * 8192 * 23_040
    assert plans.needs_bytes(told, "file", 8192, prompts_bytes=1000) == one + 1000


def test_prompts_get_what_memory_has_left_over() -> None:
    assert plans.plan_prompts(int(100e9)) == plans.PROMPTS_BYTES
    assert 0 < plans.plan_prompts(int(2e9)) < plans.PROMPTS_BYTES
    assert plans.plan_prompts(-5) == 0


@pytest.mark.parametrize(
    ("here", "device", "dtype"),
    [
        (CPU, "cpu", "float32"),
        (machine(32, bf16=True), "cpu", "bfloat16"),
        (machine(32, A100), "gpu", "bfloat16"),
        (machine(32, T4), "gpu", "float16"),
        (machine(32, A100, T4), "gpu", "float16"),
        (machine(32, A100), "cpu", "float32"),
    ],
)
def test_dtype(here: Machine, device: str, dtype: str) -> None:
    assert plans.plan_dtype(here, device) == dtype


@pytest.mark.parametrize(
    ("here", "device", "needed", "expected"),
    [
        pytest.param(CPU, "cpu", 10e9, ("CPU", "cpu", None, False), id="in memory"),
        pytest.param(CPU, "cpu", 40e9, ("CPU + disk", "auto", {"cpu": 28.8}, True), id="to disk"),
        pytest.param(machine(32, A100), "gpu", 10e9, ("A100", {"": 0}, None, False), id="one GPU"),
        pytest.param(machine(32, T4, A100), "gpu", 10e9, ("A100", {"": 1}, None, False), id="the GPU with most room"),
        pytest.param(
            machine(32, A100, A100), "gpu", 50e9, ("2 × A100", "auto", {0: 36.8, 1: 36.8}, False), id="over two GPUs"
        ),
        pytest.param(
            machine(32, T4), "gpu", 30e9, ("T4 + CPU", "auto", {0: 13.8, "cpu": 28.8}, True), id="GPU and memory"
        ),
        pytest.param(
            machine(8, T4), "gpu", 30e9, ("T4 + CPU + disk", "auto", {0: 13.8, "cpu": 7.2}, True), id="everywhere"
        ),
        pytest.param(machine(32, A100), "cpu", 10e9, ("CPU", "cpu", None, False), id="the GPU is not asked for"),
    ],
)
def test_device_map(here: Machine, device: str, needed: float, expected: tuple[str, object, object, bool]) -> None:
    placed = plans.plan_device_map(here, device, int(needed))
    room = placed.max_memory and {key: round(value / 1e9, 1) for key, value in placed.max_memory.items()}
    assert (placed.device, placed.device_map, room, placed.offloads) == expected


@pytest.mark.parametrize(("cores", "threads", "planned"), [(8, 16, 8), (2, 2, 2), (4, 1, 1), (1, 2, 1)])
def test_threads(cores: int, threads: int, planned: int) -> None:
    assert plans.plan_threads(Machine("", cores, threads, 0, 0)) == planned


def test_too_large_says_the_numbers_and_what_would_fit() -> None:
    here = machine(8, Gpu("RTX", int(8e9), int(8e9), (8, 6), True))
    sentence = plans.too_large(EIGHT_B, here, "gpu", "bfloat16")
    assert sentence == "Eight B needs 17.1 GB in bfloat16, and this machine has 7.4 GB of free GPU memory for it."
    advice = plans.advise(EIGHT_B, here, "gpu", "bfloat16", [QWEN_GGUF, SMOL_GGUF, entry("other", family="encoder")])
    assert "--quantisation 4bit (7.1 GB)" in advice
    assert "qwen" in advice and "smol" not in advice and "other" not in advice


def test_too_large_is_silent_where_it_fits() -> None:
    assert plans.too_large(SMOL_GGUF, CPU, "cpu", "file") == ""


def test_nothing_fits_points_to_a_server() -> None:
    assert "openai:NAME@" in plans.advise(EIGHT_B, machine(0.05), "cpu", "bfloat16", [QWEN_GGUF])


@pytest.mark.parametrize(("size", "text"), [(98e6, "98 MB"), (1.1e9, "1.1 GB"), (0.96e9, "1.0 GB"), (16e9, "16.0 GB")])
def test_gb(size: float, text: str) -> None:
    assert plans.gb(size) == text


@pytest.mark.parametrize(("free", "processes", "has"), [(60, 1, 60), (60, 2, 32), (20, 2, 20), (60, 8, 8)])
def test_each_of_several_processes_has_its_share_of_the_memory(free: float, processes: int, has: float) -> None:
    whole = replace(machine(64), free_ram_bytes=int(free * 1e9))
    mine = plans.shared(whole, processes)
    assert mine.free_ram_bytes == has * 1e9 and mine.ram_bytes == whole.ram_bytes
