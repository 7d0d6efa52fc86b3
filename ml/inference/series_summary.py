"""What the slices of a series say together: one calibrated probability, not that of the loudest slice.

The slices' logits, averaged with their neighbors' where that was found to help, are brought together by a
log-mean-exp, which lies between their mean and their maximum: a mean drowns a small tumor, and a maximum rises with the
number of slices. A line that was fitted on whole patients makes a probability of it
(`ml.training.calibration.series_fit`). All is read from the slices' results.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.contracts import Gate, Outcome
from ml.model.series_calibration import SeriesCalibration

FEWEST = 0.2
"""Share of slices that must be judged. Above the head and below the skull's base there is no brain in the picture."""

MOST_TOP = 5
"""Slices that are named as the most telling ones."""

_CERTAIN = 1e-4  # probabilities nearer to 0 and 1 count as this far from them

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SliceOutcome:
    """What is known of one slice. The probabilities are None where it was not accepted; reason and message say why."""

    accepted: bool
    tumor_probability: float | None = None
    type_probabilities: dict[str, float] | None = None
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """All slices together. accepted: how many were judged. top: indices of the most telling slices, strongest first.
    extent: first and last index of the run of slices around the strongest that speak for a tumor; None: it does not."""

    outcome: Outcome
    gate: Gate
    accepted: int
    tumor_probability: float | None = None
    uncertain: bool = False
    type_probabilities: dict[str, float] | None = None
    top: tuple[int, ...] = ()
    extent: tuple[int, int] | None = None


def summarize(calibration: SeriesCalibration, slices: Sequence[SliceOutcome], *, threshold: float) -> SeriesSummary:
    """What slices, in viewing order, say together. threshold: from which a single slice speaks for a tumor.

    Refused where fewer than FEWEST of them were judged, or none. A lone slice is given its own result by whoever has
    it, not asked for here.
    """
    judged = [index for index, one in enumerate(slices) if one.accepted and one.tumor_probability is not None]
    if not judged or len(judged) < FEWEST * len(slices):
        return SeriesSummary("refused", _refusal(slices, len(judged)), len(judged))
    smooth = pooled_logits(slices, neighbors=calibration.neighbors)
    probability = calibration.probability(log_mean_exp(smooth, calibration.sharpness))
    order = np.argsort(-smooth, kind="stable")
    low, high = calibration.uncertain
    return SeriesSummary(
        outcome="tumor" if probability >= calibration.threshold else "no_tumor",
        gate=Gate(accepted=True, score=len(judged) / len(slices), threshold=FEWEST),
        accepted=len(judged),
        tumor_probability=probability,
        uncertain=low < high and low <= probability <= high,
        type_probabilities=_types([slices[judged[at]] for at in order[:MOST_TOP]]),
        top=tuple(judged[at] for at in order[:MOST_TOP]),
        extent=_extent(slices, judged[order[0]], threshold),
    )


def log_mean_exp(logits: Floats, sharpness: float) -> float:
    """Log-mean-exp of logits (n,)."""
    greatest = float(logits.max())
    return greatest + float(np.log(np.exp(sharpness * (logits - greatest)).mean())) / sharpness


def pooled_logits(slices: Sequence[SliceOutcome], *, neighbors: float) -> Floats:
    """(n,) of the judged slices, each averaged with its judged neighbors, which count `neighbors` times as much; what
    `log_mean_exp` brings together."""
    at = {
        index: _logit(one.tumor_probability)
        for index, one in enumerate(slices)
        if one.accepted and one.tumor_probability is not None
    }
    result = []
    for index, own in at.items():
        near = [at[beside] for beside in (index - 1, index + 1) if beside in at]
        result.append((own + neighbors * sum(near)) / (1 + neighbors * len(near)))
    return np.array(result)


def _logit(probability: float) -> float:
    clipped = min(max(probability, _CERTAIN), 1 - _CERTAIN)
    return float(np.log(clipped / (1 - clipped)))


def _extent(slices: Sequence[SliceOutcome], strongest: int, threshold: float) -> tuple[int, int] | None:
    def speaks(index: int) -> bool:
        return 0 <= index < len(slices) and (slices[index].tumor_probability or 0.0) >= threshold

    if not speaks(strongest):
        return None
    first = last = strongest
    while speaks(first - 1):
        first -= 1
    while speaks(last + 1):
        last += 1
    return first, last


def _types(top: Sequence[SliceOutcome]) -> dict[str, float] | None:
    """Of the most telling slices, each weighing as much as it speaks for a tumor."""
    told = [(one.tumor_probability or 0.0, one.type_probabilities) for one in top if one.type_probabilities]
    total = sum(weight for weight, _ in told)
    if not total:
        return None
    names = told[0][1]
    return {name: sum(weight * types[name] for weight, types in told) / total for name in names}


def _refusal(slices: Sequence[SliceOutcome], judged: int) -> Gate:
    common = Counter((one.reason, one.message) for one in slices if not one.accepted).most_common(1)
    reason, message = common[0][0] if common else (None, None)
    said = f" Most were refused with: {message}" if message else ""
    return Gate(
        accepted=False,
        score=judged / len(slices) if slices else 0.0,
        threshold=FEWEST,
        reason=reason or "no_slices",
        message=f"Only {judged} of {len(slices)} slices look like a slice of a brain MRI.{said}",
    )
