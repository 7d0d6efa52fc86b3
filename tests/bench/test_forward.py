"""The engines that are timed against each other compute the same map, or nothing is timed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.forward import require_agreement
from bench.peers import onnx_runtime
from ml.inference.registry import load_model, read_tensors

Run = dict[str, Callable[[Any], Any]]


@pytest.fixture(scope="module")
def run() -> Run:
    model = load_model(engine="ncnn")
    ncnn = model.engine.forward
    return {"ncnn": ncnn, "tensorflow": ncnn, "onnxruntime": onnx_runtime(read_tensors(model.manifest))}


@pytest.fixture(scope="module")
def inputs() -> Any:
    return np.random.default_rng(0).uniform(-100, 100, (1, 224, 224, 3)).astype(np.float32)


@pytest.mark.slow
def test_onnx_runtime_agrees_with_the_engine(run: Run, inputs: Any) -> None:
    require_agreement(run, inputs)


@pytest.mark.slow
def test_a_peer_that_computes_something_else_is_named(run: Run, inputs: Any) -> None:
    other = run | {"onnxruntime": lambda batch: [half / 2 for half in run["onnxruntime"](batch)]}
    with pytest.raises(RuntimeError, match="ncnn and onnxruntime do not agree"):
        require_agreement(other, inputs)
