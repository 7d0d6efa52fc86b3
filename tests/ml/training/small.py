"""A tail of the right shape at a fiftieth of the cost, and maps in which a tumor is easy to see."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ml.model.gate import SUMMARY
from ml.model.heads import CELLS, CHANNELS
from ml.model.keras_network import TUNED
from ml.preprocess import SIZE
from ml.training.data import targets
from ml.training.data.dataset import Draw
from ml.training.detector.features import Maps
from ml.training.detector.fit import Examples
from ml.training.gate.examples import GateExamples
from tests.ml.training.simulated import row

Tensors = dict[str, NDArray[np.float32]]


def tail(tensors: Tensors, first_block: int = 4) -> Any:
    """As `ml.model.keras_network.build_tail`, but it pools first and looks at one cell at a time."""
    import keras
    from keras import layers

    assert first_block == 4

    inputs = keras.Input((2 * CELLS, 2 * CELLS, CHANNELS // 2))
    x = layers.MaxPooling2D(2)(inputs)
    for name in TUNED:
        if name == "block5_conv1":
            x = layers.MaxPooling2D(1, name="block4_pool")(x)
        x = layers.Conv2D(CHANNELS, 1, activation="relu", name=name)(x)
    model = keras.Model(inputs, x)
    for name in TUNED:
        model.get_layer(name).set_weights([tensors[f"{name}/kernel"], tensors[f"{name}/bias"]])
    return model


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train and validate with the small tail."""
    monkeypatch.setattr("ml.training.detector.network.build_tail", tail)  # first: importing it binds the real one
    monkeypatch.setattr("ml.model.keras_network.build_tail", tail)


def base(seed: int = 0) -> Tensors:
    """Its weights (He initialization)."""
    rng = np.random.default_rng(seed)
    tensors: Tensors = {}
    for number, name in enumerate(TUNED):
        inputs = CHANNELS if number else CHANNELS // 2
        kernel = rng.normal(0, np.sqrt(2 / inputs), (1, 1, inputs, CHANNELS))
        tensors |= {f"{name}/kernel": kernel.astype(np.float32), f"{name}/bias": np.zeros(CHANNELS, np.float32)}
    return tensors


def examples(n: int, *, seed: int = 0, split: str = "train") -> Examples:
    """n draws, every other one with a tumor of 3 × 3 cells whose type is one of two; its channels are hot there."""
    rng = np.random.default_rng(seed)
    maps = rng.random((n, 2 * CELLS, 2 * CELLS, CHANNELS // 2), np.float32)
    cells, draws = [], list[Draw]()
    for number in range(n):
        ill, type_index = number % 2 == 0, number // 2 % 2
        region = np.zeros((SIZE, SIZE), np.uint8)
        if ill:
            top, left = 16 * rng.integers(1, 10, 2)
            region[top : top + 48, left : left + 48] = targets.TUMOR
            patch = maps[number, top // 8 : top // 8 + 6, left // 8 : left // 8 + 6]
            patch[..., 64 * type_index : 64 * type_index + 64] += 3
        cells.append(targets.cells(region))
        words = (
            {"label": "tumor", "type": ("glioma", "pituitary")[type_index]}
            if ill
            else {"label": "no_tumor", "type": ""}
        )
        draws.append((row(number, split=split, **words), 0 if split != "train" else number % 3))
    return Examples(whole(maps.astype(np.float16), np.stack(cells)), draws)


def whole(maps: NDArray[np.float16], cells: NDArray[np.int8], *, key: str = "") -> Maps:
    """Maps of one chunk that is there already."""
    return Maps(len(cells), lambda number: (maps, cells), key=key)


def no_images() -> GateExamples:
    """What the gate gets from a table without images."""
    return GateExamples(np.zeros((0, SUMMARY), np.float32), (), np.zeros(0, bool), np.zeros(0, bool))
