"""Which case a study's objects go to when they arrive one at a time.

Kept in memory only, and only while a study is being transferred, because the key is the sender's own UID.
"""

import time
from collections import OrderedDict

from diagnosis.access.users import User
from diagnosis.models import Case

EXPIRY_SECONDS = 3600.0
"""Time since a study's last object. If the study continues later, a new case is opened."""
_MAX_STUDIES = 256


class StudyCaseMap:
    """Cases by Study Instance UID: their ids, as somebody may rename a case before the study is complete."""

    def __init__(self) -> None:
        self._cases: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def reference(self, study: str, *, owner: User) -> str:
        """What the study's case is called now; "" if it is unknown or expired, in the trash, or no longer the
        owner's."""
        case, last = self._cases.get(study, (0, 0.0))
        if time.monotonic() - last >= EXPIRY_SECONDS:
            return ""
        known = Case.objects.filter(pk=case, owner=owner, deleted=None)
        return known.values_list("reference", flat=True).first() or ""

    def remember(self, study: str, *, case: Case) -> None:
        self._cases.pop(study, None)
        self._cases[study] = case.pk, time.monotonic()
        while len(self._cases) > _MAX_STUDIES:
            self._cases.popitem(last=False)
