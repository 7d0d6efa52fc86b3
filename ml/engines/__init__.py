"""Engines run VGG16's convolutions. Everything after them is NumPy and the same for all engines.

An engine is built by name from an artifact's weights. Importing this package imports no framework.
"""

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from ml.contracts import ModelUnavailable
from ml.engines import cores
from ml.model.vgg16 import Maps

if TYPE_CHECKING:
    from ml.engines.tensorflow import TensorFlowEngine

ENGINES = ("ncnn", "tensorflow")
CHOICES = ("auto", *ENGINES)

_log = logging.getLogger(__name__)


class Engine(Protocol):
    """Runs the convolutional base. Results report its `name`."""

    name: str

    @property
    def concurrent_passes(self) -> int:
        """How many passes to run at once, in threads of the caller, for the best throughput."""
        ...

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        """The maps of inputs (N, 224, 224, 3), BGR minus means."""
        ...


def unavailable_reason(name: str) -> str:
    """A sentence on why an engine cannot run here; empty if it probably can. Imports no framework."""
    if name == "ncnn" and find_spec("ncnn") is None:
        return "ncnn is not installed: there is no wheel of it for this platform, or it was left out."
    if name == "tensorflow" and find_spec("tensorflow") is None:
        return "TensorFlow is not installed; `make setup-train` installs it."
    return ""


def load_engine(name: str, tensors: dict[str, NDArray[np.float32]], *, threads: int | None = None) -> Engine:
    """Build engine `name` from the base's weights. "auto": TensorFlow where it has a GPU, else ncnn, else TensorFlow.

    threads: CPU threads; None for all cores available to this process.
    Raises ValueError if the name is not in CHOICES, ModelUnavailable if the framework cannot be imported.
    """
    if name not in CHOICES:
        raise ValueError(f"Unknown engine {name!r}. Valid engines: {', '.join(CHOICES)}.")
    threads = threads or cores.available()
    if name == "tensorflow":
        return _tensorflow(tensors, threads)
    if name == "ncnn":
        return _ncnn(tensors, threads)
    return _automatic(tensors, threads)


def quiet_blas() -> None:
    """Limit NumPy's BLAS to one thread in this process.

    More threads would spin while they wait, on the cores that the next pass needs, and double its time. The heads'
    products are too small to gain from them. Loading the ncnn engine does this; training never does, because its sums
    depend on the number of threads.
    """
    threadpoolctl.threadpool_limits(1, user_api="blas")


def has_accelerator() -> bool:
    """Whether the machine has an Nvidia GPU. Only loading TensorFlow tells whether it can use it."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def _automatic(tensors: dict[str, NDArray[np.float32]], threads: int) -> Engine:
    if has_accelerator() and not unavailable_reason("tensorflow"):
        engine = _tensorflow(tensors, threads)
        if engine.on_gpu:
            return engine
    try:
        return _ncnn(tensors, threads)
    except ModelUnavailable as error:
        if error.code != "engine_missing":
            raise
        _log.warning("%s Using TensorFlow, which is slower.", error.message)
        return _tensorflow(tensors, threads)


def _ncnn(tensors: dict[str, NDArray[np.float32]], threads: int) -> Engine:
    try:
        from ml.engines.ncnn import NcnnEngine
    except ImportError as error:
        raise ModelUnavailable(
            "engine_missing", unavailable_reason("ncnn") or f"ncnn cannot be imported: {error}."
        ) from error
    quiet_blas()
    return NcnnEngine(tensors, threads=threads)


def _tensorflow(tensors: dict[str, NDArray[np.float32]], threads: int) -> "TensorFlowEngine":
    try:
        from ml.engines.tensorflow import TensorFlowEngine
    except ImportError as error:
        problem = unavailable_reason("tensorflow") or f"TensorFlow cannot be imported: {error}."
        raise ModelUnavailable("engine_missing", problem) from error
    return TensorFlowEngine(tensors, threads=threads)
