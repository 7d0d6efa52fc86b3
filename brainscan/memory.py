"""What this process has allocated, as its allocators count it.

The system counts pages. A heap keeps pages that it once needed, and a leak fills those long before it asks for more, so
pages alone show a leak late. These figures show it at once.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache

BLOCK = 100
"""Bytes of a Python object of up to 512 bytes, on average: 95 in a web process that has loaded all pages
(`sys._debugmallocstats()` of Python 3.11). Python counts these objects but does not tell their size."""


class _Mallinfo2(ctypes.Structure):
    """glibc's `struct mallinfo2`, in bytes; see mallinfo(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


def allocated() -> int | None:
    """Bytes in use of all heaps, without their free room. None where the C library cannot tell: only glibc can, from
    2.33 on."""
    ask = _mallinfo2()
    if ask is None:
        return None
    found = ask()
    return int(found.uordblks + found.hblkhd) + BLOCK * sys.getallocatedblocks()


@cache
def _mallinfo2() -> Callable[[], _Mallinfo2] | None:
    """Made once: ctypes creates classes each time a library is opened, which become garbage."""
    try:
        found = ctypes.CDLL(None).mallinfo2
    except (AttributeError, TypeError):  # another library; Windows
        return None
    found.restype = _Mallinfo2
    return found
