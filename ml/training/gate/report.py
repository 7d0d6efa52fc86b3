"""The gate's figures on a split: other images refused, and brains wrongly refused."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ml.contracts import Gate
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.training.data.table import NOT_BRAIN, Row, brain_rows
from ml.training.gate.data import category


def gate_report(model: Model, rows: list[Row], *, split: str, batch: int = 8) -> dict[str, Any]:
    """Run the model, as the app does, on every brain image of `split` and every other image of the table.

    The gate was fitted to most of the other images, so their figure is about known classes; for unknown classes see the
    manifest's leave-one-kind-out figures.
    """
    asked = [*brain_rows(rows, split), *(row for row in rows if row.label == NOT_BRAIN)]
    verdicts = [result.gate for result in analyze_each(model, (row.path for row in asked), batch=batch)]
    return {"split": split, **summarize(asked, verdicts)}


def summarize(rows: Sequence[Row], verdicts: Sequence[Gate]) -> dict[str, Any]:
    """Fractions refused: of images that are no brain by class and in all, and of brains by source and in all.

    {"refused": {class: {"share", "pictures"}}, "refused_all": …, "wrongly_refused": {source: …},
    "wrongly_refused_all": …, "reasons": {name: {code: number}}}; JSON-ready.
    """
    pairs = list(zip(rows, verdicts, strict=True))
    other = [(category(row), verdict) for row, verdict in pairs if row.label == NOT_BRAIN]
    brain = [(row.source, verdict) for row, verdict in pairs if row.label != NOT_BRAIN]
    reasons: dict[str, Counter[str]] = {}
    for name, verdict in other + brain:
        if not verdict.accepted:
            reasons.setdefault(name, Counter())[str(verdict.reason)] += 1
    return {
        "refused": _by_name(other),
        "refused_all": _fraction([verdict for _, verdict in other]),
        "wrongly_refused": _by_name(brain),
        "wrongly_refused_all": _fraction([verdict for _, verdict in brain]),
        "reasons": {name: dict(sorted(codes.items())) for name, codes in sorted(reasons.items())},
    }


def _by_name(judged: list[tuple[str, Gate]]) -> dict[str, dict[str, float | int | None]]:
    names = sorted({name for name, _ in judged})
    return {name: _fraction([verdict for other, verdict in judged if other == name]) for name in names}


def _fraction(verdicts: list[Gate]) -> dict[str, float | int | None]:
    refused = sum(not verdict.accepted for verdict in verdicts)
    return {"share": round(refused / len(verdicts), 4) if verdicts else None, "pictures": len(verdicts)}
