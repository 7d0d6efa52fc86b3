"""A long made-up history of 40 users, always the same, to measure a site with.

    DATA_DIR=$(mktemp -d) SECRET_KEY=bench .venv/bin/python -m bench.seed_history 100000

The predictions have no analysis behind them, so it refuses a site that holds anything else. Run again with a larger
number, it adds the rest.
"""

import argparse
import io
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection, transaction
from PIL import Image as Pillow

import bench.django_setup  # noqa: F401
from diagnosis.access.users import User
from diagnosis.models import Assignment, Case, ModelVersion, Prediction, Review, Scan
from diagnosis.models.prediction import Outcome, State
from diagnosis.models.reading_policy import Mode
from diagnosis.models.review import Finding, ReviewState
from diagnosis.models.scan import Reading
from ml.inference.registry import read_manifest

OWNERS = 40
SCANS_A_CASE = 5
CASES_AN_ASSIGNMENT = 50
"""Of so many cases one is assigned to the last user."""

BATCH = 5000
"""Predictions that are written in one transaction."""

START = datetime(2023, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)
NAMES = ("axial", "sagittal", "coronal", "flair", "t1c")
TYPES = ("glioma", "meningioma", "pituitary")
IMAGE = "seeded/image.png"
"""What every made-up scan shows: one file in the storage, however many scans there are."""


def seed(count: int) -> Iterator[int]:
    """Fill the site up to `count` predictions. Yields their number after each transaction.

    Exits with a message where the site holds other cases.
    """
    if Case.objects.exclude(owner__username__startswith="seed-").exists():
        sys.exit("This site holds cases that were not made up here; a measurement needs a site of its own.")
    existing = Prediction.objects.count()
    if not default_storage.exists(IMAGE):
        default_storage.save(IMAGE, ContentFile(_image()))
    owners, versions = _owners(), _versions()
    for start in range(existing - existing % BATCH, count, BATCH):
        end = min(start + BATCH, count)
        _write(range(start, end), existing, owners, versions)
        yield end
    with connection.cursor() as cursor:
        # A history that grew day by day has been vacuumed by autovacuum.
        vacuums = connection.vendor == "postgresql" and not connection.in_atomic_block
        cursor.execute("VACUUM ANALYZE" if vacuums else "ANALYZE")


def _image() -> bytes:
    buffer = io.BytesIO()
    Pillow.linear_gradient("L").resize((96, 96)).save(buffer, "PNG")
    return buffer.getvalue()


def _owners() -> list[User]:
    users = get_user_model().objects
    names = [f"seed-{number:02d}" for number in range(OWNERS)]
    unusable = make_password(None)
    users.bulk_create([users.model(username=name, password=unusable) for name in names], ignore_conflicts=True)
    return list(users.filter(username__in=names).order_by("username"))


def _versions() -> list[ModelVersion]:
    manifest = read_manifest().data  # hundreds of kilobytes, as a site has them
    return [
        ModelVersion.objects.get_or_create(
            digest=f"{number:064x}", defaults={"name": f"seeded-{number}", "path": "", "manifest": manifest}
        )[0]
        for number in (1, 2)
    ]


