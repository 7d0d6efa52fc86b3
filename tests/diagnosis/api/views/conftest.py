"""Predictions of `user` in three states."""

import pytest
from django.contrib.auth.models import User

from diagnosis.models import Prediction
from tests.factories import PredictionFactory


@pytest.fixture
def done(user: User) -> Prediction:
    return PredictionFactory(scan__case__owner=user)


@pytest.fixture
def failed(user: User) -> Prediction:
    return PredictionFactory(scan__case__owner=user, state="failed")


@pytest.fixture
def queued(user: User) -> Prediction:
    return PredictionFactory(scan__case__owner=user, state="queued")
