"""A stand-in for the convolutions, for unit tests alone. The real engine meets the same tests in tests/verification."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.inference.registry import FORMAT, Manifest, Model
from ml.model.calibration import Calibration
from ml.model.gate import NEGATIVE_CLASSES, PREFIX, SUMMARY, GateModel
from ml.model.heads import CELLS, CHANNELS, EMBEDDING, HIDDEN_UNITS, Heads
from ml.model.series_calibration import NeighborPooling, SeriesCalibration
from ml.model.training_hashes import METHOD, TrainingHashes
from ml.model.vgg16 import Maps
from ml.preprocess import VERSION

HOT_CELL = (5, 9)
"""Row and column of the one cell in which the fake model sees all its evidence."""

_NO_FILE = {"file": "none", "sha256": "0" * 64, "bytes": 0}
_COLD = -20.0  # logit of all other cells


def open_gate() -> dict[str, NDArray[np.float32]]:
    """The tensors of a gate that lets every image pass."""
    values = {
        "mean": np.zeros(SUMMARY),
        "scale": np.ones(SUMMARY),
        "components": np.eye(1, SUMMARY),
        "spread": np.ones(1),
        "rest": np.ones(1),
        "weights": np.zeros(3),
        "bias": np.full(1, -30.0),
        "kinds": np.zeros((len(NEGATIVE_CLASSES), 1)),
        "kind_bias": np.zeros(len(NEGATIVE_CLASSES)),
    }
    return {PREFIX + name: value.astype(np.float32) for name, value in values.items()}


class FakeEngine:
    """Gives maps whose first channel is 1 in HOT_CELL and all else 0, and counts how often it was asked."""

    name = "fake"
    concurrent_passes = 1

    def __init__(self) -> None:
        self.passes = 0

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        self.passes += 1
        block5 = np.zeros((len(batch), CELLS, CELLS, CHANNELS), np.float32)
        block5[:, HOT_CELL[0], HOT_CELL[1], 0] = 1
        return Maps(
            block3=np.zeros((len(batch), 28, 28, 256), np.float32),
            block5=block5,
        )


def fake_model(score: float = 0.9, *, uncertain: tuple[float, float] = (0.45, 0.55)) -> Model:
    """A model whose heads give `score` for every image, and 0.7, 0.2, 0.1 for the types; `uncertain` is its band."""
    heads = Heads(
        cell_hidden=(_one_weight((CHANNELS, HIDDEN_UNITS), 1.0), np.zeros(HIDDEN_UNITS, np.float32)),
        cell=(_one_weight((HIDDEN_UNITS, 1), np.log(score / (1 - score)) - _COLD), np.full(1, _COLD, np.float32)),
        type_hidden=(np.zeros((2 * CHANNELS, HIDDEN_UNITS), np.float32), np.zeros(HIDDEN_UNITS, np.float32)),
        type=(np.zeros((HIDDEN_UNITS, 3), np.float32), np.log(np.array([0.7, 0.2, 0.1], np.float32))),
        embedding=(np.zeros((2 * CHANNELS, EMBEDDING), np.float32), np.eye(EMBEDDING, dtype=np.float32)[0]),
    )
    calibration = Calibration(uncertain=uncertain)
    manifest = Manifest(
        Path("fake"),
        {
            "name": "fake",
            "format": FORMAT,
            "preprocessing": VERSION,
            "threshold": 0.5,
            "types": ["glioma", "meningioma", "pituitary"],
            "calibration": calibration.as_dict(),
            "weights": _NO_FILE,
            "training_hashes": _NO_FILE | {"method": METHOD},
        },
    )
    none = TrainingHashes(hashes=np.zeros((0, 2, 32), np.uint8), validation=np.zeros(0, bool))
    return Model(
        manifest=manifest,
        engine=FakeEngine(),
        heads=heads,
        calibration=calibration,
        training_hashes=none,
        gate=GateModel.from_tensors(open_gate()),
        series=SeriesCalibration(
            NeighborPooling(sharpness=4.0, neighbors=0.5),
            slope=1.0,
            intercept=0.0,
            threshold=0.5,
            uncertain=(0.45, 0.55),
        ),
    )


def _one_weight(shape: tuple[int, int], value: float) -> NDArray[np.float32]:
    """A kernel that lets its first input reach its first output, and nothing else anything."""
    kernel = np.zeros(shape, np.float32)
    kernel[0, 0] = value
    return kernel
