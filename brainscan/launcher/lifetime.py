"""Keeps processes from outliving the launcher, even if it is killed."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(signum: int = signal.SIGTERM) -> None:
    """Make the kernel send this process `signum` when its parent dies. Linux; elsewhere the next start cleans up."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signum))


def watch_make(stop: Callable[[], None]) -> None:
    """Call `stop` when the parent `make` has ended or was interrupted alone.

    A terminal signals the whole process group. But if a script sends SIGINT to make's process only, make does not pass
    it on and waits for us forever. It blocks the signal meanwhile, which /proc shows.
    """
    if "MAKELEVEL" not in os.environ:
        return
    parent = os.getppid()
    pause = threading.Event()

    def watch() -> None:
        while os.getppid() == parent and not _interrupted(parent):
            pause.wait(0.5)
        stop()

    threading.Thread(target=watch, name="watch-make", daemon=True).start()


def _interrupted(pid: int) -> bool:
    """Whether process `pid` is a `make` that is stopping because of SIGINT or SIGHUP."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if fields.get("Name", "").strip() not in ("make", "gmake"):
        return False
    blocked = int(fields["SigBlk"], 16)
    return any(blocked & (1 << (signum - 1)) for signum in (signal.SIGINT, signal.SIGHUP))
