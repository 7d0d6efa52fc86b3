"""Looks at running processes, as Linux shows them."""

from pathlib import Path

import pytest

only_linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows it")


def started_with(pid: int | None) -> dict[str, str]:
    """The environment that a process was started with, which stays readable to it and to its user."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
