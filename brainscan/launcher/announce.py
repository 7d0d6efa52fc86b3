"""Tells the user at the terminal when the site is ready, its address and the account."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER_SECONDS = 120  # how long to wait for a worker to load its model


@dataclass(frozen=True)
class Readiness:
    """The result of waiting for `/health/ready`. problem: why predictions will not run, if not ready."""

    ready: bool
    problem: str = "No worker is ready yet; predictions will wait for one."


def wait_until_ready(
    url: str, *, seconds: float = WORKER_SECONDS, stopped: Callable[[], bool] = lambda: False, pause: float = 1.0
) -> Readiness:
    """Poll `url`/health/ready until site and worker are ready, for at most `seconds` or until `stopped`.

    A missing model ends the wait at once, since waiting cannot fix it.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stopped():
        report = _report(f"{url}/health/ready")
        if report is None:
            time.sleep(min(pause, 0.2))  # not listening yet: poll often, the attempts leave no log lines
            continue
        if report.get("worker", {}).get("ready"):
            return Readiness(ready=True)
        if problem := report.get("model", {}).get("problem"):
            return Readiness(ready=False, problem=str(problem))
        time.sleep(pause)
    return Readiness(ready=False)


def _report(address: str) -> dict[str, Any] | None:
    """The health report, whatever its status code; None if there is no valid answer."""
    try:
        try:
            with urllib.request.urlopen(address, timeout=10) as response:  # noqa: S310 - our own address  # nosec B310
                report = json.load(response)
        except urllib.error.HTTPError as answer:
            with answer:
                report = json.load(answer)
    except (OSError, ValueError):  # connection refused, timeout, not JSON
        return None
    return report if isinstance(report, dict) else None


def banner(
    *, url: str, data_dir: Path, username: str, password: str | None, password_given: bool, state: Readiness
) -> str:
    """The text printed once the site is ready."""
    if password:
        secret = f"{password}   (shown this once; change it after signing in)"
    elif password_given:
        secret = "as set by ADMIN_PASSWORD"  # pragma: allowlist secret  # noqa: S105
    else:
        change = f".venv/bin/python manage.py changepassword {username}"
        secret = f"as you know it; for a new one: ADMIN_PASSWORD=… make run, or {change}"
    head = "brainscan is ready" if state.ready else f"brainscan is up, but cannot predict: {state.problem}"
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
