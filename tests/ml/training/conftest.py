"""For all tests of training."""

import pytest

from ml.training.calibration import calibrate


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of those that a real calibration draws: as sure as simulated patients need, in a fifth of the time."""
    monkeypatch.setattr(calibrate, "RESAMPLES", 40)
