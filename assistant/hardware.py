"""What this machine has: processor, memory and GPUs, as far as a container lets this process use them."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

GB = 1e9


@dataclass(frozen=True)
class Gpu:
    """An accelerator that torch can use. `kind` is torch's device type: "cuda" (NVIDIA and AMD), "mps" (Apple)."""

    name: str
    memory_bytes: int
    free_bytes: int
    capability: tuple[int, int] = (0, 0)
    """CUDA compute capability; (0, 0) elsewhere."""
    bf16: bool = False
    """Computes in bfloat16 natively."""
    kind: str = "cuda"


@dataclass(frozen=True)
class Machine:
    """What this process may use; memory in bytes."""

    cpu: str
    cores: int
    """Physical cores within this process's affinity and its container's quota."""
    threads: int
    """Logical processors within the same bounds."""
    ram_bytes: int
    free_ram_bytes: int
    gpus: tuple[Gpu, ...] = ()
    cpu_bf16: bool = False
    """The processor multiplies bfloat16 faster than float32 (AMX, AMD's AVX512-BF16, ARMv8.6)."""
    notes: tuple[str, ...] = ()
    """What keeps something here from being used, a sentence each."""

    @property
    def device(self) -> str:
        """Where models run if they fit: "gpu" or "cpu", as placement.py has them."""
        return "gpu" if self.gpus else "cpu"


def detect() -> Machine:
    """Look at this machine. Imports torch (2 seconds) only where a GPU seems to be present."""
    threads, cores = cpu_counts()
    ram, free = memory()
    gpus, notes = _gpus(free)
    return Machine(_cpu_name(), cores, threads, ram, free, gpus, _cpu_bf16(), notes)


def installed_version(name: str) -> str | None:
    """The version of a package, without importing it; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def memory(proc: Path = Path("/proc"), sysfs: Path = Path("/sys/fs/cgroup")) -> tuple[int, int]:
    """(total, free) bytes of RAM: the machine's, or the container's limit where that is lower."""
    machine = psutil.virtual_memory()
    total, free = machine.total, machine.available
    for group in _cgroups(proc, sysfs, "memory"):
        limit = _number(group / "memory.max") or _number(group / "memory.limit_in_bytes")
        if limit is None or limit >= machine.total:
            continue
        used = _number(group / "memory.current") or _number(group / "memory.usage_in_bytes") or 0
        # File pages that the kernel would drop count as used; weights that were just read are such pages.
        free = min(free, max(0, limit - used + _reclaimable(group / "memory.stat")))
        total = min(total, limit)
    return total, free


def cpu_counts(proc: Path = Path("/proc"), sysfs: Path = Path("/sys/fs/cgroup")) -> tuple[int, int]:
    """(logical processors, physical cores) that this process may use; a container's quota is rounded up.
    OMP_NUM_THREADS is a bound, too: what starts several processes on one machine (Ray, torchrun) says so what each may
    take."""
    if hasattr(os, "sched_getaffinity"):
        allowed = os.sched_getaffinity(0)
        threads = len(allowed)
        cores = _cores_of(allowed) or min(psutil.cpu_count(logical=False) or threads, threads)
    else:
        threads = os.cpu_count() or 1
        cores = psutil.cpu_count(logical=False) or threads
    quota = cpu_quota(proc, sysfs)
    if quota is not None:
        threads, cores = min(threads, quota), min(cores, quota)
    if (share := os.environ.get("OMP_NUM_THREADS", "")).isdecimal():
        threads, cores = min(threads, int(share)), min(cores, int(share))
    return max(1, threads), max(1, cores)


def cpu_quota(proc: Path = Path("/proc"), sysfs: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Processors that the container's quota amounts to, rounded up; None where there is no quota."""
    quotas: list[int] = []
    for group in _cgroups(proc, sysfs, "cpu"):
        try:
            quota, period = (group / "cpu.max").read_text().split()  # version 2: "200000 100000" or "max 100000"
        except (OSError, ValueError):
            quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(max(1, math.ceil(int(quota) / int(period))))
    return min(quotas, default=None)


