"""Queued images that one task analyzes in a row, so that one is read while the network works on the one before.

Each is claimed when its turn comes, so no image is held longer than it takes to analyze a few, and a lone image waits
for nobody. Messages of images that were taken along arrive later and find them done.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from diagnosis.inference import heartbeats, result_cache, transitions
from diagnosis.models import Prediction

TURN = timedelta(seconds=min(3.0, settings.TASK_TIME_LIMIT / 6))
"""A batch claims nothing more after this long, so that a stopping worker and the sweep need not wait for it."""

_CANDIDATES = 8  # rows to try; other workers may be claiming the same ones


@dataclass(slots=True)
class Batch:
    """Iterate to claim predictions one by one, beginning with `first`, which is claimed already.

    held: claimed and without a result yet, in order. Recording a result takes its prediction out.
    """

    first: Prediction
    held: deque[Prediction] = field(default_factory=deque)

    def __iter__(self) -> Iterator[Prediction]:
        self.held.append(self.first)
        yield self.first
        if self.first.attempts > 1:  # it may be what ended an earlier run, so it must not take others down with it
            return
        end = timezone.now() + TURN
        while timezone.now() < end and (claimed := self._claim_next()):
            yield claimed

    def release_all(self) -> None:
        """Queue all that are held again. The others get a delayed message, so that each is analyzed alone."""
        with heartbeats.beginning_again():
            for prediction in self.held:
                delay = None if prediction is self.first else transitions.MESSAGE_LOST_AFTER
                transitions.release(prediction, send=True, delay=delay)

    def _claim_next(self) -> Prediction | None:
        """Claim the image that has waited longest. Images with a known result are completed on the way.

        Stops at a series and at another model's prediction: these came first, and need a run of their own.
        """
        queued = transitions.never_claimed().values_list(
            "pk", "model_version", "scan__frames", "scan__stack", "owner", "scan__pixel_sha256"
        )
        for prediction_id, version, frames, stack, owner, pixels in queued[:_CANDIDATES]:
            if version != self.first.model_version_id or frames > 1 or stack:
                return None
            if any((owner, pixels) == (held.owner_id, held.scan.pixel_sha256) for held in self.held):
                continue  # its result will be known soon; that of another person's may not be copied
            with heartbeats.beginning_again():
                claimed = transitions.claim(prediction_id, model_version=version)
            if claimed is None:
                continue
            self.held.append(claimed)
            if not result_cache.reuse(claimed):
                return claimed
            self.held.pop()
        return None
