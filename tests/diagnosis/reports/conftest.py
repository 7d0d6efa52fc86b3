"""Signed reviews, and reports with them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from diagnosis.models import Prediction, Review
from diagnosis.reports import contents
from diagnosis.reports.contents import Origin, ScanReport
from tests.factories import ModelVersionFactory, PredictionFactory, ReviewFactory

ORIGIN = Origin("ada", datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC), "https://scans.example/predictions/7/")
SIGNED = datetime(2025, 3, 5, 6, 7, 8, tzinfo=UTC)
Make = Callable[..., ScanReport]
Reads = Callable[..., Review]


@pytest.fixture
def reads(reader: User) -> Reads:
    """Stores a review of a prediction's scan; signed unless `state` says otherwise."""

    def _reads(prediction: Prediction, **fields: Any) -> Review:
        given = {"scan": prediction.scan, "prediction": prediction, "reader": reader, "at": SIGNED} | fields
        review: Review = ReviewFactory(**given)
        return review

    return _reads


@pytest.fixture
def make() -> Make:
    """Makes the report on a prediction by a calibrated model."""

    def _make(**fields: Any) -> ScanReport:
        return contents.of_prediction(made(**fields))

    return _make


def made(**fields: Any) -> Prediction:
    calibrated = ModelVersionFactory(name="vgg16-cells-4", manifest={"calibration": {"uncertain": [0.3, 0.7]}})
    prediction: Prediction = PredictionFactory(**{"model_version": calibrated, "scan__name": "axial_12.png", **fields})
    return prediction
