"""A case of `user` with two scans, each with a result."""

from typing import Any

import pytest

from diagnosis.models import Case
from tests.factories import CaseFactory, PredictionFactory


@pytest.fixture
def case(user: Any, model_version: Any) -> Case:
    made: Case = CaseFactory(owner=user, reference="CA-1")
    for name in ("first.png", "second.png"):
        PredictionFactory(scan__case=made, scan__name=name, model_version=model_version)
    return made
