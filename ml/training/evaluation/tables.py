"""Figures as Markdown tables, for the terminal and the model card."""

from typing import Any

HEAD = (
    "images (tumor / none)",
    "groups",
    "refused",
    "sensitivity",
    "specificity",
    "AUROC",
    "type",
    "calibration error",
    "on the tumor",
)


def markdown(summary: dict[str, Any]) -> str:
    """A line for each source, a pooled one, and one for each sequence; figures with their 95% intervals."""
    return strata({**summary["sources"], **summary["sequences"]})


def strata(summaries: dict[str, Any], *, of: str = "source") -> str:
    """A line for each stratum; figures with their 95% intervals. of: heads the column of their names."""
    lines = [line([of, *HEAD]), line(["---"] * (1 + len(HEAD)))]
    for name, numbers in summaries.items():
        cells = [name, f"{numbers['n']} ({numbers['tumor']} / {numbers['no_tumor']})", str(numbers["groups"])]
        cells += [str(numbers["refused"])]
        cells += [figure(numbers[key]) for key in ("sensitivity", "specificity", "auroc")]
        cells += [figure(numbers["type"]["accuracy"]), figure(numbers["calibration_error"])]
        cells += [figure(numbers["evidence"]["in_box_or_mask"])]
        lines.append(line(cells))
    return "\n".join(lines)


_OF_SERIES = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "uncertain": "uncertain",
    "certain_and_wrong": "wrong and not uncertain",
    "auroc": "AUROC",
    "calibration_error": "calibration error",
    "auroc_of_mean": "AUROC of the mean",
    "auroc_of_maximum": "AUROC of the maximum",
    "sensitivity_of_any": "sensitivity of any slice",
    "specificity_of_any": "specificity of any slice",
}


def series_table(found: dict[str, Any]) -> str:
    """Figures of series by the model, by the slices' mean and maximum, and by any slice called tumor.

    A dash means not measured, and a figure that none has is left out, as in manifests of earlier versions.
    """
    measured = {key: title for key, title in _OF_SERIES.items() if any(key in numbers for numbers in found.values())}
    head = ["series of", "patients (tumor / none)", "series", "refused", *measured.values()]
    lines = [line(head), line(["---"] * len(head))]
    for name, numbers in found.items():
        cells = [name, _patients(numbers), *(str(numbers.get(key, "–")) for key in ("series", "refused"))]
        lines.append(line(cells + [figure(numbers[key]) if key in numbers else "–" for key in measured]))
    return "\n".join(lines)


def _patients(numbers: dict[str, Any]) -> str:
    """`15 (13 / 2)`; a tumor patient's stretch without one counts among those without."""
    if "patients_without" not in numbers:
        return str(numbers.get("patients", "–"))
    return f"{numbers['patients']} ({numbers['patients_with_tumor']} / {numbers['patients_without']})"


def types(summary: dict[str, Any]) -> str:
    """A line for each tumor type: detected, named correctly, evidence on it."""
    lines = [line(["type", "images", "groups", "found", "named correctly", "on the tumor"]), line(["---"] * 6)]
    for tumor_type, numbers in summary["types"].items():
        cells = [tumor_type, str(numbers["n"]), str(numbers["groups"])]
        cells += [figure(numbers[key]) for key in ("sensitivity", "named")]
        lines.append(line([*cells, figure(numbers["evidence"]["in_box_or_mask"])]))
    return "\n".join(lines)


def confusion(table: dict[str, Any]) -> str:
    """Counts; rows are true classes, columns predicted ones."""
    lines = [line(["true \\ predicted", *table["labels"]]), line(["---"] * (len(table["labels"]) + 1))]
    for label, counts in zip(table["labels"], table["true_by_predicted"], strict=True):
        lines.append(line([label, *map(str, counts)]))
    return "\n".join(lines)


def figure(measure: dict[str, Any]) -> str:
    """`0.912 (0.881–0.940)`, or a dash if the figure is undefined."""
    if measure["value"] is None:
        return "–"
    if measure["interval"] is None:
        return f"{measure['value']:.3f}"
    low, high = measure["interval"]
    return f"{measure['value']:.3f} ({low:.3f}–{high:.3f})"


def line(cells: list[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cells) + " |"


def percent(fraction: float | None) -> str:
    """`4.2%`, or a dash where there is no fraction."""
    return "–" if fraction is None else f"{fraction:.1%}"
