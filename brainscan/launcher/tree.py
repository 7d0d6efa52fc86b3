"""The programs of the Procfile as one process tree: they start and stop together.

honcho's Manager runs them, with four changes. A stop signals each program's main process only, so a Celery worker
finishes its current prediction instead of losing its children. A program that does not stop is killed after
`STOP_SECONDS`, or at the third signal. SIGHUP stops the tree, too. Nothing outlives the launcher.

This uses parts of honcho that are not documented; tests/launcher/test_tree.py lists them and names the version.
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
    """Terminates only a program's main process; `kill` still ends its whole group, as in honcho."""

    def terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


class _Program(Process):  # type: ignore[misc]
    """A program and the helper process that reads its output; both end when the launcher dies."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        end_with_parent(signal.SIGKILL)
        for signum in SIGNALS:  # a terminal signals this process, too, but the launcher decides
            signal.signal(signum, signal.SIG_IGN)
        self._child_ctor = partial(Popen, preexec_fn=_before_exec)
        super().run(events, ignore_signals)


class _Printer(Printer):  # type: ignore[misc]
    """Ignores write errors: programs must survive when the terminal is closed."""

    def write(self, message: Message) -> None:
        with contextlib.suppress(OSError):
            super().write(message)


class Tree(Manager):  # type: ignore[misc]
    """Runs a Procfile's programs except `without`, in its folder, with `env`. Prints their output line by line."""

    def __init__(self, procfile: Path, *, env: Mapping[str, str], without: Collection[str] = ()) -> None:
        super().__init__(_Printer(sys.stdout))
        self._procmgr = _MainProcesses()
        self._process_ctor = _Program
        self._signals = 0
        self._asked = False
        self._culprit: str | None = None
        shared = {**env, "PYTHONUNBUFFERED": "1"}
        for name, command in parse_procfile(procfile.read_text()).processes.items():
            # exec, so that the process id is the program's, not a shell's
            if name not in without:
                self.add_process(name, f"exec {command}", env=shared, cwd=str(procfile.parent))

    def start(self) -> None:
        """Start every program. Separate from `run` because it forks, which has to happen before any thread starts."""
        super()._start()

    def run(self) -> str | None:
        """Wait for a signal or a program's end, then stop all. Returns the program that ended by itself, if any."""
        self.loop()
        self.stop()
        return self._culprit

    def request_stop(self) -> None:
        """Ask the tree to stop; for signal handlers and other threads."""
        self._asked = True
        if self._all_started():
            self.terminate()
        else:  # honcho cannot stop a program before it knows its process id
            _later(0.1, self.request_stop)

    def terminate(self) -> None:
        """Ask all programs to stop. honcho's loop calls this, too, when a program has ended."""
        if self._terminating:
            return
        if not self._asked:
            self._culprit = next(n for n, p in self._processes.items() if p.get("returncode") is not None)
        _later(STOP_SECONDS, self.kill)
        super().terminate()

    def stop(self) -> None:
        """Kill whatever remains of the programs' process groups."""
        for program in self._processes.values():
            if "pid" in program:
                self._procmgr.kill(program["pid"])

    def exit_status(self, name: str) -> int | None:
        """A program's exit status, None while it runs."""
        status: int | None = self._processes[name].get("returncode")
        return status

    def show(self, text: str) -> None:
        """Print `text` unchanged, between the programs' lines."""
        print(text, flush=True)

    def _start(self) -> None:
        """honcho's loop calls this to start the programs. They already run, so only replace its signal handlers."""
        for signum in SIGNALS:
            signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1
        # make forwards SIGTERM, so one stop may arrive twice; only a third signal means impatience.
        if self._signals > 2 and self._all_started():
            self.kill()
        else:
            self.request_stop()

    def _system_print(self, data: str) -> None:
        """Drop honcho's own messages; the launcher reports at the end which program failed."""


def _before_exec() -> None:
    """In a program's process before it starts: restore signal handling, and end when the reader process does."""
    end_with_parent()
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)


def _later(seconds: float, call: Any) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
