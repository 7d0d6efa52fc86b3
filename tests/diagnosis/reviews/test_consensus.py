"""Which reading holds, and that the kept column, the annotation and the function agree."""

from typing import Any

import pytest
from django.db.models import F

from diagnosis.models import Review, Scan
from diagnosis.reviews import consensus
from tests.factories import ReviewFactory, ScanFactory, UserFactory

pytestmark = pytest.mark.django_db

TUMOR, NONE, UNSURE = {"finding": "tumor"}, {"finding": "no_tumor"}, {"finding": "cannot_tell"}
GLIOMA, MENINGIOMA = TUMOR | {"tumor_type": "glioma"}, TUMOR | {"tumor_type": "meningioma"}
JUDGED = NONE | {"role": "adjudication"}

CASES: list[tuple[list[dict[str, Any]], str, int | None]] = [
    ([], "unread", None),
    ([TUMOR | {"state": "draft"}], "unread", None),
    ([TUMOR | {"state": "committed"}], "read", None),
    ([TUMOR], "signed", 0),
    ([TUMOR | {"readings_required": 2}], "read", None),
    ([TUMOR | {"readings_required": 2}, TUMOR], "signed", 0),
    ([TUMOR, GLIOMA], "signed", 1),
    ([TUMOR, NONE], "disagreement", None),
    ([TUMOR, UNSURE], "disagreement", None),
    ([GLIOMA, MENINGIOMA], "disagreement", None),
    ([TUMOR, NONE | {"state": "committed"}], "signed", 0),
    ([TUMOR, NONE, JUDGED], "signed", 2),
    ([TUMOR, NONE, JUDGED | {"state": "committed"}], "disagreement", None),
    ([TUMOR | {"current": False}, NONE], "signed", 1),
]


@pytest.mark.parametrize(("rows", "reading", "final"), CASES, ids=str)
def test_which_reading_holds(rows: list[dict[str, Any]], reading: str, final: int | None) -> None:
    scan = ScanFactory()
    made = [ReviewFactory(scan=scan, **fields) for fields in rows]
    assert consensus.refresh(scan) == reading
    assert Scan.objects.get().reading == reading
    assert consensus.final(scan) == (None if final is None else made[final])


def test_the_state_of_a_scan_is_mine_while_my_reading_is_not_signed() -> None:
    begun, read, untouched = ScanFactory.create_batch(3)
    me = UserFactory()
    ReviewFactory(scan=begun, reader=me, state="draft")
    ReviewFactory(scan=read, reader=me)
    ReviewFactory(scan=untouched, state="committed")
    for scan in (begun, read, untouched):
        consensus.refresh(scan)
    rows = consensus.with_review_state(Review.objects.all(), user=me).order_by("scan_id")
    assert list(rows.values_list(F("scan"), "review_state")) == [
        (begun.pk, "mine"), (read.pk, "signed"), (untouched.pk, "read"),
    ]  # fmt: skip
    scans = consensus.with_review_state(Scan.objects.filter(pk=begun.pk), user=me, scan="")
    assert scans.get().review_state == "mine"  # type: ignore[attr-defined]
