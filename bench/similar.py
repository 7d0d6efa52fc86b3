"""How long a search for similar past cases takes among made-up scans, and how much memory it needs.

    DATA_DIR=$(mktemp -d) SECRET_KEY=bench .venv/bin/python -m bench.similar 100000

It fills the database with made-up rows, so it refuses one that is not empty.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

import bench.django_setup  # noqa: F401
from diagnosis.access import selectors
from diagnosis.models import Case, Embedding, ModelVersion, Prediction, Scan
from diagnosis.models.embedding import DIMENSIONS, pack
from diagnosis.models.prediction import Outcome, State
from diagnosis.similarity import embedding_index
from diagnosis.similarity.search import similar

OWNERS = 50
SEARCHES = 20
CENTERS = 200
"""The embeddings lie around this many directions, as those of scans of a few types would."""

BATCH = 5000
"""Scans that are written in one transaction."""


def measure(count: int) -> Iterator[tuple[str, str]]:
    """Fill an empty database with `count` scans, then yield what was measured and its figure.

    Exits with a message where the database is not empty.
    """
    call_command("migrate", interactive=False, verbosity=0)
    if Scan.objects.exists():
        sys.exit("This fills a database with made-up scans, so it needs an empty one: name a new DATA_DIR.")
    version = _fill(count)
    index = embedding_index.index(version.pk)
    read = _seconds(index.refresh)
    yield "scans", f"{len(index):,}"
    yield "read into memory, once a process", f"{read:.2f} s"
    yield "held in memory", f"{index.bytes / 1e6:.1f} MB"
    admin, one = get_user_model().objects.get(is_superuser=True), Prediction.objects.latest("pk").owner
    for who, user in (("a user who sees all", admin), (f"a user who sees 1 in {OWNERS}", one)):
        predictions = list(selectors.predictions(user).defer(None)[:SEARCHES])
        taken = [_seconds(lambda p=p, u=user: similar(u, prediction=p)) for p in predictions]  # type: ignore[misc]
        yield f"search of {who}", f"{median(taken) * 1000:.1f} ms, at most {max(taken) * 1000:.1f} ms"


def _fill(count: int) -> ModelVersion:
    """Write users, and a case with one scan, prediction and embedding for each number."""
    users = get_user_model().objects
    owners = users.bulk_create([users.model(username=f"bench{n}", is_superuser=n == 0) for n in range(OWNERS)])
    version = ModelVersion.objects.create(
        name="bench", digest="0" * 64, path="", manifest={"similarity": {"floor": 0.4}}
    )
    centers = np.random.default_rng(0).normal(size=(CENTERS, DIMENSIONS))
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        with transaction.atomic():
            cases = Case.objects.bulk_create([Case(owner=owners[n % OWNERS], reference=f"B-{n}") for n in numbers])
            scans = Scan.objects.bulk_create([_scan(case, n) for case, n in zip(cases, numbers, strict=True)])
            done = Prediction.objects.bulk_create([_prediction(scan, version) for scan in scans])
            Embedding.objects.bulk_create(
                Embedding(prediction=prediction, model_version=version, vector=vector)
                for prediction, vector in zip(done, _vectors(centers, numbers), strict=True)
            )
    return version


def _scan(case: Case, number: int) -> Scan:
    digest = f"{number:016x}" + "0" * 48
    return Scan(
        case=case, name="made-up.png", format="PNG", size=1, width=1, height=1, sha256=digest, pixel_sha256=digest
    )


def _prediction(scan: Scan, version: ModelVersion) -> Prediction:
    now = timezone.now()
    return Prediction.for_scan(
        scan,
        model_version=version,
        requested_by=scan.case.owner,
        state=State.DONE,
        outcome=Outcome.TUMOR,
        tumor_probability=0.9,
        queued=now,
        started=now,
        finished=now,
    )


def _vectors(centers: NDArray[np.float64], numbers: range) -> Iterator[bytes]:
    """Packed unit vectors near the centers, the same for the same numbers."""
    rng = np.random.default_rng(numbers.start)
    noise = rng.normal(scale=0.5, size=(len(numbers), DIMENSIONS))
    drawn = centers[rng.integers(len(centers), size=len(numbers))] + noise
    for vector in drawn / np.linalg.norm(drawn, axis=1, keepdims=True):
        yield pack(vector.astype(np.float32))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m bench.similar", description="Measure the search for similar past cases."
    )
    parser.add_argument("count", type=int, nargs="?", default=100_000, metavar="N", help="scans (default 100000)")
    for what, figure in measure(parser.parse_args().count):
        print(f"{what:<40} {figure}")
