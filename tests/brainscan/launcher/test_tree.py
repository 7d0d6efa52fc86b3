"""The programs start and stop together, start again where one ends by itself, and leave no process behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from brainscan.launcher import program

pytestmark = pytest.mark.slow

_RUN = """
import os, sys
from pathlib import Path
from brainscan.launcher import program
from brainscan.launcher.tree import Tree
program.FIRST_PAUSE = 0.05
class Telling(Tree):
    def _on_signal(self, signum, frame):
        super()._on_signal(signum, frame)
        os.write(1, b"signal seen\\n")
tree = Telling(Path(sys.argv[1]), env=os.environ)
tree.start()
culprit = tree.run()
print("culprit:", culprit and culprit.name, culprit and culprit.status, culprit and list(culprit.tail), flush=True)
"""
_SLEEPS = "sleep 600"
_WITH_CHILD = "sh -c 'sleep 600 & echo child $!; wait'"
_STUBBORN = "sh -c 'trap \"\" TERM INT; echo deaf; while :; do sleep 0.1; done'"


@contextmanager
def _start(folder: Path, **programs: str) -> Iterator[subprocess.Popen[str]]:
    """The launcher with these programs. It is killed if the test fails, and fails the test after a minute."""
    procfile = folder / "Procfile"
    procfile.write_text("".join(f"{name}: {command}\n" for name, command in programs.items()))
    command = [sys.executable, "-c", _RUN, str(procfile)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as run:
        limit = threading.Timer(60, run.kill)
        limit.start()
        try:
            yield run
            run.wait()
            assert limit.is_alive(), "it did not end by itself"
        finally:
            limit.cancel()
            run.kill()


def _read_until(run: subprocess.Popen[str], text: str) -> str:
    return _read_all(run, text)[0]


def _read_all(run: subprocess.Popen[str], *texts: str) -> list[str]:
    """The first line with each text. Programs print in any order, so the lines may come in any."""
    assert run.stdout is not None
    found: dict[str, str] = {}
    for line in run.stdout:
        for text in texts:
            if text in line:
                found.setdefault(text, line)
        if len(found) == len(texts):
            return [found[text] for text in texts]
    raise AssertionError(f"{set(texts) - set(found)} was never printed")


def _ended(pid: int) -> bool:
    """Whether the process has ended; a zombie counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _gone(pid: int) -> bool:
    """Whether the process ends within five seconds."""
    for _ in range(100):
        if _ended(pid):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_programs(tmp_path: Path, signum: int) -> None:
    with _start(tmp_path, one=_SLEEPS, two=_WITH_CHILD) as run:
        child = int(_read_until(run, "child").split()[-1])
        run.send_signal(signum)
        assert _read_until(run, "culprit:") == "culprit: None None None\n"
        assert run.wait(timeout=10) == 0
    assert _gone(child)


def test_a_program_that_ends_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    with _start(tmp_path, one="sh -c 'echo first $$; exec sleep 600'", two=_WITH_CHILD) as run:
        before = [int(line.split()[-1]) for line in _read_all(run, "first", "child")]
        os.kill(before[0], signal.SIGKILL)
        assert "ended with status -9" in _read_until(run, "ended")
        again = int(_read_until(run, "first").split()[-1])
        assert again != before[0]
        assert not _ended(before[1])
        run.send_signal(signal.SIGINT)
        assert _read_until(run, "culprit:") == "culprit: None None None\n"
    assert _gone(again) and _gone(before[1])


def test_children_of_a_program_that_ended_do_not_run_beside_its_successor(tmp_path: Path) -> None:
    with _start(tmp_path, one=_WITH_CHILD) as run:
        child = int(_read_until(run, "child").split()[-1])
        os.kill(int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
        _read_until(run, "child")
        assert _gone(child)
        run.send_signal(signal.SIGINT)


def test_a_program_that_cannot_stay_up_ends_the_tree_and_says_why(tmp_path: Path) -> None:
    with _start(tmp_path, one=_WITH_CHILD, two="sh -c 'echo no luck; exit 3'") as run:
        lines = list(run.stdout or ())
    child = next(int(line.split()[-1]) for line in lines if "child" in line)
    assert sum("| no luck" in line for line in lines) == program.MAX_FAILURES
    assert lines[-1].startswith("culprit: two 3 [b'no luck'")
    assert _gone(child)


def test_each_failure_in_a_row_waits_longer_and_a_steady_run_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    one = program.Program("one", "true", env=dict(os.environ), folder=Path.cwd())
    pauses = []
    for steady in (99, 99, 99, 0, 99):
        monkeypatch.setattr(program, "STEADY_SECONDS", steady)
        one.start()
        while not one.ended():
            time.sleep(0.01)
        pauses.append((one.failures, round((one.due - time.monotonic()) * 2)))
        one.close()
    assert pauses == [(1, 1), (2, 2), (3, 4), (1, 1), (2, 2)]


def test_a_third_signal_kills_a_program_that_ignores_signals(tmp_path: Path) -> None:
    with _start(tmp_path, one=_STUBBORN) as run:
        _read_until(run, "deaf")
        for _ in range(3):
            run.send_signal(signal.SIGINT)
            _read_until(run, "signal seen")  # two that arrive at once count as one
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


def test_what_fails_for_days_on_a_full_disk_is_still_started_again(tmp_path: Path) -> None:
    one = program.Program("web", "false", env={}, folder=tmp_path)
    one.failures = 5_000
    one.start()
    while not one.ended():
        time.sleep(0.01)
    one.close()
    assert one.failures == 5_001
    assert one.due - time.monotonic() <= program.LONGEST_PAUSE


def test_pauses_double_up_to_the_longest() -> None:
    assert [program.pause_after(failures) for failures in (1, 2, 6, 7, 8)] == [0.5, 1, 16, 30, 30]
