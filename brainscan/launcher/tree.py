"""The programs of the Procfile as one process tree.

A program that ends by itself is started again after a pause that grows, while the others go on. One that cannot stay up
ends the tree. A stop signals each program's main process; what remains after `STOP_SECONDS`, or at the third signal, is
killed. Nothing outlives the launcher.
"""

import contextlib
import selectors
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import FrameType

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from brainscan.launcher import environment, program
from brainscan.launcher.program import SIGNALS, Program

STOP_SECONDS = 30
_TICK = 0.2
"""Seconds between looks at what has ended, at what is due, and at requests to stop."""


class Tree:
    """Runs a Procfile's programs except `without`, in its folder, with `env`. Prints their output line by line."""

    def __init__(
        self,
        procfile: Path,
        *,
        env: Mapping[str, str],
        without: Collection[str] = (),
        patient: Callable[[], bool] = lambda: False,
    ) -> None:
        """env: what the programs share, and secrets, of which each gets those that it needs.

        patient: whether programs fail for a reason that passes, so that none is given up.
        """
        self._patient = patient
        shared = {**env, "PYTHONUNBUFFERED": "1"}
        commands = {n: line for n, line in parse_procfile(procfile.read_text()).processes.items() if n not in without}
        self._programs = [
            Program(name, command, env=environment.of_program(shared, name), folder=procfile.parent)
            for name, command in commands.items()
        ]
        self._colours = dict(zip(commands, get_colours(), strict=False))
        self._printer = Printer(sys.stdout, width=max(map(len, commands), default=0))
        self._selector = selectors.DefaultSelector()
        self._signals = 0
        self._asked = False
        self._killed_at = float("inf")

    def start(self) -> None:
        """Start every program."""
        for one in self._programs:
            self._start(one)

    def run(self) -> Program | None:
        """Serve until a stop is requested or a program cannot stay up. Returns that program, if any."""
        for signum in SIGNALS:
            signal.signal(signum, self._on_signal)
        given_up: Program | None = None
        while given_up is None and not self._asked:
            self._relay()
            given_up = self._restart_what_ended()
        self._stop()
        return given_up

    def request_stop(self) -> None:
        """Ask the tree to stop; for signal handlers and other threads."""
        self._asked = True

    def kill(self) -> None:
        """Kill what remains of the programs' process groups."""
        for one in self._programs:
            one.signal_group(signal.SIGKILL)

    def show(self, text: str) -> None:
        """Print `text` unchanged, between the programs' lines."""
        with contextlib.suppress(OSError):  # on a full disk the log cannot be written; the tree must go on
            print(text, flush=True)

    def _start(self, one: Program) -> None:
        one.start()
        self._selector.register(one.output, selectors.EVENT_READ, one)

    def _relay(self) -> None:
        """Print what the programs have printed; waits for at most a tick."""
        for key, _ in self._selector.select(_TICK):
            self._print(key.data, key.data.read())
        for one in self._programs:
            if one.running and one.ended():
                self._selector.unregister(one.output)
                self._print(one, one.close())
                if not self._asked and one.failures < program.MAX_FAILURES:
                    self._print(one, [f"ended with status {one.status}; it is started again".encode()])

    def _restart_what_ended(self) -> Program | None:
        """Start what is due again. Returns a program that has failed too often."""
        for one in self._programs:
            if one.running:
                continue
            if one.failures >= program.MAX_FAILURES and not self._patient():
                return one
            if time.monotonic() >= one.due:
                self._start(one)
        return None

    def _stop(self) -> None:
        """Ask all programs to stop, and wait until all have ended."""
        for one in self._programs:
            one.ask_to_stop()
        self._killed_at = min(self._killed_at, time.monotonic() + STOP_SECONDS)
        while any(one.running for one in self._programs):
            if time.monotonic() >= self._killed_at:
                self.kill()
            self._relay()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1
        self.request_stop()
        if self._signals > 2:  # make forwards SIGTERM, so one stop may arrive twice; only a third means impatience
            self._killed_at = 0.0

    def _print(self, one: Program, lines: Iterable[bytes]) -> None:
        for line in lines:
            message = Message("line", line, datetime.now(), one.name, self._colours.get(one.name))
            with contextlib.suppress(OSError):  # programs must survive when the terminal is closed
                self._printer.write(message)
