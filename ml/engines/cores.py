"""How many threads an engine may use: the cores available to this process, divided among a machine's workers."""

import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_V2, _V1 = ("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")


def available(*, cgroups: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Cores available to this process, at least 1: its CPU affinity, limited by the quotas of its cgroups.

    Reads `cpu.max` of cgroup v2 and the CFS quota of v1 (Linux kernel, Documentation/admin-guide/cgroup-v2), for every
    group from the process' own up to the root.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(int(quota + 0.5) for quota in _quotas(cgroups, own))]))


def per_worker(workers: int) -> int:
    """Threads for each of `workers` processes on this machine, at least 1."""
    return max(1, available() // max(workers, 1))


def _quotas(cgroups: Path, own: Path) -> Iterator[float]:
    """The core limits of the groups that this process belongs to."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    for line in ["0::/", *lines]:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root, names = (cgroups / "cpu", _V1) if controllers else (cgroups, _V2)
        group = root if "/.." in path else root / path.lstrip("/")  # "..": outside the mounted tree
        for folder in (group, *group.parents):
            if not folder.is_relative_to(root):
                break
            if quota := _quota(folder, names):
                yield quota


def _quota(folder: Path, names: tuple[str, ...]) -> float | None:
    """The group's limit in cores, None if it has none."""
    try:
        limit, period = " ".join((folder / name).read_text(encoding="ascii") for name in names).split()
        return int(limit) / int(period) if int(limit) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # missing, or "max"
        return None
