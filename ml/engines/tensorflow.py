"""The reference engine: VGG16 in Keras, compiled to one TensorFlow graph. Uses a GPU when TensorFlow sees one."""

import contextlib
import os

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # the start-up banner says nothing a log reader can act on

import tensorflow as tf

from ml.model.keras_network import build_base, set_base_tensors
from ml.model.vgg16 import Maps
from ml.preprocess import SIZE


class TensorFlowEngine:
    """Runs the base through `tf.function`, which costs half of what `model.predict` does for a single picture."""

    name = "tensorflow"
    concurrent_passes = 1

    def __init__(self, tensors: dict[str, NDArray[np.float32]], *, threads: int) -> None:
        """threads: held to once a process has begun to compute; TensorFlow has one pool for all its models."""
        with contextlib.suppress(RuntimeError):  # it has begun
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        # A graphics processor would shorten float32 to 10 bits to multiply; results must not depend on the machine.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        self.on_gpu = bool(tf.config.list_physical_devices("GPU"))
        base = build_base(None)
        set_base_tensors(base, tensors)
        signature = [tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32)]
        self._run = tf.function(lambda x: base(x, training=False), input_signature=signature)
        self.forward(np.zeros((1, SIZE, SIZE, 3), np.float32))  # compiles now, not on the first scan

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        """See `ml.engines.Engine.forward`."""
        maps = self._run(tf.constant(batch))
        return Maps(**{name: np.asarray(value, np.float32) for name, value in maps.items()})
