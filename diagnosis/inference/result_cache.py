"""The result cache: what is known of the same pixels under the same model version is recorded again, without a pass.

The database is the cache. A version's digest covers weights, preprocessing, threshold and calibration, so a result can
only be met by a run that would give it again. Whose upload it came from is kept for the audit and told to nobody.
"""

from typing import Any

from diagnosis.inference import series, transitions
from diagnosis.models import Embedding, Prediction
from diagnosis.models.prediction import REUSABLE


def reuse(claimed: Prediction) -> bool:
    """End the run with what is known of the same pixels and model. False if nothing is."""
    fields = _known_result(claimed)
    if fields is None:
        return False
    vector = Embedding.objects.filter(prediction=fields["reused_from"]).values_list("vector", flat=True).first()
    transitions.complete(claimed, vector=vector, **fields)
    return True


def _known_result(claimed: Prediction) -> dict[str, Any] | None:
    """The fields of an earlier result for the same pixels and model version, whoever uploaded them."""
    if claimed.model_version_id is None:
        return None
    same = Prediction.objects.filter(
        scan__pixel_sha256=claimed.scan.pixel_sha256, model_version=claimed.model_version_id, state__in=REUSABLE
    )
    if claimed.scan.is_series:  # slices may have come after that run, under another model
        same = same.filter(progress=claimed.scan.frames)
    earlier = same.order_by("id").first()
    if earlier is None:
        return None
    series.copy_results(earlier, claimed)
    copied = (
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
        "milliseconds",
    )
    fields = {name: getattr(earlier, name) for name in copied} | {"reused_from": earlier}
    return fields | {"key_slice": series.at(claimed.scan, earlier.key_slice.index) if earlier.key_slice else None}
