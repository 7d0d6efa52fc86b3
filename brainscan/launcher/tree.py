"""Web, worker and beat of the Procfile as one process tree: they start together and end together.

A stop asks each program's main process only, so that a Celery worker finishes the prediction in hand instead of losing
its children; what is left after `STOP_SECONDS` is killed, and so it is when the signals keep coming.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import FrameType

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from brainscan.launcher.lifetime import end_with_parent

STOP_SECONDS = 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Tree:
    """The programs of a Procfile, run in its folder with `env`; their output is printed line by line."""

    def __init__(self, procfile: Path, *, env: Mapping[str, str]) -> None:
        self._commands = dict(parse_procfile(procfile.read_text()).processes)
        self._folder = procfile.parent
        self._env = {**env, "PYTHONUNBUFFERED": "1"}
        self._printer = Printer(sys.stdout, width=max(map(len, self._commands), default=0))
        self._printing = threading.Lock()
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._printers: list[threading.Thread] = []
        self._stops = 0
        self._over = False

    def start(self) -> None:
        """Start every program and print what it says. From here on a signal only asks for the end."""
        for signum in SIGNALS:
            signal.signal(signum, self._on_signal)
        for name, command in self._commands.items():
            self._programs[name] = subprocess.Popen(
                f"exec {command}",  # the process id is the program's own, not a shell's
                shell=True,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        colours = get_colours()
        for name, program in self._programs.items():
            arguments = (name, program, next(colours))
            self._printers.append(threading.Thread(target=self._print_output, args=arguments, daemon=True))
        for printer in self._printers:
            printer.start()

    def run(self) -> str | None:
        """Wait for a signal or for a program to end, then end all. The program that ended by itself, if one did."""
        while not self._stops and not self._ended():
            time.sleep(0.1)
        culprit = None if self._stops else self._ended()[0]
        self.stop()
        return culprit

    def request_stop(self) -> None:
        """End the tree soon; for other threads."""
        self._stops = max(self._stops, 1)

    def stop(self) -> None:
        """Ask every program to end, wait, and kill what remains of their process groups."""
        if self._over:
            return
        self._over = True
        for program in self._programs.values():
            if program.poll() is None:
                program.terminate()
        # make passes a SIGTERM on, so that one stop may reach us twice; only a third signal is impatience.
        patience, deadline = max(self._stops, 2), time.monotonic() + STOP_SECONDS
        while len(self._ended()) < len(self._programs) and self._stops <= patience and time.monotonic() < deadline:
            time.sleep(0.05)
        for program in self._programs.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        for printer in self._printers:
            printer.join(timeout=1)

    def exit_status(self, name: str) -> int | None:
        """The exit status of a program, None while it runs."""
        return self._programs[name].poll()

    def show(self, text: str) -> None:
        """Print `text` as it is, in between the programs' lines."""
        with self._printing:
            print(text, flush=True)

    def _ended(self) -> list[str]:
        return [name for name, program in self._programs.items() if program.poll() is not None]

    def _print_output(self, name: str, program: subprocess.Popen[bytes], colour: str) -> None:
        assert program.stdout is not None
        for line in program.stdout:
            message = Message(type="line", data=line, time=datetime.now(), name=name, colour=colour)
            # A terminal that was closed takes no more lines; the program must be able to go on writing nevertheless.
            with self._printing, contextlib.suppress(OSError):
                self._printer.write(message)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._stops += 1
