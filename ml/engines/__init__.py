"""Engines run VGG16's convolutions; everything after them is NumPy, the same for all.

An engine is loaded by name and built from the weights of an artifact. Importing this package imports no framework.
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
    """Runs the convolutional base. `name` is what results report."""

    name: str

    @property
    def concurrent_passes(self) -> int:
        """Passes that get more done at once than one after the other, from threads of the caller."""
        ...

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        """From inputs (N, 224, 224, 3), BGR minus means, to their maps."""
        ...


def unavailable_reason(name: str) -> str:
    """Why an engine cannot run here, as a sentence; empty if nothing is known against it. Imports nothing."""
    if name == "ncnn" and find_spec("ncnn") is None:
        return "ncnn is not installed: there is no wheel of it for this platform, or it was left out."
    if name == "tensorflow" and find_spec("tensorflow") is None:
        return "TensorFlow is not installed; `make setup-train` installs it."
    return ""


def load_engine(name: str, tensors: dict[str, NDArray[np.float32]], *, threads: int | None = None) -> Engine:
    """Build engine `name` from the base's weights. "auto": TensorFlow where it has a GPU, else ncnn, else TensorFlow.

    threads: of the processor, None for all that this process has.
    Raises ValueError for a name that is none of CHOICES, ModelUnavailable if its framework cannot be imported.
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
    """One thread for NumPy's BLAS in this process: those it has would wait, spinning, on the cores that the next pass
    needs, which then takes twice as long. The heads' products are too small to gain from more.

    With ncnn it is always so; a process that trains keeps its threads from beginning to end, as sums depend on them.
    """
    threadpoolctl.threadpool_limits(1, user_api="blas")


def has_accelerator() -> bool:
    """Whether the machine shows an Nvidia GPU; whether TensorFlow can use it is found out only by loading it."""
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
        _log.warning("%s TensorFlow is used, which takes longer.", error.message)
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
