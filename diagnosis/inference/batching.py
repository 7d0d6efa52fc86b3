"""Pictures that one run reads in a row: the one it was sent for, and those that wait behind it.

Each is claimed when its turn comes, so that nobody is held for longer than it takes to read a few of them, and a
picture that comes alone has nobody to wait for. Their own messages find them done later.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from diagnosis.inference import result_cache, transitions
from diagnosis.models import Prediction

TURN = timedelta(seconds=min(3.0, settings.TASK_TIME_LIMIT / 6))
"""After so long the run ends, whoever waits: a worker that is to stop, and the sweep, wait no longer for it."""

_LOOK = 8  # rows; others may be taking some of them just now


@dataclass(slots=True)
class Line:
    """Iterate to claim, one by one. held: claimed and without a result yet, in the order of the iteration; whoever
    records a result takes its prediction out."""

    first: Prediction
    held: deque[Prediction] = field(default_factory=deque)

    def __iter__(self) -> Iterator[Prediction]:
        self.held.append(self.first)
        yield self.first
        if self.first.attempts > 1:  # it may be what ended a worker, and shall take no other along
            return
        end = timezone.now() + TURN
        while timezone.now() < end and (other := self._next()):
            yield other

    def give_back(self) -> None:
        """All that are held, back into the queue; each goes alone the next time."""
        for one in self.held:
            transitions.release(one, send=True, delay=None if one is self.first else transitions.MESSAGE_LOST_AFTER)

    def _next(self) -> Prediction | None:
        """Claim the picture that waits longest; what is known already is ended at once.

        None behind a series or another model's run: they came earlier, and have a run of their own.
        """
        waiting = transitions.untried().values_list(
            "pk", "model_version", "scan__frames", "scan__stack", "scan__pixel_sha256"
        )
        for prediction_id, version, frames, stack, picture in waiting[:_LOOK]:
            if version != self.first.model_version_id or frames > 1 or stack:
                return None
            if any(picture == one.scan.pixel_sha256 for one in self.held):
                continue  # left for later, when its result is known
            other = transitions.claim(prediction_id, model_version=version)
            if other is None:
                continue
            self.held.append(other)
            if not result_cache.reuse(other):
                return other
            self.held.pop()
        return None
