"""PostgreSQL and Redis for the verification tests, to be stopped and started again at their addresses."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.verification.services import free_port, listens, program, wait_for


@dataclass
class Server:
    """A server that can be stopped and started again at its address."""

    url: str
    start: Callable[[], None]
    stop: Callable[[], None]


@contextmanager
def redis(folder: Path) -> Iterator[Server]:
    """Debian's redis-server, which forgets everything when it stops."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        wait_for("redis-server's start", lambda: listens(port), seconds=20)

    def stop() -> None:
        while running:
            process = running.pop()
            process.terminate()
            process.wait(timeout=20)

    try:
        start()
        yield Server(f"redis://127.0.0.1:{port}/0", start, stop)
    finally:
        stop()


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a redis-server."""
    with redis(folder) as server:
        yield server.url


@contextmanager
def postgres(*settings: str) -> Iterator[Server]:
    """A PostgreSQL cluster of its own with an empty database. PostgreSQL refuses root, so root steps down.

    settings: as `deadlock_timeout=2s`. The cluster lies beside pytest's folders: pytest closes those to everybody but
    its own user.
    """
    port = free_port()
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    with tempfile.TemporaryDirectory(prefix="brainscan-postgres-") as folder:
        become: list[str] = []
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
            become = ["runuser", "-u", "postgres", "--"]
        cluster = Path(folder) / "cluster"

        def run(program: str, *arguments: str) -> None:
            command = [*become, str(programs / program), *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)

        # fsync is for crashes of the machine. None is tested, and each emptying of all tables would wait for the disk.
        options = f"-p {port} -h 127.0.0.1 -k {folder}"
        options += "".join(f" -c {one}" for one in ("fsync=off", "full_page_writes=off", *settings))

        def start() -> None:
            run("pg_ctl", "-D", str(cluster), "-w", "-o", options, "-l", f"{folder}/log", "start")

        def stop() -> None:
            run("pg_ctl", "-D", str(cluster), "-w", "-m", "fast", "stop")

        run("initdb", "-D", str(cluster), "-U", "brainscan", "--auth=trust", "-N")
        start()
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "brainscan", "brainscan")
            yield Server(f"postgres://brainscan@127.0.0.1:{port}/brainscan", start, stop)
        finally:
            stop()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of an empty database of PostgreSQL."""
    with postgres() as server:
        yield server.url