def _cgroups(proc: Path, sysfs: Path, controller: str) -> list[Path]:
    """This process's control groups and their ancestors, of either version: any of them may hold the tightest limit."""
    folders: list[Path] = []
    for line in _text(proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = sysfs / controller if controllers else sysfs
        here = base / path.lstrip("/")
        # Inside a container the path may be the host's and absent here: then the root of the mount is the group itself.
        folders += [folder for folder in (here, *here.parents) if folder.is_relative_to(base)]
    return folders


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _reclaimable(stat: Path) -> int:
    fields = dict(line.split(" ", 1) for line in _text(stat).splitlines() if " " in line)
    return int(fields.get("total_inactive_file", fields.get("inactive_file", "0")))


def _cores_of(processors: set[int]) -> int:
    """Physical cores behind `processors`; 0 where the system does not say."""
    topology = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    return len({siblings for n in processors if (siblings := _text(Path(topology.format(n))))})


def _cpu_name() -> str:
    if platform.system() == "Darwin":
        return _sysctl("machdep.cpu.brand_string") or platform.machine()
    return _cpu_fact("model name") or platform.processor() or platform.machine()


def _cpu_bf16() -> bool:
    if platform.system() == "Darwin":
        return _sysctl("hw.optional.arm.FEAT_BF16") == "1"
    return bf16_is_faster(_cpu_flags(), _cpu_fact("vendor_id"))


def bf16_is_faster(flags: Set[str], vendor: str) -> bool:
    """Whether a processor of these flags multiplies bfloat16 faster than float32. AVX512-BF16 alone does on AMD's; on
    Intel's without AMX it was the slower at everything (docs/experiments.md)."""
    return bool(flags & {"amx_bf16", "bf16"}) or ("avx512_bf16" in flags and vendor != "GenuineIntel")


def cpu_multiplies_int8() -> bool:
    """Whether the processor does so natively, and torch with it. x86 only: elsewhere its kernels were not tried."""
    return bool(_cpu_flags() & {"avx512_vnni", "avx_vnni", "amx_int8"})


def has_fast_packed() -> bool:
    """Whether this machine's processor multiplies faster by oneDNN with weights laid out before."""
    return packed_is_faster(_cpu_flags(), _cpu_fact("vendor_id"))


def packed_is_faster(flags: Set[str], vendor: str) -> bool:
    """Whether a processor of these flags does. MKL, which lays weights out as it goes, is made for Intel's processors;
    on AMD's with AVX2 alone it is the faster of both from a hundred rows on (docs/experiments.md)."""
    return vendor == "AuthenticAMD" and "avx512f" in flags


def _cpu_flags() -> set[str]:
    return set(_cpu_fact("flags", "Features").split())


def _cpu_fact(*names: str) -> str:
    """What Linux says of the first processor under one of these names; "" where it says nothing."""
    for line in _cpuinfo():
        if line.startswith(names):
            return line.split(":", 1)[1].strip()
    return ""


@cache
def _cpuinfo() -> Sequence[str]:
    """Lines of which a machine with many processors has thousands, read once."""
    return _text(Path("/proc/cpuinfo")).splitlines()


def _sysctl(name: str) -> str:
    try:
        return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=2).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _gpu_seen() -> str:
    """Which kind of GPU the system shows, before torch is asked; "" where none."""
    if platform.system() == "Darwin":
        return "Apple" if platform.machine() == "arm64" else ""
    if any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")):
        return "NVIDIA"
    if Path("/dev/kfd").exists():
        return "AMD"
    return "NVIDIA" if shutil.which("nvidia-smi") else ""


def _gpus(free_ram_bytes: int) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    seen = _gpu_seen()
    if not seen:
        return (), ()
    version = installed_version("torch")
    if version is None:
        return (), (f"There is an {seen} GPU, but torch is not installed: it stays unused.",)
    if version.endswith("+cpu"):
        return (), (f"There is an {seen} GPU, but torch {version} is the CPU build: it stays unused.",)
    import torch

    if seen == "Apple":
        if not torch.backends.mps.is_available():
            return (), ("This torch cannot use the Apple GPU: it stays unused.",)
        total = torch.mps.recommended_max_memory()
        # The GPU shares the machine's memory: what is free for one is free for the other.
        return (Gpu(_cpu_name(), total, min(total, free_ram_bytes), bf16=True, kind="mps"),), ()
    if not torch.cuda.is_available():
        return (), (f"There seems to be an {seen} GPU, but torch {version} cannot use it (driver or visibility).",)
    gpus: list[Gpu] = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        capability = torch.cuda.get_device_capability(index)
        bf16 = torch.version.hip is not None or capability >= (8, 0)
        gpus.append(Gpu(torch.cuda.get_device_name(index), total, free, capability, bf16))
    return tuple(gpus), ()
