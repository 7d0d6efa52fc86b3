"""The heap is trimmed: holes between blocks that are in use go back to the system."""

import ctypes
import subprocess
import sys
import threading

import pytest

from brainscan import heap

_FRAGMENTED = """
import re
from brainscan import heap

def resident():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

blocks = [bytes(4000) for _ in range(20_000)]  # more than Python's own allocator takes
kept = blocks[::50]
del blocks
before = resident()
trimmed = heap.trim()
print(trimmed, round(before - resident()))
"""


def test_holes_in_the_heap_are_returned() -> None:
    done = subprocess.run([sys.executable, "-c", _FRAGMENTED], capture_output=True, text=True, check=True)
    trimmed, megabytes = done.stdout.split()
    assert trimmed == "True"
    assert int(megabytes) > 40, "of 80 MB, all but 2 % was freed"


def test_it_happens_again_and_again_until_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    over, times = threading.Event(), iter(range(3))

    def count() -> bool:
        if next(times) == 2:
            over.set()
        return True

    monkeypatch.setattr(heap, "EVERY", 0.001)
    monkeypatch.setattr(heap, "trim", count)
    heap.trim_regularly(over).join(timeout=10)
    assert next(times, None) is None


def test_a_c_library_without_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert heap.trim() is False
