"""Numerics that heads, gate and calibration share."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Softmax over the last axis, computed in the precision of `logits`; stable for large ones."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def sigmoid(logits: ArrayLike) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), 0 to 1; stable for large ones, NaN for NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64))), np.float64)
