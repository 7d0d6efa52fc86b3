"""A prediction's embedding: 64 numbers by which scans that look alike to one model version are found."""

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
    """Written once, in the transaction that records the result; only of predictions that are done.

    Vectors of different model versions mean different things, so each row names its version, and is only compared with
    rows of the same one. The id grows with every row: readers that keep vectors in memory ask for what is above it.
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
    """A (64,) vector of unit length as it is stored. Half precision moves a similarity by less than 0.001.

    Raises ValueError: another shape or length, or a number that is none.
    """
    if vector.shape != (DIMENSIONS,) or not abs(float(np.linalg.norm(vector)) - 1.0) < 0.01:
        raise ValueError(f"An embedding is {DIMENSIONS} numbers of unit length.")
    return vector.astype(_STORED).tobytes()


def unpack(stored: bytes | memoryview) -> NDArray[np.float32]:
    """What `pack` stored, (64,) float32."""
    return np.frombuffer(stored, _STORED).astype(np.float32)
