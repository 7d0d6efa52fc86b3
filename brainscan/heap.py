"""Returns memory that glibc keeps after use to the system.

What the threads of a busy web process free leaves holes between blocks that are still in use: libpq's buffers, rows,
images. glibc keeps the holes, because it only shrinks the heap at its end, so the process grew by 35 MB in an hour of
mixed load although what it used did not (docs/reliability.md, Soak).
"""

import ctypes
import threading

EVERY = 60.0
"""Seconds from one trim to the next. Each takes some milliseconds."""


def trim() -> bool:
    """Return the free pages of the heap, those in the middle too (malloc_trim(3)).

    Returns whether any were. Does nothing where the C library has no such function, as musl has not.
    """
    function = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return bool(function and function(0))


def trim_regularly(over: threading.Event | None = None) -> threading.Thread:
    """Start a daemon thread that trims the heap every EVERY seconds, until `over` is set."""
    end = over or threading.Event()

    def run() -> None:
        while not end.wait(EVERY):
            trim()

    thread = threading.Thread(target=run, name="trim-heap", daemon=True)
    thread.start()
    return thread
