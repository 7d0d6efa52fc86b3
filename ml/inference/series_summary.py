"""Combine a series' slices into one calibrated result, instead of taking the strongest slice's.

The slices' logits, averaged with their neighbors' if the fit found that to help, are pooled by a log-mean-exp. It lies
between their mean, which drowns a small tumor, and their maximum, which rises with the number of slices. A line fitted
on whole patients (`ml.training.calibration.series_fit`) turns the pooled logit into a probability.

Works on the slices' results alone, so a series can be summarized again without its images.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.contracts import Gate, Outcome
from ml.model.series_calibration import SeriesCalibration

MIN_ACCEPTED = 0.2
"""Smallest fraction of slices that must be accepted. Slices above the head or below the skull base show no brain."""

MAX_TOP = 5
"""How many of the strongest slices a summary names."""

_MIN_PROBABILITY = 1e-4  # probabilities are kept this far from 0 and 1, so that their logits stay finite

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SliceOutcome:
    """What a summary needs of one slice. Refused: no probabilities, but the gate's reason and message."""

    accepted: bool
    tumor_probability: float | None = None
    type_probabilities: dict[str, float] | None = None
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """The result of a whole series.

    accepted: number of slices that the gate accepted. top: indices of the strongest slices, strongest first.
    extent: first and last index of the run of tumor slices around the strongest one; None if that one shows no tumor.
    """

    outcome: Outcome
    gate: Gate
    accepted: int
    tumor_probability: float | None = None
    uncertain: bool = False
    type_probabilities: dict[str, float] | None = None
    top: tuple[int, ...] = ()
    extent: tuple[int, int] | None = None


def summarize(calibration: SeriesCalibration, slices: Sequence[SliceOutcome], *, threshold: float) -> SeriesSummary:
    """Combine the outcomes of several slices, in viewing order.

    threshold: lowest probability at which a single slice counts as showing a tumor; it decides the extent.
    The series is refused if no slice, or less than MIN_ACCEPTED of them, was accepted. A lone slice keeps its own
    result (`ml.inference.series`) and is not summarized.
    """
    accepted = [index for index, one in enumerate(slices) if one.accepted and one.tumor_probability is not None]
    if not accepted or len(accepted) < MIN_ACCEPTED * len(slices):
        return SeriesSummary("refused", _refusal(slices, len(accepted)), len(accepted))
    logits = smoothed_logits(slices, neighbors=calibration.neighbors)
    probability = calibration.probability(log_mean_exp(logits, calibration.sharpness))
    top = tuple(accepted[at] for at in np.argsort(-logits, kind="stable")[:MAX_TOP])
    return SeriesSummary(
        outcome="tumor" if probability >= calibration.threshold else "no_tumor",
        gate=Gate(accepted=True, score=len(accepted) / len(slices), threshold=MIN_ACCEPTED),
        accepted=len(accepted),
        tumor_probability=probability,
        uncertain=calibration.is_uncertain(probability),
        type_probabilities=_type_probabilities([slices[index] for index in top]),
        top=top,
        extent=_extent(slices, top[0], threshold),
    )


def log_mean_exp(logits: Floats, sharpness: float) -> float:
    """Log-mean-exp of logits (n,): near their mean for a small sharpness, near their maximum for a large one."""
    greatest = float(logits.max())
    return greatest + float(np.log(np.exp(sharpness * (logits - greatest)).mean())) / sharpness


def smoothed_logits(slices: Sequence[SliceOutcome], *, neighbors: float) -> Floats:
    """Logits of the accepted slices (n,), each averaged with those of adjacent accepted slices.

    neighbors: weight (0 to 1) of each adjacent slice; the slice itself has weight 1.
    """
    logits = {
        index: _logit(one.tumor_probability)
        for index, one in enumerate(slices)
        if one.accepted and one.tumor_probability is not None
    }
    smoothed = []
    for index, own in logits.items():
        adjacent = [logits[other] for other in (index - 1, index + 1) if other in logits]
        smoothed.append((own + neighbors * sum(adjacent)) / (1 + neighbors * len(adjacent)))
    return np.array(smoothed)


def _logit(probability: float) -> float:
    clipped = min(max(probability, _MIN_PROBABILITY), 1 - _MIN_PROBABILITY)
    return float(np.log(clipped / (1 - clipped)))


def _extent(slices: Sequence[SliceOutcome], strongest: int, threshold: float) -> tuple[int, int] | None:
    def shows_tumor(index: int) -> bool:
        return 0 <= index < len(slices) and (slices[index].tumor_probability or 0.0) >= threshold

    if not shows_tumor(strongest):
        return None
    first = last = strongest
    while shows_tumor(first - 1):
        first -= 1
    while shows_tumor(last + 1):
        last += 1
    return first, last


def _type_probabilities(top: Sequence[SliceOutcome]) -> dict[str, float] | None:
    """Mean over the strongest slices, weighted by their tumor probability."""
    weighted = [(one.tumor_probability or 0.0, one.type_probabilities) for one in top if one.type_probabilities]
    total = sum(weight for weight, _ in weighted)
    if not total:
        return None
    names = weighted[0][1]
    return {name: sum(weight * types[name] for weight, types in weighted) / total for name in names}


def _refusal(slices: Sequence[SliceOutcome], accepted: int) -> Gate:
    """The gate's answer for the series, with the most frequent reason of its slices."""
    commonest = Counter((one.reason, one.message) for one in slices if not one.accepted).most_common(1)
    reason, message = commonest[0][0] if commonest else (None, None)
    detail = f" Most were refused with: {message}" if message else ""
    return Gate(
        accepted=False,
        score=accepted / len(slices) if slices else 0.0,
        threshold=MIN_ACCEPTED,
        reason=reason or "no_slices",
        message=f"Only {accepted} of {len(slices)} slices look like a slice of a brain MRI.{detail}",
    )
