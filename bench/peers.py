"""The same convolutions in other engines, built from the same weights."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ml.cli.benchmark import keras_peer
from ml.engines import cores, load_engine
from ml.inference.registry import Model, read_tensors
from ml.model.vgg16 import CONVOLUTIONS, FEATURE_LAYERS
from ml.preprocess import SIZE

Array = NDArray[np.float32]
Forward = Callable[[Array], object]
"""Takes (N, 224, 224, 3), BGR minus means, and computes the three maps of `ml.model.vgg16.Maps`."""


def forwards(model: Model) -> dict[str, Forward]:
    """Forward passes by engine: ours, Keras' own `predict` and ONNX Runtime, all with the same number of threads."""
    tensors = read_tensors(model.manifest)
    keras = keras_peer(model)
    return {
        "ncnn": load_engine("ncnn", tensors).forward,
        "tensorflow": load_engine("tensorflow", tensors).forward,
        "onnxruntime": onnx_runtime(tensors),
        "keras_predict": lambda batch: keras.predict(batch, verbose=0),
    }


def onnx_runtime(tensors: dict[str, Array]) -> Forward:
    """ONNX Runtime with the defaults of `InferenceSession`, which turn all optimizations on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores.available()
    session = onnxruntime.InferenceSession(_graph(tensors), options, providers=["CPUExecutionProvider"])
    names = list(FEATURE_LAYERS.values())
    return lambda batch: session.run(names, {"input": batch})


def _graph(tensors: dict[str, Array]) -> bytes:
    """VGG16 up to block5_conv3 as an ONNX model: channels last at its border like the others, channels first inside."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2])]
    weights, last = [], "planes"
    for name in CONVOLUTIONS:
        block = name.split("_")[0]
        if name.endswith("conv1") and last != "planes":
            pool = f"block{int(block.removeprefix('block')) - 1}_pool"
            nodes.append(helper.make_node("MaxPool", [last], [f"{pool}/planes"], kernel_shape=[2, 2], strides=[2, 2]))
            last = f"{pool}/planes"
        kernel = np.ascontiguousarray(tensors[f"{name}/kernel"].transpose(3, 2, 0, 1))
        weights.append(numpy_helper.from_array(kernel, f"{name}/kernel"))
        weights.append(numpy_helper.from_array(tensors[f"{name}/bias"], f"{name}/bias"))
        inputs = [last, f"{name}/kernel", f"{name}/bias"]
        nodes.append(helper.make_node("Conv", inputs, [f"{name}/sum"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"{name}/sum"], [f"{name}/planes"]))
        last = f"{name}/planes"
    nodes += [
        helper.make_node("Transpose", [f"{tap}/planes"], [tap], perm=[0, 2, 3, 1]) for tap in FEATURE_LAYERS.values()
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", SIZE, SIZE, 3])
    maps = [helper.make_tensor_value_info(tap, TensorProto.FLOAT, None) for tap in FEATURE_LAYERS.values()]
    graph = helper.make_graph(nodes, "vgg16", [image], maps, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    serialized: bytes = made.SerializeToString()
    return serialized
