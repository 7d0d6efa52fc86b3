"""The worst errors of an evaluation, in words: what the image shows, what the model answered, and how confidently.

No image and no file name: readers need to know in what kind of case the model fails. A list has each patient or cluster
once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES
from ml.training.data.dataset import UNKNOWN_TYPE, tumor_targets, type_targets
from ml.training.data.table import Row
from ml.training.evaluation import localization
from ml.training.evaluation.scored import Scored

MAX_ENTRIES = 5
"""Of each list."""


def worst(scored: Scored, *, threshold: float) -> dict[str, list[dict[str, Any]]]:
    """JSON-ready entries, worst first: "missed", "false_alarms", "mistyped" and "misplaced".

    missed: tumors with the lowest probability. false_alarms: no tumor, highest probability. mistyped: detected tumors
    with the most probable wrong type. misplaced: detected tumors whose hottest point is outside box and mask.
    """
    truth, called = tumor_targets(scored.rows) == 1, scored.scores >= threshold
    type_indices = type_targets(scored.rows)
    wrong_type = truth & called & (type_indices != UNKNOWN_TYPE) & (scored.types.argmax(axis=1) != type_indices)
    outside = truth & called & (scored.localization("in_any") == 0)
    return {
        "missed": _entries(scored, truth & ~called, -scored.scores),
        "false_alarms": _entries(scored, ~truth & called, scored.scores),
        "mistyped": _entries(scored, wrong_type, scored.types.max(axis=1, initial=0)),
        "misplaced": _entries(scored, outside, scored.scores),
    }


def _entries(scored: Scored, chosen: NDArray[np.bool_], severity: NDArray[np.float64]) -> list[dict[str, Any]]:
    entries, seen = [], set()
    for number in sorted(np.flatnonzero(chosen), key=lambda n: (-severity[n], scored.rows[n].key)):
        row = scored.rows[number]
        if row.group not in seen:
            seen.add(row.group)
            entries.append(_entry(scored, int(number)))
    return entries[:MAX_ENTRIES]


def _entry(scored: Scored, number: int) -> dict[str, Any]:
    row, types = scored.rows[number], scored.types[number]
    peak = None if scored.peaks is None or np.isnan(scored.peaks[number]).any() else scored.peaks[number]
    best = int(types.argmax())
    return {
        "source": row.source,
        "sequence": row.sequence or None,
        "type": row.type or None,
        "tumor": _tumor(row),
        "probability": round(float(scored.scores[number]), 4),
        "said_type": TUMOR_TYPES[best],
        "type_probability": round(float(types[best]), 4),
        "hottest": None if peak is None else position_in_words(float(peak[0]), float(peak[1])),
        "uncertain": bool(scored.uncertain[number]) if scored.uncertain is not None else False,
    }


def _tumor(row: Row) -> dict[str, Any] | None:
    """Size and location of the tumor according to the table, or None."""
    if not row.tumor:
        return None
    mask = localization.read_mask(row)
    if mask is not None and mask.any():
        y, x = np.nonzero(mask)
        middle = (x.mean() + 0.5) / mask.shape[1], (y.mean() + 0.5) / mask.shape[0]
        return {"share": round(float(mask.mean()), 4), "from": "mask", "where": position_in_words(*map(float, middle))}
    if not row.boxes:
        return None
    x0, y0, x1, y1 = max(row.boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    fraction = round((x1 - x0) * (y1 - y0), 4)
    return {"share": fraction, "from": "box", "where": position_in_words((x0 + x1) / 2, (y0 + y1) / 2)}


def position_in_words(x: float, y: float) -> str:
    """A point of the image (not of the patient), in thirds of width and height, in words."""
    column = ("left", "center", "right")[min(int(x * 3), 2)]
    line = ("upper", "middle", "lower")[min(int(y * 3), 2)]
    return "center" if (line, column) == ("middle", "center") else f"{line} {column}"
