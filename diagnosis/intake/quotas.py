"""How much a person, and one request, may store. Counted in the database, from the sizes that scans keep.

`check` runs inside the transaction that stores, which holds the person's lock (`store.take_turns`), so two uploads at
once cannot both take the last megabytes.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Sum

from diagnosis.access.users import User
from diagnosis.models import Scan, StorageQuota
from ml.contracts import UnreadableImage

_MEGABYTE = 1024 * 1024


@dataclass(slots=True)
class RequestUse:
    """Bytes that one request has stored so far."""

    stored: int = 0


def used(user: User) -> int:
    """Bytes of the originals in a person's cases, those in the trash included."""
    return int(Scan.objects.filter(case__owner=user).aggregate(sum=Sum("size"))["sum"] or 0)


def limit(user: User) -> int:
    """Megabytes that a person may store; 0 for no limit."""
    own = StorageQuota.objects.filter(user=user).values_list("megabytes", flat=True).first()
    return settings.USER_QUOTA_MB if own is None else own


def check(user: User, *, adding: int, request: RequestUse) -> None:
    """Raises UnreadableImage if `adding` bytes more are too many, with code `request_quota` or `storage_quota`."""
    most = settings.REQUEST_QUOTA_MB
    if most and request.stored + adding > most * _MEGABYTE:
        raise UnreadableImage(
            "request_quota",
            f"One upload may store {most:,} MB, and this file would exceed that. Send the rest in another upload.",
        )
    most = limit(user)
    if most and (now := used(user)) + adding > most * _MEGABYTE:
        raise UnreadableImage(
            "storage_quota",
            f"Your storage quota is {most:,} MB, of which {now / _MEGABYTE:,.1f} MB are used; this needs "
            f"{adding / _MEGABYTE:,.1f} MB. Delete scans that are not needed (they count until the trash is emptied), "
            "or ask an administrator for more.",
        )
