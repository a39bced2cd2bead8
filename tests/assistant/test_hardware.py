from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from assistant import hardware

GIB = 2**30


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def machine_memory(monkeypatch: pytest.MonkeyPatch, total: int, available: int) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=total, available=available))


@pytest.mark.parametrize(
    ("flags", "vendor", "faster"),
    [
        ({"avx512f", "avx512_bf16"}, "AuthenticAMD", True),
        ({"avx512f", "avx512_bf16"}, "GenuineIntel", False),
        ({"avx512f", "avx512_bf16", "amx_bf16"}, "GenuineIntel", True),
        ({"avx512f"}, "GenuineIntel", False),
        ({"bf16", "asimd"}, "", True),
    ],
)
def test_where_bfloat16_is_the_faster(flags: set[str], vendor: str, faster: bool) -> None:
    assert hardware.bf16_is_faster(flags, vendor) is faster


def test_detect_agrees_with_the_system() -> None:
    machine = hardware.detect()
    assert machine.cpu
    assert 1 <= machine.cores <= machine.threads <= (os.cpu_count() or 1)
    assert 0 < machine.free_ram_bytes <= machine.ram_bytes <= psutil.virtual_memory().total


def test_affinity_bounds_the_threads() -> None:
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nfrom assistant import hardware\n"
    program += "machine = hardware.detect(); print(machine.threads, machine.cores)"
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["1", "1"]


@pytest.mark.parametrize(("share", "most"), [("1", 1), ("1000", 1000), ("", 1000), ("2,1", 1000)])
def test_who_starts_several_processes_bounds_the_threads_of_each(
    share: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads, cores = hardware.cpu_counts()
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    assert hardware.cpu_counts() == (min(threads, most), min(cores, most))


def test_no_gpu_means_no_torch() -> None:
    program = "from assistant import hardware\nhardware._gpu_seen = lambda: ''\nhardware.detect()\n"
    program += "import sys; print('torch' in sys.modules)"
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("files", "total", "free"),
    [
        pytest.param({"proc/self/cgroup": "0::/"}, 64 * GIB, 40 * GIB, id="no limit"),
        pytest.param(
            {"proc/self/cgroup": "0::/", "sys/memory.max": str(8 * GIB), "sys/memory.current": str(3 * GIB)},
            8 * GIB,
            5 * GIB,
            id="version 2, at the root of the mount",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b",
                "sys/a/memory.max": str(4 * GIB),
                "sys/a/memory.current": str(3 * GIB),
                "sys/a/memory.stat": f"anon {GIB}\ninactive_file {2 * GIB}",
                "sys/a/b/memory.max": "max",
                "sys/a/b/memory.current": str(GIB),
            },
            4 * GIB,
            3 * GIB,
            id="version 2, the parent's limit, page cache is free",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x",
                "sys/memory/x/memory.limit_in_bytes": str(2 * GIB),
                "sys/memory/x/memory.usage_in_bytes": str(GIB),
            },
            2 * GIB,
            GIB,
            id="version 1",
        ),
        pytest.param(
            {"proc/self/cgroup": "4:memory:/", "sys/memory/memory.limit_in_bytes": "9223372036854771712"},
            64 * GIB,
            40 * GIB,
            id="version 1's way to say no limit",
        ),
        pytest.param({}, 64 * GIB, 40 * GIB, id="no control groups"),
    ],
)
def test_memory_honours_containers(
    files: dict[str, str], total: int, free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_memory(monkeypatch, 64 * GIB, 40 * GIB)
    tree(tmp_path, files)
    assert hardware.memory(tmp_path / "proc", tmp_path / "sys") == (total, free)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        pytest.param({"proc/self/cgroup": "0::/", "sys/cpu.max": "max 100000"}, None, id="none"),
        pytest.param({"proc/self/cgroup": "0::/", "sys/cpu.max": "150000 100000"}, 2, id="one and a half"),
        pytest.param({"proc/self/cgroup": "0::/", "sys/cpu.max": "5000 100000"}, 1, id="never none at all"),
        pytest.param(
            {
                "proc/self/cgroup": "3:cpu:/x",
                "sys/cpu/x/cpu.cfs_quota_us": "400000",
                "sys/cpu/x/cpu.cfs_period_us": "100000",
            },
            4,
            id="version 1",
        ),
        pytest.param(
            {"proc/self/cgroup": "3:cpu:/", "sys/cpu/cpu.cfs_quota_us": "-1", "sys/cpu/cpu.cfs_period_us": "100000"},
            None,
            id="version 1, none",
        ),
    ],
)
def test_cpu_quota(files: dict[str, str], quota: int | None, tmp_path: Path) -> None:
    tree(tmp_path, files)
    assert hardware.cpu_quota(tmp_path / "proc", tmp_path / "sys") == quota


def test_a_gpu_without_a_torch_for_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_gpu_seen", lambda: "NVIDIA")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.13.0+cpu")
    machine = hardware.detect()
    assert machine.gpus == ()
    assert "CPU build" in machine.notes[0]
