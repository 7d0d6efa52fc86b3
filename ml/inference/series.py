"""All slices of a file through one model, and what they say together (`ml.inference.series_summary`).

A slice is decoded, judged and let go before the next ones are: a file of two thousand slices takes no more memory than
one of ten, but for its small results.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ml.contracts import Analysis, ModelUnavailable
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.inference.series_summary import SeriesSummary, SliceOutcome, summarize
from ml.readers import Slices

BATCH = 4
"""Slices in one forward pass. On two cores one alone takes half as long again, and eight take a third longer each."""

_OF_THE_MODEL = ("model", "engine", "milliseconds")
"""What is the same for all slices, or is added up for them."""


@dataclass(frozen=True, slots=True)
class SeriesAnalysis:
    """One run of one model on one series, whole. slices: of each slice, in viewing order, as `ml.analyze` gives it.
    milliseconds: of all slices together, by stage."""

    summary: SeriesSummary
    slices: tuple[Analysis, ...]
    model: str
    engine: str
    milliseconds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with the names of `Analysis.as_dict` and `series` besides. `evidence` is that of the most telling
        slice, the first of `series.top`; `trained_on`: at least one slice is a picture the model was trained on."""
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
                "slices": [_slice(index, one) for index, one in enumerate(self.slices)],
            },
        }


def analyze_series(
    model: Model, slices: Slices, *, progress: Callable[[int, int], None] | None = None, batch: int = BATCH
) -> SeriesAnalysis:
    """Analyze every slice of an opened file, and bring the results together; one slice has its own result.

    progress: called after each slice with the number of slices done and of all.
    Raises ModelUnavailable with code `series_unfitted`: there are several slices, and this model judges single ones.
    Never raises for what is in a slice: one that cannot be decoded is refused, and the others are judged.
    """
    frames = slices.frames
    if frames > 1 and model.series is None:
        raise ModelUnavailable("series_unfitted", f"{model.manifest.label} judges single slices, and no series.")
    found: list[Analysis] = []
    for analysis in analyze_each(model, (partial(slices.image, index) for index in range(frames)), batch=batch):
        found.append(analysis)
        if progress is not None:
            progress(len(found), frames)
    stages = found[0].milliseconds
    return SeriesAnalysis(
        summary=_summary(model, found),
        slices=tuple(found),
        model=model.manifest.label,
        engine=model.engine.name,
        milliseconds={stage: round(sum(one.milliseconds[stage] for one in found), 3) for stage in stages},
    )


def slice_outcome(analysis: Analysis) -> SliceOutcome:
    """What `ml.inference.series_summary` asks of a slice."""
    said = analysis.prediction
    if said is None:
        return SliceOutcome(False, reason=analysis.gate.reason, message=analysis.gate.message)
    return SliceOutcome(True, said.tumor_probability, said.type_probabilities)


def _summary(model: Model, found: list[Analysis]) -> SeriesSummary:
    if model.series is not None and len(found) > 1:
        return summarize(model.series, [slice_outcome(one) for one in found], threshold=model.manifest.threshold)
    (only,) = found
    said = only.prediction
    if said is None:
        return SeriesSummary(only.outcome, only.gate, 0)
    return SeriesSummary(
        outcome=only.outcome,
        gate=only.gate,
        accepted=1,
        tumor_probability=said.tumor_probability,
        uncertain=said.uncertain,
        type_probabilities=said.type_probabilities,
        top=(0,),
        extent=(0, 0) if only.outcome == "tumor" else None,
    )


def _slice(index: int, analysis: Analysis) -> dict[str, Any]:
    fields = {name: value for name, value in analysis.as_dict().items() if name not in _OF_THE_MODEL}
    return {"index": index, **fields}
