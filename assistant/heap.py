"""Memory that was freed, given back to the system.

glibc keeps what threads have freed for their next need. Products of ever other sizes leave holes in it, and a server's
memory grows for hours without anything being held (docs/experiments.md).
"""

from __future__ import annotations

import ctypes


def trim() -> bool:
    """Give back what is free in all of this process's heaps, within milliseconds; whether there was something to give.
    Does nothing where the C library is not glibc."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError, TypeError):  # a system without dlopen's NULL, or without malloc_trim
        return False
