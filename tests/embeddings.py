"""Embeddings for tests: directions in 64 dimensions whose similarities are known."""

import math

import numpy as np
from numpy.typing import NDArray

from diagnosis.models import Embedding, Prediction
from diagnosis.models.embedding import DIMENSIONS, pack
from tests.factories import CaseFactory, PredictionFactory, ScanFactory


def direction(similarity: float, axis: int = 1) -> NDArray[np.float32]:
    """A unit vector whose cosine with `direction(1.0)` is `similarity`; the rest of it lies along `axis`."""
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[0], vector[axis] = similarity, math.sqrt(1.0 - similarity**2)
    return vector


def embed(prediction: Prediction, similarity: float = 1.0) -> Prediction:
    """Give a prediction its embedding, and give the prediction back."""
    assert prediction.model_version is not None
    Embedding.objects.create(
        prediction=prediction, model_version=prediction.model_version, vector=pack(direction(similarity))
    )
    return prediction


def past(owner: object, version: object, similarity: float, **fields: object) -> Prediction:
    """A done prediction of `version` with an embedding, in a case of its own of `owner` unless `scan` is given."""
    scan = fields.pop("scan", None) or ScanFactory(case=CaseFactory(owner=owner))
    return embed(PredictionFactory(scan=scan, model_version=version, **fields), similarity)
