"""One program of the Procfile: its process, what it prints, and when it may start again."""

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from brainscan.launcher.lifetime import end_with_parent

STEADY_SECONDS = 30.0
"""A program that ran this long had started; what ends it later is a new failure."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before the first restart; each further failure in a row doubles the pause, up to the longest."""
MAX_FAILURES = 6
"""Failures in a row after which a program is given up. The pauses between them take 15 seconds."""
_TAIL = 8
"""Lines that are kept to say why a program ended."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Program:
    """Started by a shell's `exec`, so that its process id is the program's; leads a process group of its own."""

    def __init__(self, name: str, command: str, *, env: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.status: int | None = None
        self.failures = 0
        self.due = 0.0
        self.tail: deque[bytes] = deque(maxlen=_TAIL)
        self._command, self._env, self._folder = f"exec {command}", env, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._rest = b""

    @property
    def running(self) -> bool:
        """Whether the process runs, as far as is known."""
        return self._process is not None

    @property
    def output(self) -> int:
        """The file descriptor of its output, while it runs."""
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout.fileno()

    def start(self) -> None:
        """Start the process. Call it from the main thread: the kernel ends the process when that thread ends."""
        self._process = subprocess.Popen(
            self._command,
            shell=True,  # nosec B602
            env=self._env,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_before_exec,
        )
        os.set_blocking(self.output, False)
        self._started = time.monotonic()

    def read(self) -> list[bytes]:
        """The whole lines printed since the last call."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.output, 65536):
                self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        self.tail.extend(lines)
        return lines

    def ended(self) -> bool:
        """Whether the process has ended. Then nothing of its group is left, and `due` says when to start it again."""
        process = self._process
        if process is None or os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        self.signal_group(signal.SIGKILL)  # before the process is reaped: its id still belongs to the group
        self.status = process.wait()
        steady = time.monotonic() - self._started >= STEADY_SECONDS
        self.failures = 1 if steady else self.failures + 1
        self.due = time.monotonic() + pause_after(self.failures)
        return True

    def close(self) -> list[bytes]:
        """After the end: return the last lines, and let go of the process."""
        lines = self.read()
        if self._rest:
            lines, self._rest = [*lines, self._rest], b""
            self.tail.append(lines[-1])
        assert self._process is not None and self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return lines

    def ask_to_stop(self) -> None:
        """Signal the main process only, so that a Celery worker finishes its prediction instead of losing a child."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._process.pid, signal.SIGTERM)

    def signal_group(self, signum: int) -> None:
        """Signal the process and its children."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signum)


def pause_after(failures: int) -> float:
    """Seconds until the next start. While the disk is full, nothing is given up, so failures may be thousands."""
    return min(FIRST_PAUSE * 2.0 ** min(failures - 1, 16), LONGEST_PAUSE)


def _before_exec() -> None:
    """In the new process: restore signal handling, and end when the launcher does."""
    end_with_parent()
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
