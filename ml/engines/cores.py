"""How many threads an engine may use: the cores that this process really has, shared among the workers of a machine."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_V1 = ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")


def available(*, cgroup: Path = _CGROUP) -> int:
    """Cores of this process, at least 1: what its affinity allows, and no more than its container's quota.

    Reads `cpu.max` of cgroup v2 and the CFS quota of v1 (Linux kernel, Documentation/admin-guide/cgroup-v2).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, min(cores, int(quota + 0.5)) if quota else cores)


def share(workers: int) -> int:
    """Threads for one of so many workers that run side by side; at least 1."""
    return max(1, available() // max(workers, 1))


def _quota(cgroup: Path) -> float | None:
    """Cores that the container may use; None where there is no limit."""
    for names in (("cpu.max",), _V1):
        try:
            limit, period = " ".join((cgroup / name).read_text(encoding="ascii") for name in names).split()
            return int(limit) / int(period) if int(limit) > 0 else None
        except (OSError, ValueError, ZeroDivisionError):  # absent, or "max": no limit
            continue
    return None
