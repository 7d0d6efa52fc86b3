"""Whole series in memory, and what a network might say of their slices: a tumor is in one place, alarms anywhere."""

from pathlib import Path

import numpy as np
import pytest

from ml.inference.series_pooling import SliceOutcome
from ml.model.heads import CELLS
from ml.training.calibration import series_fit
from ml.training.data.series_table import WholeSeries

TYPES = {"glioma": 0.7, "meningioma": 0.1, "pituitary": 0.1, "other": 0.1}


def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit four forms instead of a hundred."""
    monkeypatch.setattr(series_fit, "SHARPNESS", (1.0, 2.0))
    monkeypatch.setattr(series_fit, "DEPTHS", (0.0, 0.04))
    monkeypatch.setattr(series_fit, "SIZES", (0.0,))
    monkeypatch.setattr(series_fit, "LEAST", (0.0,))
    monkeypatch.setattr(series_fit, "RESAMPLES", 20)


def series(
    subject: str, *, tumor: bool, sequence: str = "flair", slices: int = 30, split: str = "val", source: str = "here"
) -> WholeSeries:
    """The middle third of the slices shows the tumor, if there is one."""
    key = f"series/{source}/{subject}-{sequence}"
    return WholeSeries(
        key=key,
        source=source,
        subject=subject,
        split=split,
        label="tumor" if tumor else "no_tumor",
        sequence=sequence,
        plane="axial",
        slices=tuple(Path(f"{key}/{number:03d}.jpg") for number in range(slices)),
        masks=(None,) * slices,
        tumor_slices=tuple(range(slices // 3, 2 * slices // 3)) if tumor else (),
    )


def split_of(patients: int, *, slices: int = 60, sequences: tuple[str, ...] = ("flair", "t1c")) -> list[WholeSeries]:
    """`patients` with a tumor, and as many healthy heads of another source."""
    ill = [series(f"P_{n}", tumor=True, sequence=name, slices=slices) for n in range(patients) for name in sequences]
    well = [series(f"H_{n}", tumor=False, sequence="t1", slices=slices, source="there") for n in range(patients)]
    return [*ill, *well]


def findings(
    members: list[WholeSeries], *, alarms: float = 0.1, strength: float = 4.0, seed: int = 0
) -> dict[Path, SliceOutcome]:
    """The 3 × 3 cells of a tumor have the logit `strength`; so have random ones in a fraction `alarms` of slices."""
    rng, found = np.random.default_rng(seed), {}
    for one in members:
        place = rng.integers(1, CELLS - 1, 2)
        for index, file in enumerate(one.slices):
            logits = rng.normal(-4.5, 0.4, (CELLS, CELLS))
            ill = index in one.tumor_slices
            if ill or rng.random() < alarms:
                row, column = place if ill else rng.integers(1, CELLS - 1, 2)
                logits[row - 1 : row + 2, column - 1 : column + 2] = strength
            found[file] = outcome(logits)
    return found


def outcome(logits: np.ndarray) -> SliceOutcome:
    """The result of a slice with these logits of its cells (14, 14)."""
    cells = 1 / (1 + np.exp(-logits))
    return SliceOutcome(
        True, float(cells.max()), TYPES, heat=tuple(np.rint(255 * cells).astype(int).ravel().tolist()), side=0.8
    )
