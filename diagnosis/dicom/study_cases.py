"""Which case a study's objects go to when they come one at a time.

Known for as long as a study is on its way, and only in memory: the study is known by its sender's UID.
"""

import time
from collections import OrderedDict

KEPT = 3600.0
"""Seconds after the last object. A study that goes on later opens another case."""
_MOST = 256


class Homes:
    """References of cases by study."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def get(self, study: str) -> str:
        """The reference of its case; "" where none is known."""
        reference, last = self._known.get(study, ("", 0.0))
        return reference if time.monotonic() - last < KEPT else ""

    def keep(self, study: str, reference: str) -> None:
        self._known.pop(study, None)
        self._known[study] = reference, time.monotonic()
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
