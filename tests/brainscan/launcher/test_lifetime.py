"""Under make, an interrupt that reaches make alone reaches the site nevertheless."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_WATCH = """
import threading
from brainscan.launcher.lifetime import watch_make
asked = threading.Event()
watch_make(asked.set)
print("watching", flush=True)
print("stopped" if asked.wait(20) else "never asked", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("make"), reason="needs /proc and make")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_signal_to_make_alone_stops_the_site(tmp_path: Path, signum: signal.Signals) -> None:
    if signal.getsignal(signum) is signal.SIG_IGN:
        pytest.skip(f"{signum.name} is ignored here, as under nohup, and make would ignore it, too")
    (tmp_path / "watch.py").write_text(_WATCH)
    (tmp_path / "Makefile").write_text(f"run:\n\t@exec {sys.executable} {tmp_path}/watch.py\n")
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environ = outside_make | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    with subprocess.Popen(
        ["make", "-f", str(tmp_path / "Makefile")], stdout=subprocess.PIPE, text=True, env=environ
    ) as make:
        assert make.stdout is not None
        assert make.stdout.readline() == "watching\n"
        make.send_signal(signum)
        assert make.stdout.readline() == "stopped\n"
