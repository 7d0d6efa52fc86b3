"""`manage.py bench_similar N`: how long a search for similar past cases takes among N scans, and its memory."""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from diagnosis.access import selectors
from diagnosis.models import Case, Embedding, ModelVersion, Prediction, Scan
from diagnosis.models.embedding import DIMENSIONS, pack
from diagnosis.models.prediction import Outcome, State
from diagnosis.similarity import embedding_index
from diagnosis.similarity.search import similar

OWNERS = 50
SEARCHES = 20


class Command(BaseCommand):
    """Fills an empty database with made-up rows, so it refuses any other: name a new DATA_DIR or DATABASE_URL."""

    help = "Measure the search for similar past cases on N made-up scans, in an empty database of its own."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("count", type=int, nargs="?", default=100_000, metavar="N", help="scans (default 100000)")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        if Scan.objects.exists() or options["count"] < OWNERS:
            raise CommandError(
                "This fills a database with made-up scans, so it needs an empty one. "
                "Run: DATA_DIR=$(mktemp -d) SECRET_KEY=bench .venv/bin/python manage.py bench_similar"
            )
        version = _fill(options["count"])
        index = embedding_index.index(version.pk)
        read = _seconds(index.refresh)
        self._say("scans", f"{len(index):,}")
        self._say("read into memory, once a process", f"{read:.2f} s")
        self._say("held in memory", f"{index.bytes / 1e6:.1f} MB")
        admin, one = get_user_model().objects.get(is_superuser=True), Prediction.objects.latest("pk").requested_by
        for who, person in (("who sees all", admin), (f"who sees 1 in {OWNERS}", one)):
            asked = list(selectors.predictions(person).defer(None)[:SEARCHES])
            taken = [_seconds(lambda p=p, u=person: similar(u, prediction=p)) for p in asked]
            self._say(f"search of somebody {who}", f"{median(taken) * 1000:.1f} ms, at most {max(taken) * 1000:.1f} ms")

    def _say(self, what: str, figure: str) -> None:
        self.stdout.write(f"{what:<40} {figure}")


def _fill(count: int) -> ModelVersion:
    """Owners with a case for each scan; embeddings around 200 centers, as scans of few kinds would lie."""
    people = get_user_model().objects
    owners = people.bulk_create([people.model(username=f"bench{n}", is_superuser=n == 0) for n in range(OWNERS)])
    version = ModelVersion.objects.create(name="bench", digest="0" * 64, path="", manifest={})
    centers = np.random.default_rng(0).normal(size=(200, DIMENSIONS))
    for start in range(0, count, 5000):
        numbers = range(start, min(start + 5000, count))
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


def _vectors(centers: np.ndarray, numbers: range) -> Iterator[bytes]:
    rng = np.random.default_rng(numbers.start)
    drawn = centers[rng.integers(len(centers), size=len(numbers))] + rng.normal(
        scale=0.5, size=(len(numbers), DIMENSIONS)
    )
    for vector in drawn / np.linalg.norm(drawn, axis=1, keepdims=True):
        yield pack(vector.astype(np.float32))


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
