"""The programs of the Procfile as one process tree: they start together and end together.

honcho's Manager runs them. Four of its habits are changed. A stop asks each program's main process only, so that a
Celery worker finishes the prediction in hand instead of losing its children. A program that does not listen is killed
after `STOP_SECONDS`, or when the signals keep coming. SIGHUP ends the tree, too. And nothing outlives the launcher.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from honcho.compat import ProcessManager
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer
from honcho.process import Popen, Process

from brainscan.launcher.lifetime import end_with_parent

STOP_SECONDS = 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _MainProcesses(ProcessManager):  # type: ignore[misc]
    """Asks a program's main process to end; `kill`, as in honcho, ends its whole group."""

    def terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


class _Program(Process):  # type: ignore[misc]
    """A program and the small process that reads its output; both end when the launcher dies."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        end_with_parent(signal.SIGKILL)
        for signum in SIGNALS:  # a terminal sends them to us as well; only the launcher answers
            signal.signal(signum, signal.SIG_IGN)
        self._child_ctor = partial(Popen, preexec_fn=_as_new)
        super().run(events, ignore_signals)


class _Printer(Printer):  # type: ignore[misc]
    """A terminal that was closed takes no more lines; the programs must be able to go on writing nevertheless."""

    def write(self, message: Message) -> None:
        with contextlib.suppress(OSError):
            super().write(message)


class Tree(Manager):  # type: ignore[misc]
    """A Procfile's programs, less `without`, run in its folder with `env`. Their output is printed line by line."""

    def __init__(self, procfile: Path, *, env: Mapping[str, str], without: Collection[str] = ()) -> None:
        super().__init__(_Printer(sys.stdout))
        self._procmgr = _MainProcesses()
        self._process_ctor = _Program
        self._signals = 0
        self._asked = False
        self._culprit: str | None = None
        shared = {**env, "PYTHONUNBUFFERED": "1"}
        for name, command in parse_procfile(procfile.read_text()).processes.items():
            # exec: the process id is the program's own, not a shell's
            if name not in without:
                self.add_process(name, f"exec {command}", env=shared, cwd=str(procfile.parent))

    def start(self) -> None:
        """Start every program. Apart from `run`, because it forks and so has to come before any thread."""
        super()._start()

    def run(self) -> str | None:
        """Wait for a signal or for a program to end, then end all. The program that ended by itself, if one did."""
        self.loop()
        self.stop()
        return self._culprit

    def request_stop(self) -> None:
        """End the tree soon; for signals and other threads."""
        self._asked = True
        if self._all_started():
            self.terminate()
        else:  # honcho cannot stop what has not told its process id yet
            _later(0.1, self.request_stop)

    def terminate(self) -> None:
        """Ask all to end. honcho's loop calls this, too, when a program has ended."""
        if self._terminating:
            return
        if not self._asked:
            self._culprit = next(n for n, p in self._processes.items() if p.get("returncode") is not None)
        _later(STOP_SECONDS, self.kill)
        super().terminate()

    def stop(self) -> None:
        """End whatever remains of the programs' process groups."""
        for program in self._processes.values():
            if "pid" in program:
                self._procmgr.kill(program["pid"])

    def exit_status(self, name: str) -> int | None:
        """The exit status of a program, None while it runs."""
        status: int | None = self._processes[name].get("returncode")
        return status

    def show(self, text: str) -> None:
        """Print `text` as it is, in between the programs' lines."""
        print(text, flush=True)

    def _start(self) -> None:
        """Where honcho's loop would start the programs, after setting handlers of its own: ours take their place."""
        for signum in SIGNALS:
            signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1
        # make passes a SIGTERM on, so that one stop may reach us twice; only a third signal is impatience.
        if self._signals > 2 and self._all_started():
            self.kill()
        else:
            self.request_stop()

    def _system_print(self, data: str) -> None:
        """honcho's own remarks are left out: what ended by itself is told at the end."""


def _as_new() -> None:
    """In a program's process, before it starts: signals as they come, and an end when its reader ends."""
    end_with_parent()
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)


def _later(seconds: float, call: Any) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
