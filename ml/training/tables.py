"""Figures as Markdown tables, for the terminal and the model card."""

from typing import Any


def markdown(summary: dict[str, Any]) -> str:
    """One line a source, then the pooled one; each figure with its 95% interval."""
    head = ["source", "pictures (tumor / none)", "groups", "refused", "sensitivity", "specificity", "AUROC", "type"]
    lines = [_row(head), _row(["---"] * len(head))]
    for name, numbers in summary["sources"].items():
        cells = [name, f"{numbers['n']} ({numbers['tumor']} / {numbers['no_tumor']})", str(numbers["groups"])]
        cells += [str(numbers["refused"])]
        cells += [figure(numbers[key]) for key in ("sensitivity", "specificity", "auroc")]
        cells += [figure(numbers["type"]["accuracy"])]
        lines.append(_row(cells))
    return "\n".join(lines)


def confusion(table: dict[str, Any]) -> str:
    """Counts, rows true, columns predicted."""
    lines = [_row(["true \\ predicted", *table["labels"]]), _row(["---"] * (len(table["labels"]) + 1))]
    for label, counts in zip(table["labels"], table["true_by_predicted"], strict=True):
        lines.append(_row([label, *map(str, counts)]))
    return "\n".join(lines)


def figure(measure: dict[str, Any]) -> str:
    """`0.91 (0.88–0.94)`, or a dash where the figure is not defined."""
    if measure["value"] is None:
        return "–"
    if measure["interval"] is None:
        return f"{measure['value']:.2f}"
    low, high = measure["interval"]
    return f"{measure['value']:.2f} ({low:.2f}–{high:.2f})"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
