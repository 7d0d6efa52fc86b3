"""A prediction's embedding: 64 numbers that are close for scans that look alike to one model version."""

import numpy as np
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact
from numpy.typing import NDArray

from diagnosis.models.model_version import ModelVersion
from diagnosis.models.prediction import Prediction

DIMENSIONS = 64
_STORED = np.dtype("<f2")
BYTES = DIMENSIONS * _STORED.itemsize


class Embedding(models.Model):
    """Written once, in the transaction that records the result, for predictions that are done.

    Vectors of different model versions are not comparable, so each row names its version. Ids only grow: readers that
    keep vectors in memory ask for rows above the last id they know.
    """

    prediction = models.OneToOneField(Prediction, on_delete=models.CASCADE, related_name="embedding")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    vector = models.BinaryField(max_length=BYTES, help_text="64 little-endian float16 of unit length.")

    class Meta:
        indexes = (models.Index(fields=("model_version", "id"), name="embedding_version_id"),)
        constraints = (
            models.CheckConstraint(condition=Exact(Length("vector"), BYTES), name="embedding_has_64_numbers"),
        )

    def __str__(self) -> str:
        return f"embedding of prediction {self.prediction_id}"


def pack(vector: NDArray[np.float32]) -> bytes:
    """The stored bytes of a (64,) float32 vector of unit length. Half precision changes a cosine by less than 0.001.

    Raises ValueError for another shape or length, or for NaN.
    """
    if vector.shape != (DIMENSIONS,) or not abs(float(np.linalg.norm(vector)) - 1.0) < 0.01:
        raise ValueError(f"An embedding is {DIMENSIONS} numbers of unit length.")
    return vector.astype(_STORED).tobytes()


def unpack(stored: bytes | memoryview) -> NDArray[np.float32]:
    """The float32 numbers in what `pack` stored: (64,) for one vector, (64 n,) for n of them joined."""
    return np.frombuffer(stored, _STORED).astype(np.float32)
