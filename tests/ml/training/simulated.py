"""Rows and logits with a known truth: what a model of a given honesty would say of patients drawn from a seed."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES, Analysis, Evidence, Gate, Prediction
from ml.training.data.table import Row


def row(number: int, **changes: object) -> Row:
    """One valid row; `changes` override its fields."""
    fields: dict[str, object] = {
        "key": f"images/{number}.png",
        "path": Path(f"images/{number}.png"),
        "source": "here",
        "label": "tumor",
        "type": "",
        "subject": "",
        "group": f"g{number}",
        "split": "val",
        "boxes": (),
    }
    return Row(**(fields | changes))  # type: ignore[arg-type]


def population(
    n: int, *, slope: float = 1.0, intercept: float = 0.0, spread: float = 4.0, seed: int = 0, sources: int = 2
) -> tuple[list[Row], NDArray[np.float64]]:
    """n rows and their logits; an image of logit z has a tumor with probability sigmoid(slope * z + intercept)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, n)
    tumor = rng.random(n) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    rows = [
        row(number, label="tumor" if ill else "no_tumor", source=f"source{number % sources}", group=f"g{number // 2}")
        for number, ill in enumerate(tumor)
    ]
    return rows, logits


def analysis(
    probability: float | None,
    *,
    peak: tuple[float, float] = (0.5, 0.5),
    box: tuple[float, float, float, float] | None = None,
    tumor_type: str = "glioma",
    uncertain: bool = False,
) -> Analysis:
    """What a model may say; probability None: the gate refused."""
    if probability is None:
        return Analysis(outcome="refused", gate=Gate(False, reason="not_brain"), model="m@1", engine="fake")
    outcome: Literal["tumor", "no_tumor"] = "tumor" if probability >= 0.5 else "no_tumor"
    type_probabilities = {name: 0.8 if name == tumor_type else 0.1 for name in TUMOR_TYPES}
    return Analysis(
        outcome=outcome,
        gate=Gate(True),
        model="m@1",
        engine="fake",
        prediction=Prediction(outcome, probability, type_probabilities, uncertain),
        evidence=Evidence(peak, box, 0.5 if box else None, (0,) * 196, (0.0, 0.0, 1.0, 1.0), 1),
    )
