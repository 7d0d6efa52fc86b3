"""When a reader first saw the model's result on a scan's pixels, on whatever page.

Until a reader commits, blinding hides the result. It can't undo what was shown before: the same pixels in another
scan, or the result page while the policy was open. So each commit records the first time that is known.
"""

from datetime import datetime

from django.db.models import Min

from diagnosis.access.audit import RESULT_SHOWN
from diagnosis.access.users import User
from diagnosis.models import AuditEvent, Disclosure, Prediction, Review, Scan, Slice


def first_seen(scan: Scan, *, reader: User) -> datetime | None:
    """None if the reader has not seen it. Five queries."""
    digests = {scan.pixel_sha256, *Slice.objects.filter(scan=scan).values_list("pixel_sha256", flat=True)}
    twins = {
        *Scan.objects.filter(pixel_sha256__in=digests).values_list("pk", flat=True),
        *Slice.objects.filter(pixel_sha256=scan.pixel_sha256).values_list("scan", flat=True),
    }
    runs = Prediction.objects.filter(scan__in=twins).values_list("pk", flat=True)
    events = AuditEvent.objects.filter(
        actor_id=reader.pk, action__in=RESULT_SHOWN, target_type="prediction", target_id__in=map(str, runs)
    )
    viewed = events.aggregate(first=Min("at"))["first"]
    lists = Disclosure.objects.filter(prediction__in=runs, event__actor_id=reader.pk)
    listed = lists.aggregate(first=Min("event__at"))["first"]
    read = Review.objects.filter(reader=reader, pixel_sha256__in=digests) | Review.objects.filter(
        reader=reader, scan__in=twins
    )
    revealed = read.aggregate(first=Min("revealed"))["first"]
    return min(filter(None, (viewed, listed, revealed)), default=None)
