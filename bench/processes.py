"""Shared by the benchmarks: a process with its own settings, a fresh site with a queue, and memory by process."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def run_module(module: str, *arguments: str, folder: Path, **environment: str) -> dict[str, Any]:
    """Run a module as a program on a site in `folder`, and return the JSON object it prints."""
    site = {"DATA_DIR": str(folder), "SECRET_KEY": "bench-" + "x" * 50, "HTTPS": "0"}
    unset = {"DATABASE_URL", "REDIS_URL", "STORAGE_URL", "ML_MODEL", "DJANGO_SETTINGS_MODULE"}
    env = {name: value for name, value in os.environ.items() if name not in unset} | site | environment
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def queue() -> Iterator[str]:
    """The embedded Valkey in DATA_DIR, which is the queue and the cache of this process. Yields its URL."""
    from brainscan.launcher.valkey import EmbeddedValkey

    valkey = EmbeddedValkey(Path(os.environ["DATA_DIR"]))
    valkey.start()
    os.environ["REDIS_URL"] = valkey.url
    try:
        yield valkey.url
    finally:
        valkey.stop()


@contextlib.contextmanager
def queue_and_database() -> Iterator[dict[str, str]]:
    """Set up Django in this process, on a fresh site in DATA_DIR with the embedded Valkey.

    Yields the environment in which the site's programs run.
    """
    import django

    from brainscan.launcher import environment

    with queue() as url:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")
        django.setup()
        from django.core.management import call_command

        import brainscan.celery  # noqa: F401 - tells Celery where the queue is

        with contextlib.redirect_stdout(io.StringIO()):
            call_command("migrate", interactive=False, verbosity=0)
            call_command("register_model", "--default")
        yield environment.for_programs(
            os.environ, data_dir=Path(os.environ["DATA_DIR"]), port=0, redis_url=url, cores=os.cpu_count() or 1
        )


def upload(image: bytes) -> int:
    """Upload an image as the form does; the id of its queued prediction."""
    from django.contrib.auth import get_user_model
    from django.core.files.base import ContentFile

    from diagnosis import intake

    person, _ = get_user_model().objects.get_or_create(username="bench")
    receipt = intake.receive(user=person, files=[ContentFile(image, name="slice.png")], simulated=True)
    [accepted] = receipt.accepted
    return int(accepted.prediction.pk)


def command(program: str) -> str:
    """A program's line in the Procfile."""
    from honcho.environ import parse_procfile

    line: str = parse_procfile((ROOT / "Procfile").read_text()).processes[program]
    return line


def tree(pid: int) -> list[int]:
    """A process id and those of all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for child in _read(task / "children").split():
            found += tree(int(child))
    return found


def proportional_mb(pid: int) -> float:
    """Megabytes (10^6 bytes) of a process and its descendants in memory; a page that several share counts once
    (Pss, Linux kernel, Documentation/filesystems/proc). Raises ProcessLookupError: it has ended."""
    kilobytes = 0
    for member in tree(pid):
        lines = _read(Path(f"/proc/{member}/smaps_rollup")).splitlines()
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    if not kilobytes:
        raise ProcessLookupError(pid)
    return kilobytes * 1024 / 1e6


def _read(path: Path) -> str:
    """Nothing if the thread or process has ended since it was listed."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
