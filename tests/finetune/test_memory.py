"""Memory of a training, in a process of its own: the setting cannot be taken back."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
from finetune.memory import keep_freed_blocks
kept = keep_freed_blocks()
def touch():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.empty(64 * 2**20, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
touch()
print(kept, touch())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_a_block_that_was_freed_is_used_again_without_page_faults() -> None:
    kept, faults = subprocess.check_output([sys.executable, "-c", CODE], text=True).split()
    assert kept == "True" and int(faults) < 1000  # 64 MB are 16,384 pages


GIVEN_BACK = """
import os
import numpy as np
from finetune.memory import freed_blocks_kept
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
with freed_blocks_kept():
    before = resident()
    blocks = [np.ones(2**20, np.uint8) for _ in range(256)]
    last = blocks[-1]  # on top of the others: they cannot leave the heap from its end
    del blocks
    within = resident() - before
print(within, resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_what_was_kept_is_given_back_afterwards() -> None:
    within, after = map(int, subprocess.check_output([sys.executable, "-c", GIVEN_BACK], text=True).split())
    assert within > 200 * 2**20 > 20 * 2**20 > after