def _write(numbers: range, existing: int, owners: list[User], versions: list[ModelVersion]) -> None:
    """Write one batch. All its rows are drawn, existing ones too, so the history does not depend on how it grew."""
    draw = random.Random(numbers.start)  # noqa: S311 - drawn to be the same every time
    with transaction.atomic():
        references = {n: f"SEED-{n // SCANS_A_CASE:07d}" for n in numbers}
        known = {case.reference: case for case in Case.objects.filter(reference__in=set(references.values()))}
        cases: dict[str, Case] = {}
        rows = []
        for n in numbers:
            # A few users own most of it, as in any hospital.
            owner = owners[min(int(draw.expovariate(0.15)), OWNERS - 1)]
            if references[n] not in cases:
                cases[references[n]] = known.get(references[n]) or Case(
                    reference=references[n], owner=owner, simulated=True, created=_created(n)
                )
            rows.append((n, references[n], _fields(draw, n, versions)))
        opened = Case.objects.bulk_create([case for case in cases.values() if case.pk is None])
        shared = [case for case in opened if int(case.reference[5:]) % CASES_AN_ASSIGNMENT == 0]
        Assignment.objects.bulk_create([Assignment(case=case, user=owners[-1]) for case in shared])
        new = [row for row in rows if row[0] >= existing]
        scans = Scan.objects.bulk_create([_scan(n, cases[reference]) for n, reference, _ in new])
        made = Prediction.objects.bulk_create(
            [
                Prediction.for_scan(scan, requested_by_id=scan.case.owner_id, **fields)
                for scan, (_, _, fields) in zip(scans, new, strict=True)
            ]
        )
        Review.objects.bulk_create([_review(run) for run in made if run.scan.reading != Reading.UNREAD])


def _created(n: int) -> datetime:
    """One every minute and a half: a million take three years."""
    return START + SPAN * (n / 1_000_000)


def _reading(n: int) -> Reading:
    """Four scans in ten are signed, one is read, one in 200 is disputed, and the others nobody has read."""
    if n % 200 == 9:
        return Reading.DISAGREEMENT
    return Reading.SIGNED if n % 10 < 4 else Reading.READ if n % 10 == 4 else Reading.UNREAD


def _review(run: Prediction) -> Review:
    signed = run.scan.reading != Reading.READ
    return Review(
        scan=run.scan, prediction=run, reader_id=run.owner_id, mode=Mode.OPEN, finding=Finding.TUMOR,
        state=ReviewState.SIGNED if signed else ReviewState.COMMITTED, pixel_sha256=run.scan.pixel_sha256,
        created=run.created, saved=run.created, committed=run.created, revealed=run.created,
        signed=run.created if signed else None, signed_by_id=run.owner_id if signed else None,
    )  # fmt: skip


def _scan(n: int, case: Case) -> Scan:
    return Scan(
        case=case, name=f"{NAMES[n % len(NAMES)]}_{n:07d}.png", file=IMAGE, preview=IMAGE, thumbnail=IMAGE,
        format="PNG", size=1, width=96, height=96, sha256=f"{n:064x}", pixel_sha256=f"{n:064x}", created=_created(n),
        reading=_reading(n),
    )  # fmt: skip


def _fields(draw: random.Random, n: int, versions: list[ModelVersion]) -> dict[str, Any]:
    """A prediction's state and what belongs to it: most are done, one in 100 was refused, one in 200 failed."""
    at, drawn = _created(n), draw.random()
    score, likely = round(draw.betavariate(0.4, 0.6), 6), draw.choice(TYPES)
    version, seen = versions[draw.random() < 0.2], draw.random() < 0.002
    fields: dict[str, Any] = {"model_version": version, "created": at, "queued": at, "started": at, "finished": at}
    if drawn < 0.005:
        return fields | {"state": State.FAILED, "error_code": "internal", "error": "Made up."}
    if drawn < 0.015:
        gate = {"accepted": False, "reason": "blank", "message": "Made up.", "score": 0.0, "threshold": 0.1}
        return fields | {"state": State.REFUSED, "outcome": Outcome.REFUSED, "gate": gate}
    return fields | {
        "state": State.DONE, "outcome": Outcome.TUMOR if score >= 0.5 else Outcome.NO_TUMOR, "tumor_probability": score,
        "uncertain": 0.4 < score < 0.6, "trained_on": seen, "engine": "made up",
        "type_probabilities": {name: 0.8 if name == likely else 0.1 for name in TYPES},
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m bench.seed_history", description="Fill an empty site with a history."
    )
    parser.add_argument("count", type=int, metavar="N", help="predictions there will be")
    wanted = parser.parse_args().count
    call_command("migrate", interactive=False, verbosity=0)
    for written in seed(wanted):
        print(f"{written:,} of {wanted:,}")
