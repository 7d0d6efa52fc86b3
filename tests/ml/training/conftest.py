"""For all tests of training: fewer resamples and one thread, as the examples are small."""

from collections.abc import Iterator

import pytest
import scipy.linalg  # noqa: F401 -- the limit below holds for libraries that are loaded by then
from threadpoolctl import threadpool_limits

from ml.training import metrics
from ml.training.calibration import calibrate


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for simulated patients, at a fraction of the time."""
    monkeypatch.setattr(calibrate, "RESAMPLES", 40)
    monkeypatch.setattr(metrics, "RESAMPLES", 100)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """BLAS threads of several test workers would only wait for each other."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
