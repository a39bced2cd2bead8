"""Memory that was freed, given back to the system.

glibc keeps what threads have freed for their next need. Products of ever other sizes leave holes in it, and a server's
memory grows for hours without anything being held (docs/experiments.md).
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any


def trim() -> bool:
    """Give back what is free in all of this process's heaps, within milliseconds; whether there was something to give.
    Does nothing where the C library is not glibc."""
    libc = glibc()
    return bool(libc and libc.malloc_trim(0))


def glibc() -> Any:
    """This process's C library, where it is glibc."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "gnu_get_libc_version") else None
