"""The memory of a process and its descendants, while some of them end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.fixture
def child() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate()


def test_a_process_counts_with_its_descendants(child: int) -> None:
    assert {os.getpid(), child} <= set(processes.tree(os.getpid()))
    assert processes.proportional_mb(os.getpid()) > processes.proportional_mb(child) > 0


@pytest.mark.parametrize("error", [FileNotFoundError, ProcessLookupError])
def test_what_ends_while_it_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch, child: int, error: Any) -> None:
    read = Path.read_text

    def read_text(path: Path) -> str:
        if f"/{child}/" in str(path):
            raise error(path)
        return read(path)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert processes.proportional_mb(os.getpid()) > 0
    with pytest.raises(ProcessLookupError):
        processes.proportional_mb(child)


def test_a_process_that_has_ended_has_no_memory_to_tell() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(ProcessLookupError):
        processes.proportional_mb(process.pid)
