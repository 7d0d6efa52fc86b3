"""Combine a series' slices into one calibrated result, instead of taking the strongest slice's.

`ml.inference.series_pooling` pools the slices; a line fitted on whole series (`ml.training.calibration.series_fit`)
turns the pooled logit into a probability. A few slices are no head: what they say stays uncertain.

Works on the slices' results alone, so a series can be summarized again without its images.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.contracts import Gate, Outcome
from ml.inference.series_pooling import SliceOutcome, pool
from ml.model.series_calibration import SeriesCalibration

MIN_ACCEPTED = 0.2
"""Smallest fraction of slices that must be accepted. Slices above the head or below the skull base show no brain."""

MIN_CERTAIN = 12
"""Fewest accepted slices that may say for certain that there is a tumor or none. The fit has seen none shorter; the
shortest series of whole heads in use have about 15, a localizer three to five of each plane."""

MAX_TOP = 5
"""How many of the strongest slices a summary names."""


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """The result of a whole series.

    accepted: number of slices that the gate accepted. top: indices of the strongest slices, strongest first.
    runs: first and last index of each run of slices that show a tumor, in viewing order. extent: the run that holds the
    strongest slice; None if that one shows no tumor.
    """

    outcome: Outcome
    gate: Gate
    accepted: int
    tumor_probability: float | None = None
    uncertain: bool = False
    type_probabilities: dict[str, float] | None = None
    top: tuple[int, ...] = ()
    extent: tuple[int, int] | None = None
    runs: tuple[tuple[int, int], ...] = ()


def summarize(calibration: SeriesCalibration, slices: Sequence[SliceOutcome], *, threshold: float) -> SeriesSummary:
    """Combine the outcomes of several slices, in viewing order.

    threshold: lowest probability at which a single slice counts as showing a tumor; it decides the runs.
    The series is refused if no slice, or less than MIN_ACCEPTED of them, was accepted. A lone slice keeps its own
    result (`ml.inference.series`) and is not summarized.
    """
    accepted = sum(one.accepted and one.tumor_probability is not None for one in slices)
    if not accepted or accepted < MIN_ACCEPTED * len(slices):
        return SeriesSummary("refused", _refusal(slices, accepted), accepted)
    pooled = pool(slices, calibration.pooling)
    probability, message = _bounded(calibration, calibration.probability(pooled.logit), accepted)
    top = tuple(pooled.indices[at] for at in np.argsort(-pooled.strengths, kind="stable")[:MAX_TOP])
    runs = _runs(slices, threshold)
    return SeriesSummary(
        outcome="tumor" if probability >= calibration.threshold else "no_tumor",
        gate=Gate(accepted=True, score=accepted / len(slices), threshold=MIN_ACCEPTED, message=message),
        accepted=accepted,
        tumor_probability=probability,
        uncertain=message is not None or calibration.is_uncertain(probability),
        type_probabilities=_type_probabilities([slices[index] for index in top]),
        top=top,
        extent=next((run for run in runs if run[0] <= top[0] <= run[1]), None),
        runs=runs,
    )


def _bounded(calibration: SeriesCalibration, probability: float, accepted: int) -> tuple[float, str | None]:
    """The probability, no surer than the uncertain band if there are too few slices, and then a sentence on that."""
    if accepted >= MIN_CERTAIN:
        return probability, None
    (low, high), limit = calibration.uncertain, calibration.threshold
    bounded = (
        min(probability, max(high, limit)) if probability >= limit else max(probability, low if low < limit else 0.0)
    )
    slices = "1 slice" if accepted == 1 else f"{accepted} slices"
    message = f"Only {slices} could be judged. At least {MIN_CERTAIN} are needed to be certain about a whole head."
    return bounded, message


def _runs(slices: Sequence[SliceOutcome], threshold: float) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for index, one in enumerate(slices):
        if (one.tumor_probability or 0.0) >= threshold:
            first = runs.pop()[0] if runs and runs[-1][1] == index - 1 else index
            runs.append((first, index))
    return tuple(runs)


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
