"""Runs a whole site, from locking its folder to stopping its last process."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from brainscan.launcher import account, announce, data_dir, environment, lifetime, ports, static_files
from brainscan.launcher.errors import LaunchError
from brainscan.launcher.program import SIGNALS, Program
from brainscan.launcher.reserve import Reserve
from brainscan.launcher.tree import Tree
from brainscan.launcher.valkey import EmbeddedValkey
from diagnosis.inference import heartbeats

DISK_PAUSE = 0.5
"""Seconds between looks at the disk."""

STARTING = "Starting: database, queue, web, and a worker that loads the model. Address and account follow."


def run(*, demo: bool = False) -> None:
    """Serve until a signal asks to stop. demo: load the sample cases first.

    Raises LaunchError if the site cannot start or one of its parts fails.
    """
    folder = data_dir.resolve(str(settings.DATA_DIR))
    host = os.environ.get("BIND") or "127.0.0.1"
    with data_dir.locked(folder), _interruptible():
        port = ports.parse(os.environ.get("PORT") or "8000")
        ports.require_free(host, port)
        print(STARTING, flush=True)
        if environment.password_is_an_argument(os.environ):
            print(f"Warning: {environment.SHOWN_BY_PS}", file=sys.stderr, flush=True)
        reserve = Reserve(folder)
        reserve.adjust()
        _prepare()
        with _queue(folder) as (redis_url, valkey):
            env = environment.for_programs(
                os.environ, data_dir=folder, port=port, redis_url=redis_url, cores=os.cpu_count() or 1
            )
            if demo:
                _load_demo(env)
            tree = Tree(
                settings.BASE_DIR / "Procfile",
                env=env,
                without=environment.unwanted(env),
                patient=lambda: reserve.spent,
            )
            _serve(tree, valkey=valkey, reserve=reserve, url=f"http://{_reachable(host)}:{port}", folder=folder)


def _prepare() -> None:
    """Bring database and files up to date before the first request."""
    call_command("migrate", interactive=False, verbosity=0)
    if not os.environ.get("DATABASE_URL"):  # else processes of another machine may use it
        heartbeats.forget_all()  # a killed run leaves its own behind, and the site would seem ready too soon
    static_files.collect()
    call_command("register_model", "--default")
    account.prepare(password=os.environ.get("ADMIN_PASSWORD", ""))
    database = Path(str(settings.DATABASES["default"]["NAME"]))
    for file in (database, database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}-shm")):
        if connections["default"].vendor == "sqlite" and file.is_file():
            data_dir.make_private(file)  # DATABASE_URL may name one outside DATA_DIR
    connections.close_all()


def _load_demo(env: dict[str, str]) -> None:
    """Load the sample cases in a separate process: this one read its settings before the queue's address was known."""
    print("Loading the sample cases", flush=True)
    env = environment.of_program(env, "demo")
    if subprocess.run([sys.executable, "manage.py", "load_demo"], cwd=settings.BASE_DIR, env=env).returncode:
        raise LaunchError("The sample cases could not be loaded; the lines above say why.")


@contextlib.contextmanager
def _queue(folder: Path) -> Iterator[tuple[str, EmbeddedValkey | None]]:
    """REDIS_URL from the environment, or an embedded Valkey and its URL."""
    if given := os.environ.get("REDIS_URL"):
        yield given, None
        return
    valkey = EmbeddedValkey(folder)
    try:
        valkey.start()
        yield valkey.url, valkey
    finally:
        valkey.stop()


def _serve(tree: Tree, *, valkey: EmbeddedValkey | None, reserve: Reserve, url: str, folder: Path) -> None:
    failed: list[str] = []

    def keep_valkey(server: EmbeddedValkey) -> None:
        try:
            server.keep_running(stopped=over, patient=lambda: reserve.spent)
        except LaunchError as error:
            failed.append(str(error))
            tree.request_stop()

    def watch_disk() -> None:
        while not over.wait(DISK_PAUSE):
            for change in (reserve.adjust(), valkey.go_on_without_disk(room=not reserve.spent) if valkey else ""):
                if change:
                    tree.show(change)

    def announce_when_ready() -> None:
        try:
            _announce(tree, over, url, folder)
        except Exception as error:  # without its announcement, nobody can use the site
            failed.append(f"The site could not be made ready: {error!r}")
            tree.request_stop()

    over = threading.Event()
    try:
        tree.start()
        lifetime.watch_make(tree.request_stop)
        threading.Thread(target=watch_disk, name="watch-disk", daemon=True).start()
        threading.Thread(target=announce_when_ready, name="announce", daemon=True).start()
        if valkey:
            threading.Thread(target=keep_valkey, args=(valkey,), name="keep-valkey", daemon=True).start()
        if culprit := tree.run():
            failed.append(_why(culprit))
    finally:
        over.set()
        tree.kill()
    if failed:
        raise LaunchError(failed[0])


def _why(culprit: Program) -> str:
    last_lines = b"\n".join(culprit.tail).decode(errors="replace")
    return (
        f"{culprit.name} cannot stay up: it ended {culprit.failures} times in a row, last with status "
        f"{culprit.status}. Its last lines:\n{last_lines}"
    )


def _announce(tree: Tree, over: threading.Event, url: str, folder: Path) -> None:
    state = announce.wait_until_ready(url, stopped=over.is_set)
    if over.is_set():
        return
    text = announce.banner(
        url=url,
        data_dir=folder,
        username=account.USERNAME,
        password=account.one_time_password(),
        password_given=bool(os.environ.get("ADMIN_PASSWORD")),
        state=state,
    )
    connections.close_all()
    tree.show(text)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Until the tree runs, each of SIGNALS stops whatever has been started so far."""

    def unwind(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {signum: signal.signal(signum, unwind) for signum in SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _reachable(host: str) -> str:
    """The address to show and to poll: loopback for a wildcard."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "[::]") else host  # noqa: S104
