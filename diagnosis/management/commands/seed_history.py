"""`manage.py seed_history N`: a long made-up history, always the same, to measure the site with."""

import io
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from PIL import Image as Pillow

from diagnosis.access.users import User
from diagnosis.models import Case, ModelVersion, Prediction, Scan
from diagnosis.models.prediction import Outcome, State

OWNERS = 40
SCANS_A_CASE = 5
LOT = 5000
"""Predictions that are written in one transaction."""

START = datetime(2023, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)
KINDS = ("axial", "sagittal", "coronal", "flair", "t1c")
PICTURE = "seeded/picture.png"
"""What every made-up scan shows; one file in the storage, however many there are."""


class Command(BaseCommand):
    """Rows without an analysis behind them, so it leaves a site that holds anything else alone."""

    help = "Fill an empty site with N made-up predictions of 40 people, for measurements. Run again, it adds the rest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("count", type=int, metavar="N", help="predictions there will be")

    def handle(self, *args: Any, **options: Any) -> None:
        if Case.objects.exclude(owner__username__startswith="seed-").exists():
            raise CommandError(
                "This site holds cases that were not made up here; a measurement needs a site of its own. "
                "Name another with DATA_DIR or DATABASE_URL."
            )
        there, wanted = Prediction.objects.count(), options["count"]
        if not default_storage.exists(PICTURE):
            default_storage.save(PICTURE, ContentFile(_picture()))
        owners, versions = _owners(), _versions()
        for start in range(there - there % LOT, wanted, LOT):
            _lot(range(start, min(start + LOT, wanted)), there, owners, versions)
            self.stdout.write(f"{min(start + LOT, wanted):,} of {wanted:,}")
        with connection.cursor() as cursor:
            # What autovacuum has done long since to a history that grew day by day.
            vacuums = connection.vendor == "postgresql" and not connection.in_atomic_block
            cursor.execute("VACUUM ANALYZE" if vacuums else "ANALYZE")


def _picture() -> bytes:
    buffer = io.BytesIO()
    Pillow.linear_gradient("L").resize((96, 96)).save(buffer, "PNG")
    return buffer.getvalue()


def _owners() -> list[User]:
    people = get_user_model().objects
    names = [f"seed-{number:02d}" for number in range(OWNERS)]
    nobody_logs_in = make_password(None)
    missing = [people.model(username=name, password=nobody_logs_in) for name in names]
    people.bulk_create(missing, ignore_conflicts=True)
    return list(people.filter(username__in=names).order_by("username"))


def _versions() -> list[ModelVersion]:
    manifest = {"name": "seeded", "threshold": 0.5, "calibration": {"method": "made up"}}
    return [
        ModelVersion.objects.get_or_create(
            digest=f"{number:064x}", defaults={"name": f"seeded-{number}", "path": "", "manifest": manifest}
        )[0]
        for number in (1, 2)
    ]


def _lot(numbers: range, there: int, owners: list[User], versions: list[ModelVersion]) -> None:
    """All rows of a lot are drawn, whatever is there, so that the history does not depend on how it grew."""
    draw = random.Random(numbers.start)  # noqa: S311 - drawn to be the same every time
    with transaction.atomic():
        references = {n: f"SEED-{n // SCANS_A_CASE:07d}" for n in numbers}
        known = {case.reference: case for case in Case.objects.filter(reference__in=set(references.values()))}
        cases: dict[str, Case] = {}
        rows = []
        for n in numbers:
            # A few people own most of it, as in any hospital.
            owner = owners[min(int(draw.expovariate(0.15)), OWNERS - 1)]
            if references[n] not in cases:
                cases[references[n]] = known.get(references[n]) or Case(
                    reference=references[n], owner=owner, simulated=True, created=_moment(n)
                )
            rows.append((n, references[n], _fields(draw, n, versions)))
        Case.objects.bulk_create([case for case in cases.values() if case.pk is None])
        wanted = [row for row in rows if row[0] >= there]
        scans = Scan.objects.bulk_create([_scan(n, cases[reference]) for n, reference, _ in wanted])
        Prediction.objects.bulk_create(
            [
                Prediction.for_scan(scan, requested_by_id=scan.case.owner_id, **fields)
                for scan, (_, _, fields) in zip(scans, wanted, strict=True)
            ]
        )


def _moment(n: int) -> datetime:
    """One every minute and a half: a million take three years."""
    return START + SPAN * (n / 1_000_000)


def _scan(n: int, case: Case) -> Scan:
    return Scan(
        case=case, name=f"{KINDS[n % len(KINDS)]}_{n:07d}.png", file=PICTURE, preview=PICTURE, thumbnail=PICTURE,
        format="PNG", size=1, width=96, height=96, sha256=f"{n:064x}", pixel_sha256=f"{n:064x}", created=_moment(n),
    )  # fmt: skip


def _fields(draw: random.Random, n: int, versions: list[ModelVersion]) -> dict[str, Any]:
    """A run's state and what belongs to it: most are done; one in a hundred was refused, one in 200 failed."""
    at, lot = _moment(n), draw.random()
    score, kind = round(draw.betavariate(0.4, 0.6), 6), draw.choice(("glioma", "meningioma", "pituitary"))
    version, seen = versions[draw.random() < 0.2], draw.random() < 0.002
    fields: dict[str, Any] = {"model_version": version, "created": at, "queued": at, "started": at, "finished": at}
    if lot < 0.005:
        return fields | {"state": State.FAILED, "error_code": "internal", "error": "Made up."}
    if lot < 0.015:
        gate = {"accepted": False, "reason": "blank", "message": "Made up.", "score": 0.0, "threshold": 0.1}
        return fields | {"state": State.REFUSED, "outcome": Outcome.REFUSED, "gate": gate}
    return fields | {
        "state": State.DONE, "outcome": Outcome.TUMOR if score >= 0.5 else Outcome.NO_TUMOR, "tumor_probability": score,
        "uncertain": 0.4 < score < 0.6, "trained_on": seen, "engine": "made up",
        "type_probabilities": {name: 0.8 if name == kind else 0.1 for name in ("glioma", "meningioma", "pituitary")},
    }  # fmt: skip
