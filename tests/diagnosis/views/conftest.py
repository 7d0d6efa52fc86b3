"""What the tests of the pages share."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from diagnosis.inference import heartbeats
from diagnosis.inference.model_versions import Status
from diagnosis.models import Prediction
from diagnosis.presentation import estimates
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ScanFactory


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """No average run time from another test, and no broker that is asked for workers."""
    monkeypatch.setattr(estimates, "_average", None)
    monkeypatch.setattr(heartbeats, "worker_status", lambda: {"ready": True, "count": 1, "models": []})


@pytest.fixture
def usable_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnosis.inference.model_versions.status", lambda: Status(usable=True, label="m@1"))


@pytest.fixture
def make(user: User) -> Callable[..., Prediction]:
    """Makes a prediction in a case of `user` (or of `owner`)."""
    version = ModelVersionFactory()

    def _make(*, owner: User | None = None, case: Any = None, name: str = "axial.png", **fields: Any) -> Prediction:
        case = case or CaseFactory(owner=owner or user)
        scan = ScanFactory(case=case, name=name)
        return PredictionFactory(**({"scan": scan, "model_version": version} | fields))

    return _make
