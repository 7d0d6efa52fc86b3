"""Memory, descriptors and threads of the site's processes, as Linux shows them (proc(5))."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.verification.background import Background

INTERVAL = 10.0
"""Seconds between two samples."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Totals over some processes. Megabytes are 10^6 bytes.

    resident: in memory or swapped out. A page that several processes share counts for each, so a parent holds the same
    whether its children still share its pages or not. allocated: what a program has allocated of that by its own
    account, without the free room of its heap, which a leak fills before it takes more pages; 0 if it does not say.
    """

    processes: int = 0
    resident: float = 0.0
    descriptors: int = 0
    threads: int = 0
    allocated: float = 0.0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(other, name) for name in Figures.__slots__))


def look(pid: int) -> Figures:
    """The figures of one process. Raises OSError if it has ended or belongs to another user."""
    folder = Path(f"/proc/{pid}")
    sizes = {"Rss": 0.0, "Swap": 0.0}
    for line in (folder / "smaps_rollup").read_text().splitlines()[1:]:
        name, kilobytes, _ = line.split(None, 2)
        if name.rstrip(":") in sizes:
            sizes[name.rstrip(":")] = int(kilobytes) * 1024 / 1e6
    descriptors, threads = len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir()))
    return Figures(1, sum(sizes.values()), descriptors, threads)


def role(pid: int, commands: Mapping[int, str], parents: Mapping[int, int]) -> str:
    """What a process does, by its own and its parent's command line; "" for what is not one of the site's programs,
    such as a management command."""
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


class Sampler(Background):
    """Samples every `every` seconds inside a `with`. samples: seconds since the start, and the figures by role.

    allocated: by role, the megabytes that it says it has allocated.
    """

    def __init__(
        self,
        commands: Callable[[], Mapping[int, str]],
        *,
        allocated: Callable[[], Mapping[str, float]] = dict,
        every: float = INTERVAL,
    ) -> None:
        super().__init__()
        self._commands, self._allocated, self._every = commands, allocated, every
        self.samples: list[tuple[float, dict[str, Figures]]] = []

    def _run(self) -> None:
        start = time.monotonic()
        while True:
            found = by_role(self._commands())
            for name, megabytes in self._allocated().items():
                found[name] = replace(found.get(name, Figures()), allocated=megabytes)
            self.samples.append((time.monotonic() - start, found))
            if self._over.wait(self._every):
                return
