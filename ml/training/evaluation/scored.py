"""A model's results for the rows of a split, as arrays from which a report selects."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES, Analysis
from ml.training.data.table import Row
from ml.training.evaluation.localization import Localization, localize
from ml.training.metrics import Floats


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that was refused, and the code of the reason."""

    row: Row
    reason: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A model's results for N rows that were not refused.

    scores: (N,) calibrated tumor probabilities. types: (N, 4) in the order of TUMOR_TYPES, 0 if the model does not know
    the type. uncertain: (N,) or None if unknown. localizations: N. peaks: (N, 2) the hottest point, NaN without
    evidence.
    """

    rows: list[Row]
    scores: Floats
    types: Floats
    uncertain: NDArray[np.bool_] | None = None
    localizations: tuple[Localization, ...] | None = None
    peaks: Floats | None = None

    def only(self, keep: NDArray[np.bool_]) -> "Scored":
        """The rows where `keep` (N,) is true."""
        chosen = np.flatnonzero(keep)
        return Scored(**{field.name: _take(getattr(self, field.name), chosen) for field in fields(self)})

    def localization(self, name: str) -> Floats:
        """(N,) one field of the localizations as numbers, NaN where unknown."""
        if self.localizations is None:
            return np.full(len(self.rows), np.nan)
        values = [getattr(item, name) for item in self.localizations]
        return np.array([np.nan if value is None else float(value) for value in values], np.float64)


def scored(rows: Sequence[Row], results: Sequence[Analysis]) -> tuple[Scored, list[Refused]]:
    """The results of rows that were judged, and the rows that were refused."""
    judged = [(row, one, one.prediction) for row, one in zip(rows, results, strict=True) if one.prediction]
    refused = [
        Refused(row, one.gate.reason or "") for row, one in zip(rows, results, strict=True) if not one.prediction
    ]
    nowhere = (np.nan, np.nan)
    peaks = [one.evidence.peak if one.evidence else nowhere for _, one, _ in judged]
    scores = Scored(
        rows=[row for row, _, _ in judged],
        scores=np.array([p.tumor_probability for _, _, p in judged], np.float64),
        types=np.array(
            [[p.type_probabilities.get(tumor_type, 0.0) for tumor_type in TUMOR_TYPES] for _, _, p in judged]
        ).reshape(-1, len(TUMOR_TYPES)),
        uncertain=np.array([p.uncertain for _, _, p in judged], bool),
        localizations=tuple(localize(row, one.evidence) for row, one, _ in judged),
        peaks=np.array(peaks, np.float64).reshape(-1, 2),
    )
    return scores, refused


def _take(value: Any, chosen: NDArray[np.int64]) -> Any:
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        return value[chosen]
    items = [value[n] for n in chosen]
    return tuple(items) if isinstance(value, tuple) else items
