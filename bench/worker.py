"""How long a worker takes from its start to its first result, and how much memory it holds then.

Runs as a program in a process of its own (`python -m bench.worker REPEATS`), because Django reads its settings once. A
scan is queued, the Procfile's worker line is started, and the prediction's row tells when it is done.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import processes
from ml.cli.benchmark import spread
from ml.engines import ENGINES

TIMEOUT = 120.0
"""Seconds until a worker without a result counts as failed."""


def measure(*, repeats: int, folder: Path) -> dict[str, Any]:
    """Seconds from process start to first result, and megabytes of the worker's processes; the engines take turns."""
    return processes.run_module("bench.worker", str(repeats), folder=folder)


def _measure_here(repeats: int) -> dict[str, Any]:
    with processes.queue_and_database() as env:
        from bench.images import slices

        waiting = iter(list(slices(repeats * len(ENGINES))))
        seconds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        memory: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for _ in range(repeats):
            for engine in ENGINES:
                taken, megabytes = _once(env | {"ML_ENGINE": engine}, next(waiting))
                seconds[engine].append(taken)
                memory[engine].append(megabytes)
    return {engine: {"seconds": spread(seconds[engine]), "resident_mb": spread(memory[engine])} for engine in ENGINES}


def _once(env: dict[str, str], image: bytes) -> tuple[float, float]:
    """Start a worker while one scan is queued. Seconds until its result, and megabytes at that time."""
    from diagnosis.models import Prediction

    prediction = processes.upload(image)
    start = time.perf_counter()
    worker = subprocess.Popen(
        ["sh", "-c", f"exec {processes.command('worker')}"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            row = Prediction.objects.filter(pk=prediction).values_list("state", "error").get()
            taken = time.perf_counter() - start
            if row[0] in ("done", "refused"):
                return taken, processes.proportional_mb(worker.pid)
            if row[0] == "failed" or taken > TIMEOUT or worker.poll() is not None:
                raise RuntimeError(f"The worker gave no result: {row}")
            time.sleep(0.01)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=60)


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    sys.stdout.write(json.dumps(_measure_here(int(sys.argv[1]))))
