"""The programs start and end together, whoever asks, and leave no process behind."""

import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest


def test_honcho_is_the_version_that_the_tree_was_checked_against() -> None:
    """`Tree` uses what honcho does not document: of `Manager` `_procmgr`, `_process_ctor`, `_processes` with
    their `pid` and `returncode`, `_terminating`, `_all_started`, `_start` and `_system_print`; of `Process`
    `_child_ctor`; and that `loop` installs handlers before `_start` and calls `terminate` when a program has ended.

    With another version, read its manager.py and process.py for these, run this file, then change the number.
    """
    assert metadata.version("honcho") == "2.0.0"


_RUN = """
import os, sys
from pathlib import Path
from honcho import manager
from brainscan.launcher.tree import Tree
manager.KILL_WAIT = 0.5
tree = Tree(Path(sys.argv[1]), env=os.environ)
tree.start()
culprit = tree.run()
print("culprit:", culprit, culprit and tree.exit_status(culprit), flush=True)
"""
_SLEEPS = "sleep 600"
_WITH_CHILD = "sh -c 'sleep 600 & echo child $!; wait'"
_STUBBORN = "sh -c 'trap \"\" TERM INT; echo deaf; while :; do sleep 0.1; done'"


def _start(folder: Path, **programs: str) -> subprocess.Popen[str]:
    procfile = folder / "Procfile"
    procfile.write_text("".join(f"{name}: {command}\n" for name, command in programs.items()))
    command = [sys.executable, "-c", _RUN, str(procfile)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def _read_until(run: subprocess.Popen[str], text: str) -> str:
    assert run.stdout is not None
    for line in run.stdout:
        if text in line:
            return line
    raise AssertionError(f"{text!r} was never printed")


def _gone(pid: int) -> bool:
    """Whether the process has ended; a zombie counts as ended."""
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_programs(tmp_path: Path, signum: int) -> None:
    with _start(tmp_path, one=_SLEEPS, two=_WITH_CHILD) as run:
        child = int(_read_until(run, "child").split()[-1])
        run.send_signal(signum)
        assert _read_until(run, "culprit:") == "culprit: None None\n"
        assert run.wait(timeout=10) == 0
    assert _gone(child)


def test_a_program_that_ends_takes_the_others_with_it_and_is_named(tmp_path: Path) -> None:
    with _start(tmp_path, one=_WITH_CHILD, two="sh -c 'sleep 0.5; echo no luck; exit 3'") as run:
        child = int(_read_until(run, "child").split()[-1])
        _read_until(run, "no luck")
        assert _read_until(run, "culprit:") == "culprit: two 3\n"
    assert _gone(child)


def test_a_third_signal_kills_a_program_that_ignores_signals(tmp_path: Path) -> None:
    with _start(tmp_path, one=_STUBBORN) as run:
        _read_until(run, "deaf")
        for _ in range(3):
            run.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert run.wait(timeout=10) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_programs_end_when_the_launcher_is_killed_outright(tmp_path: Path) -> None:
    with _start(tmp_path, one="sh -c 'echo me $$; exec sleep 600'") as run:
        program = int(_read_until(run, "me").split()[-1])
        os.kill(run.pid, signal.SIGKILL)
    assert _gone(program)


def test_output_that_is_no_text_is_still_printed(tmp_path: Path) -> None:
    with _start(tmp_path, one=r"printf 'a\377b\nlast\n'") as run:
        assert "a�b" in _read_until(run, "a")
        _read_until(run, "last")


def test_a_program_may_be_left_out(tmp_path: Path) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text("one: echo here\ntwo: echo there\n")
    code = _RUN.replace("env=os.environ", "env=os.environ, without={'two'}")
    done = subprocess.run([sys.executable, "-c", code, str(procfile)], capture_output=True, text=True, timeout=60)
    assert "here" in done.stdout and "there" not in done.stdout
