"""The convolutions of one 224 × 224 picture in each engine: those of the product, and the usual ones as peers.

Run as a program in a process of its own (`python -m bench.forward REPEATS`), as frameworks keep their threads.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import in_turns, percentiles
from ml.engines import CONVOLUTIONS, Maps, cores, load_engine
from ml.preprocess import SIZE
from ml.registry import read_manifest, read_tensors

BATCHES = (1, 8)
Array = NDArray[np.float32]


def measure(*, repeats: int) -> dict[str, Any]:
    """Milliseconds a picture by batch and engine, and by how much their block5 differs from TensorFlow's."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    tensors = read_tensors(read_manifest())
    engines: dict[str, Callable[[Array], Maps | Array]] = {
        name: load_engine(name, tensors).forward for name in ("ncnn", "tensorflow")
    }
    engines |= {"onnxruntime": _onnxruntime(tensors), "keras predict": _keras(tensors)}
    found: dict[str, Any] = {"cores": cores.available(), "repeats": repeats}
    for batch in BATCHES:
        inputs = np.random.default_rng(0).uniform(-120, 130, (batch, SIZE, SIZE, 3)).astype(np.float32)
        outputs = {name: _block5(run(inputs)) for name, run in engines.items()}
        largest = float(np.abs(outputs["tensorflow"]).max())
        taken = in_turns({name: partial(run, inputs) for name, run in engines.items()}, repeats=repeats)
        found[f"batch {batch}"] = {
            name: percentiles([each / batch for each in times])
            | {"difference": float(np.abs(outputs[name] - outputs["tensorflow"]).max()) / largest}
            for name, times in taken.items()
        }
    return found


def _block5(output: Maps | Array) -> Array:
    return output.block5 if isinstance(output, Maps) else output


def _keras(tensors: dict[str, Array]) -> Callable[[Array], Array]:
    """What the usual demo does: `model.predict` of a Keras model."""
    from ml.network import build_base, set_base_tensors

    base = build_base(None)
    set_base_tensors(base, tensors)
    return lambda inputs: base.predict(inputs, verbose=0)["block5"]


def _onnxruntime(tensors: dict[str, Array]) -> Callable[[Array], Array]:
    """The same layers as an ONNX graph (opset 17), with its processor's defaults and as many threads as the others."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores.available()
    session = onnxruntime.InferenceSession(_graph(tensors), options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, {"input": inputs.transpose(0, 3, 1, 2).copy()})[0].transpose(0, 2, 3, 1)


def _graph(tensors: dict[str, Array]) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, last = [], [], "input"
    for name in CONVOLUTIONS:
        if name.endswith("conv1") and last != "input":
            nodes.append(helper.make_node("MaxPool", [last], [f"{last}_pool"], kernel_shape=[2, 2], strides=[2, 2]))
            last = f"{last}_pool"
        kernel = np.ascontiguousarray(tensors[f"{name}/kernel"].transpose(3, 2, 0, 1))
        weights += [
            numpy_helper.from_array(kernel, f"{name}_w"),
            numpy_helper.from_array(tensors[f"{name}/bias"], f"{name}_b"),
        ]
        nodes.append(helper.make_node("Conv", [last, f"{name}_w", f"{name}_b"], [f"{name}_c"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"{name}_c"], [name]))
        last = name
    into = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])
    out = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", 512, SIZE // 16, SIZE // 16])
    graph = helper.make_graph(nodes, "vgg16", [into], [out], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(repeats=int(sys.argv[1]))))
