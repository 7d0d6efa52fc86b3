"""For all tests of training: fewer resamples and one thread, as the examples are small."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

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


@pytest.fixture
def base_weights() -> Callable[[str], dict[str, Any]]:
    """VGG16's are a download: these are drawn, once for all names."""
    import keras

    from ml.model.keras_network import base_tensors, build_base

    @cache
    def drawn(weights: str) -> dict[str, Any]:
        keras.utils.set_random_seed(3)
        tensors = base_tensors(build_base(None))
        return {name: tensor.astype("float16").astype("float32") for name, tensor in tensors.items()}

    return drawn


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """BLAS threads of several test workers would only wait for each other."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
