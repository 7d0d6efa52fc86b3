"""The result cache: the same pixels under the same model version have the same result, so it is copied, not computed.

The database is the cache. A model version's digest covers weights, preprocessing, threshold and calibration, so a hit
is exactly what a new run would compute. Only results of the same owner's scans are copied: a copy is there sooner than
a run can be, and would tell its owner that somebody else has the same image. `reused_from` keeps the source.
"""

from django.utils import timezone

from diagnosis.inference import series, transitions
from diagnosis.models import Embedding, Prediction
from diagnosis.models.prediction import REUSABLE

_COPIED = (
    "state",
    "outcome",
    "uncertain",
    "tumor_probability",
    "type_probabilities",
    "evidence",
    "gate",
    "trained_on",
    "series",
    "progress",
    "engine",
)


def reuse(claimed: Prediction) -> bool:
    """Complete the prediction with an earlier result for the same pixels. False if there is none."""
    earlier = _find(claimed)
    if earlier is None:
        return False
    series.copy_results(earlier, claimed)
    fields = {name: getattr(earlier, name) for name in _COPIED}
    key_slice = series.slice_at(claimed.scan, earlier.key_slice.index) if earlier.key_slice else None
    vector = Embedding.objects.filter(prediction=earlier).values_list("vector", flat=True).first()
    assert claimed.started is not None
    taken = {"total": round((timezone.now() - claimed.started).total_seconds() * 1000, 3)}
    transitions.complete(claimed, vector=vector, reused_from=earlier, key_slice=key_slice, milliseconds=taken, **fields)
    return True


def _find(claimed: Prediction) -> Prediction | None:
    """The owner's first result for the same pixels and model version."""
    if claimed.model_version_id is None:
        return None
    same = Prediction.objects.filter(
        owner=claimed.owner_id,
        scan__pixel_sha256=claimed.scan.pixel_sha256,
        model_version=claimed.model_version_id,
        state__in=REUSABLE,
    )
    if claimed.scan.is_series:  # a series may have grown since an earlier run, which then covers only part of it
        same = same.filter(progress=claimed.scan.frames)
    return same.order_by("id").first()
