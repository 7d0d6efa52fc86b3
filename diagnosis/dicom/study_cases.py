"""Which case a study's objects go to when they arrive one at a time.

Kept in memory only, and only while a study is being transferred, because the key is the sender's own UID.
"""

import time
from collections import OrderedDict

EXPIRY_SECONDS = 3600.0
"""Time since a study's last object. If the study continues later, a new case is opened."""
_MAX_STUDIES = 256


class StudyCaseMap:
    """Case references by Study Instance UID."""

    def __init__(self) -> None:
        self._cases: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def get(self, study: str) -> str:
        """The reference of the study's case; "" if unknown or expired."""
        reference, last = self._cases.get(study, ("", 0.0))
        return reference if time.monotonic() - last < EXPIRY_SECONDS else ""

    def remember(self, study: str, *, reference: str) -> None:
        self._cases.pop(study, None)
        self._cases[study] = reference, time.monotonic()
        while len(self._cases) > _MAX_STUDIES:
            self._cases.popitem(last=False)
