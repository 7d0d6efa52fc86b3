"""Analyze every slice of a file and combine the results (`ml.inference.series_summary`).

Slices are decoded, analyzed and released one after the other, so a file of two thousand slices needs little more memory
than one of ten.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ml.contracts import Analysis, ModelUnavailable
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.inference.series_pooling import SliceOutcome
from ml.inference.series_summary import SeriesSummary, summarize
from ml.readers import Slices

BATCH = 4
"""Slices in one forward pass. On two cores, one at a time takes 1.5 times as long per slice, eight a third longer."""

_SERIES_FIELDS = ("model", "engine", "milliseconds")
"""Fields given once for the whole series, not for each slice."""


@dataclass(frozen=True, slots=True)
class SeriesAnalysis:
    """One run of one model on one series.

    slices: the analysis of each slice, in viewing order, as `ml.analyze` returns it.
    milliseconds: by stage, summed over the slices.
    """

    summary: SeriesSummary
    slices: tuple[Analysis, ...]
    model: str
    engine: str
    milliseconds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form: the fields of `Analysis.as_dict`, plus `series`.

        `evidence` is that of the strongest slice, the first of `series.top`. `trained_on` is true if the model was
        trained on at least one of the slices.
        """
        summary = self.summary
        evidence = self.slices[summary.top[0]].evidence if summary.top else None
        return {
            "outcome": summary.outcome,
            "uncertain": summary.uncertain,
            "tumor_probability": summary.tumor_probability,
            "type_probabilities": summary.type_probabilities,
            "evidence": evidence.as_dict() if evidence else None,
            "gate": asdict(summary.gate),
            "trained_on": any(one.trained_on for one in self.slices),
            "model": self.model,
            "engine": self.engine,
            "milliseconds": self.milliseconds,
            "series": {
                "frames": len(self.slices),
                "accepted": summary.accepted,
                "top": list(summary.top),
                "extent": list(summary.extent) if summary.extent else None,
                "runs": [list(run) for run in summary.runs],
                "slices": [_slice(index, one) for index, one in enumerate(self.slices)],
            },
        }


def analyze_series(
    model: Model, slices: Slices, *, progress: Callable[[int, int], None] | None = None, batch: int = BATCH
) -> SeriesAnalysis:
    """Analyze every slice of an opened file and combine the results; a lone slice keeps its own result.

    progress: called after each slice with the number of slices done and the number of all slices.
    Never raises because of a slice's content: one that cannot be decoded is refused, and the others are judged.
    Raises ModelUnavailable with code `series_unfitted` for several slices if the model judges only single ones.
    """
    frames = slices.frames
    if frames > 1 and model.series is None:
        raise ModelUnavailable("series_unfitted", f"{model.manifest.label} judges single slices, and no series.")
    analyses: list[Analysis] = []
    for analysis in analyze_each(model, (partial(slices.image, index) for index in range(frames)), batch=batch):
        analyses.append(analysis)
        if progress is not None:
            progress(len(analyses), frames)
    stages = analyses[0].milliseconds
    return SeriesAnalysis(
        summary=_summary(model, analyses),
        slices=tuple(analyses),
        model=model.manifest.label,
        engine=model.engine.name,
        milliseconds={stage: round(sum(analysis.milliseconds[stage] for analysis in analyses), 3) for stage in stages},
    )


def slice_outcome(analysis: Analysis) -> SliceOutcome:
    """The part of a slice's analysis that `ml.inference.series_summary` combines."""
    prediction, evidence = analysis.prediction, analysis.evidence
    if prediction is None:
        return SliceOutcome(False, reason=analysis.gate.reason, message=analysis.gate.message)
    return SliceOutcome(
        accepted=True,
        tumor_probability=prediction.tumor_probability,
        type_probabilities=prediction.type_probabilities,
        heat=evidence.heat if evidence else None,
        side=evidence.square[2] - evidence.square[0] if evidence else None,
    )


def _summary(model: Model, analyses: list[Analysis]) -> SeriesSummary:
    if model.series is not None and len(analyses) > 1:
        return summarize(model.series, [slice_outcome(one) for one in analyses], threshold=model.manifest.threshold)
    (only,) = analyses
    prediction = only.prediction
    if prediction is None:
        return SeriesSummary(only.outcome, only.gate, 0)
    return SeriesSummary(
        outcome=only.outcome,
        gate=only.gate,
        accepted=1,
        tumor_probability=prediction.tumor_probability,
        uncertain=prediction.uncertain,
        type_probabilities=prediction.type_probabilities,
        top=(0,),
        extent=(0, 0) if only.outcome == "tumor" else None,
        runs=((0, 0),) if only.outcome == "tumor" else (),
    )


def _slice(index: int, analysis: Analysis) -> dict[str, Any]:
    fields = {name: value for name, value in analysis.as_dict().items() if name not in _SERIES_FIELDS}
    return {"index": index, **fields}
