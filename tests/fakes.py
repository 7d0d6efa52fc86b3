"""A stand-in for the convolutions, for unit tests alone. The real engine meets the same tests in tests/verification."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.heads import HIDDEN_UNITS, Heads
from ml.preprocess import VERSION
from ml.registry import Manifest, Model


class FakeEngine:
    """Gives a constant map, and counts how often it was asked."""

    name = "fake"

    def __init__(self) -> None:
        self.passes = 0

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.passes += 1
        return np.ones((len(batch), 14, 14, 512), np.float32)


def fake_model(score: float = 0.9) -> Model:
    """A model whose heads give `score` for every picture, and 0.7, 0.2, 0.1 for the types."""
    zeros = np.zeros
    heads = Heads(
        hidden=(zeros((512, HIDDEN_UNITS), np.float32), zeros(HIDDEN_UNITS, np.float32)),
        tumor=(zeros((HIDDEN_UNITS, 2), np.float32), np.log(np.array([1 - score, score], np.float32))),
        type=(zeros((HIDDEN_UNITS, 3), np.float32), np.log(np.array([0.7, 0.2, 0.1], np.float32))),
    )
    manifest = Manifest(
        Path("fake"),
        {
            "name": "fake",
            "format": 1,
            "preprocessing": VERSION,
            "threshold": 0.5,
            "calibration": None,
            "weights": {"file": "none", "sha256": "0" * 64, "bytes": 0},
        },
    )
    return Model(manifest=manifest, engine=FakeEngine(), heads=heads)
