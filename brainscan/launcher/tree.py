"""Web, worker and beat of the Procfile as one process tree: they start together and end together.

honcho runs and prints them. Two things differ from `honcho start`: a stop asks each program's main process only, so
that a Celery worker finishes the prediction in hand instead of losing its children, and nothing outlives the launcher.
"""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import honcho.manager
from honcho.environ import parse_procfile
from honcho.printer import Printer
from honcho.process import Popen, Process

from brainscan.launcher.lifetime import end_with_parent

STOP_SECONDS = 30  # from the first process that ends to the kill of those that remain


class _Signals:
    """What the manager uses to stop its processes, by process id."""

    def terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def kill(self, pid: int) -> None:
        """Kill the process with all that it started: each program leads a process group of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


class _Process(Process):
    """A program and the small process that reads its output; each ends when its parent does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._child_ctor = self._start

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        end_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        super().run(events, ignore_signals)

    @staticmethod
    def _start(command: str, **kwargs: Any) -> Popen:
        # `exec`: the process id is the program's own, not a shell's.
        return Popen(f"exec {command}", stdin=None, preexec_fn=_before_program, **kwargs)


def _before_program() -> None:
    end_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Tree(honcho.manager.Manager):
    """The processes of `procfile`, run with `env` in `folder`. `on_start` is called once all have been started."""

    def __init__(self, procfile: Path, *, env: Mapping[str, str], on_start: Callable[[], None]) -> None:
        super().__init__(Printer(time_format="%H:%M:%S"))
        honcho.manager.KILL_WAIT = STOP_SECONDS
        self._process_ctor = _Process
        self._procmgr = _Signals()
        self._on_start = on_start
        self.stop_requested = False
        for name, command in parse_procfile(procfile.read_text()).processes.items():
            self.add_process(name, command, env=dict(env), cwd=str(procfile.parent))

    def run(self) -> bool:
        """Run until a signal or until a process ends. True if it was a signal that asked for the end."""
        signal.signal(signal.SIGHUP, lambda signum, frame: self.stop())
        try:
            self.loop()
        finally:
            self._kill_rest()
        return self.stop_requested

    def stop(self) -> None:
        """End the tree; may be called from any thread."""
        os.kill(os.getpid(), signal.SIGTERM)

    def terminate(self) -> None:
        # The manager has a return code at this point either from a signal or from a process that ended by itself.
        self.stop_requested = self.stop_requested or not self._any_stopped()
        if self._terminating and self.stop_requested:
            return
        super().terminate()

    def _start(self) -> None:
        # Readers are forked here, so threads may only start afterwards.
        super()._start()
        self._on_start()

    def _kill_rest(self) -> None:
        """Whatever a program left in its group, for instance pool children of a worker that was killed."""
        for state in self._processes.values():
            if pid := state.get("pid"):
                self._procmgr.kill(pid)
            reader = state.get("process")
            if isinstance(reader, multiprocessing.Process):
                reader.join(timeout=1)
