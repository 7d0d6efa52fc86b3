"""Memory, descriptors and threads of the site's processes, as Linux shows them (proc(5))."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

INTERVAL = 10.0
"""Seconds from one look to the next."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What some processes hold together. Megabytes are 10^6 bytes.

    rss: resident, so a page that two of them share counts twice. pss: shared pages count by their share. private: of
    one process alone, in memory or swapped out, what would come free if it ended; a leak is always in here.
    """

    processes: int = 0
    rss: float = 0.0
    pss: float = 0.0
    private: float = 0.0
    descriptors: int = 0
    threads: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(other, name) for name in Figures.__slots__))


def look(pid: int) -> Figures:
    """Raises OSError if the process has ended, or is not ours to see."""
    folder = Path(f"/proc/{pid}")
    sizes = {"Rss": 0.0, "Pss": 0.0, "Private_Clean": 0.0, "Private_Dirty": 0.0, "Swap": 0.0}
    for line in (folder / "smaps_rollup").read_text().splitlines()[1:]:
        name, kilobytes, _ = line.split(None, 2)
        if name.rstrip(":") in sizes:
            sizes[name.rstrip(":")] = int(kilobytes) * 1024 / 1e6
    private = sizes["Private_Clean"] + sizes["Private_Dirty"] + sizes["Swap"]
    descriptors, threads = len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir()))
    return Figures(1, sizes["Rss"], sizes["Pss"], private, descriptors, threads)


def role(pid: int, commands: Mapping[int, str], parents: Mapping[int, int]) -> str:
    """What a process of the site does, by its command line and its parents'; "" for one that is none of the site's
    programs, such as a management command."""
    command, parent = commands[pid], commands.get(parents.get(pid, 0), "")
    if "multiprocessing.forkserver" in command:
        return "decoder server" if "multiprocessing.forkserver" not in parent else "decoders"
    if "resource_tracker" in command:
        return "decoder server"
    for word, name in (("gunicorn", "web"), ("brainscan worker", "worker")):
        if word in command:
            return name if word in parent else f"{name} (parent)"
    words = {"brainscan beat": "beat", "dicom_listener": "DICOM listener", "valkey": "broker", "run_site": "launcher"}
    return next((name for word, name in words.items() if word in command), "")


def parent(pid: int) -> int:
    """Id of the parent process; 0 for one that has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


def by_role(commands: Mapping[int, str]) -> dict[str, Figures]:
    """The sums of the processes of each role. commands: command line by id."""
    parents = {pid: parent(pid) for pid in commands}
    found: dict[str, Figures] = {}
    for pid in commands:
        if name := role(pid, commands, parents):
            with suppress(OSError):  # it has just ended
                found[name] = found.get(name, Figures()) + look(pid)
    return found


class Sampler:
    """Looks every `every` seconds while it is entered. samples: seconds since the start, and the figures by role."""

    def __init__(self, commands: Callable[[], Mapping[int, str]], *, every: float = INTERVAL) -> None:
        self._commands, self._every = commands, every
        self.samples: list[tuple[float, dict[str, Figures]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        start = time.monotonic()
        while True:
            self.samples.append((time.monotonic() - start, by_role(self._commands())))
            if self._over.wait(self._every):
                return
