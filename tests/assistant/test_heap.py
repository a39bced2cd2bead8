"""Memory that was freed goes back."""

from __future__ import annotations

import ctypes
import sys

import psutil
import pytest

from assistant.heap import trim


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has glibc")
def test_holes_between_what_is_held_are_given_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("this C library is not glibc")
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [libc.malloc(100_000) for _ in range(1000)]
    for block in blocks:
        ctypes.memset(block, 1, 100_000)
    for place, block in enumerate(blocks):
        if place % 10:
            libc.free(block)
    before = psutil.Process().memory_info().rss
    assert trim()
    assert before - psutil.Process().memory_info().rss > 60_000_000
    for block in blocks[::10]:
        libc.free(block)


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        """musl, say."""

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Other())
    assert trim() is False
