"""Tells the person at the terminal when the site can be used, where, and as whom."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

WORKER_SECONDS = 120  # how long a worker may take to load its model before we say so


def wait_until_ready(
    url: str, *, seconds: float = WORKER_SECONDS, stopped: Callable[[], bool] = lambda: False, pause: float = 0.3
) -> bool:
    """Poll `url`/health/ready until site and worker are ready. False after `seconds`, or once `stopped`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stopped():
        if _ready(f"{url}/health/ready"):
            return True
        time.sleep(pause)
    return False


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as response:  # noqa: S310 - our own loopback address
            report = json.load(response)
    except (OSError, ValueError):  # refused, HTTP error, time-out, not JSON
        return False
    return bool(report.get("worker", {}).get("ready"))


def banner(*, url: str, data_dir: Path, username: str, password: str | None, password_given: bool, ready: bool) -> str:
    """What is printed once the site can be used."""
    if password:
        secret = f"{password}   (shown this once; change it after signing in)"
    elif password_given:
        secret = "as set by ADMIN_PASSWORD"  # noqa: S105
    else:
        secret = f"as you know it; for a new one: make run ADMIN_PASSWORD=…, or manage.py changepassword {username}"
    head = "brainscan is ready" if ready else "brainscan answers, but no worker is ready yet: predictions will wait"
    lines = [
        head,
        "",
        f"  address   {url}",
        f"  account   {username}",
        f"  password  {secret}",
        f"  data      {data_dir}",
        "",
        "For research: decision support, never a diagnosis. Stop with Ctrl-C.",
    ]
    return "\n" + "\n".join(lines) + "\n"
