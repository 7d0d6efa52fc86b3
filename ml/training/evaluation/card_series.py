"""The model card's section on whole series."""

from typing import Any

from ml.model.series_calibration import BY_CELL
from ml.training.evaluation import tables

_SPLITS = (("val", "validation", "which chose form, line and threshold"), ("test", "test", "which chose nothing"))


def section(data: dict[str, Any]) -> list[str]:
    """The section for a manifest; none if the model judges no series."""
    entry = data.get("series")
    if entry is None:
        return []
    figures = data["metrics"].get("series", {})
    low, high = entry["uncertain"]
    line = (
        f"a line through that (slope {entry['slope']:.4f}, intercept {entry['intercept']:.4f}) gives the probability. "
        f"Tumor from {entry['threshold']:.4f} upwards, uncertain from {low:.4f} to {high:.4f}."
    )
    parts = ["## Whole series", *(_by_cell if entry["method"] == BY_CELL else _of_neighbors)(entry, line)]
    for split, name, role in _SPLITS:
        if split in figures:
            parts += [f"On the {name} split, {role}; intervals by patient:", tables.series_table(figures[split])]
    if not figures:
        parts.append("Not measured yet: `python -m ml evaluate-series --data folder --record`.")
    return ["\n\n".join(parts)]


def _by_cell(entry: dict[str, Any], line: str) -> list[str]:
    facts = entry["facts"]
    averaged = (
        "each cell of their maps is averaged with the same cell of the slices around (a Gaussian of "
        f"{entry['depth']:.0%} of the series{_least(entry)}), "
        if entry["depth"]
        else ""
    )
    small = " A slice with a small section of the head weighs less." if entry["size"] else ""
    return [
        f"Slices of one series become one result: {averaged}the slices are brought together by a log-mean-exp of "
        f"sharpness {entry['sharpness']:g} (0 is their mean, infinity their maximum), and {line}{small} Fitted on "
        f"{facts['series']} whole series of the validation split: {facts['patients']['tumor']} patients with a tumor, "
        f"{facts['patients']['no_tumor']} without, or with stretches without one.",
        "Whole series have every slice of the head, from the lowest to the highest. Beside them stand every n-th slice "
        "of them, as a scanner's thicker slices would be; the stretches of tumor patients that lie at least two slices "
        "from the tumor; and the thirds of healthy heads. With so few patients the intervals say less than they seem "
        "to. A series of fewer than twelve slices is always called uncertain.",
    ]


def _least(entry: dict[str, Any]) -> str:
    return f", at least {entry['least']:g} of a slice" if entry.get("least") else ""


def _of_neighbors(entry: dict[str, Any], line: str) -> list[str]:
    facts, neighbor_weight = entry["facts"], entry["neighbors"]
    averaged = f", each averaged with its neighbors, which count {neighbor_weight:g}," if neighbor_weight else ""
    return [
        f"Slices of one series become one result: their logits{averaged} are brought together "
        f"by a log-mean-exp of sharpness {entry['sharpness']:g} (0 is their mean, infinity their maximum), "
        f"and {line} Fitted on {facts['patients']} validation patients, in {facts['series']} series made of their "
        "slices.",
        "All patients with series have a tumor. A series without one is a head without the tumor's slices, whose "
        "neighbors may show its edge; one with a small tumor has two neighboring tumor slices; a long one also has the "
        "tumor-free slices of two more patients. No healthy head and no complete series of a hospital is behind these "
        "figures, and with so few patients the intervals say less than they seem to.",
    ]
