"""While a site is upgraded, old and new workers share a queue, and one may lack the other's model.

A prediction whose model this process lacks must not fail for that. It goes to a worker that has the model; or, where
the model has been replaced and its files went with the earlier version, to the one that replaced it.
"""

import structlog

from diagnosis.inference import heartbeats, model_versions, transitions
from diagnosis.models import ModelVersion, Prediction

_log = structlog.get_logger(__name__)


class _Start:
    """newest: the last version that was registered when this worker started; None in other programs."""

    newest: int | None = None


def note_start() -> None:
    """Keep which versions are there as a worker starts. Its pool processes inherit it, those forked later included."""
    _Start.newest = ModelVersion.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def leave(claimed: Prediction) -> bool:
    """Leave a claimed prediction, whose model cannot be loaded here, to another worker or another model. False if there
    is neither: then it has to fail."""
    own, active = claimed.model_version, model_versions.active()
    if own is None or active is None:
        return False
    if own != active:
        return transitions.replace_model(claimed, by=active)
    return _is_elsewhere(own) and transitions.hand_over(claimed)


def _is_elsewhere(version: ModelVersion) -> bool:
    """Another worker has loaded it; or it came after this worker had started, so newer workers are on their way."""
    later = _Start.newest is not None and version.pk > _Start.newest
    return later or heartbeats.another_has(version.label)
