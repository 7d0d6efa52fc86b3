"""The reference engine: VGG16 in Keras, compiled to one TensorFlow graph. Uses a GPU if TensorFlow finds one."""

import contextlib
import os

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # the start-up banner is of no use in a log

import tensorflow as tf

from ml.model.keras_network import build_base, set_base_tensors
from ml.model.vgg16 import Maps
from ml.preprocess import SIZE


class TensorFlowEngine:
    """Runs the base through `tf.function`, in half the time of `model.predict` for a single image."""

    name = "tensorflow"
    concurrent_passes = 1

    def __init__(self, tensors: dict[str, NDArray[np.float32]], *, threads: int) -> None:
        """threads: ignored once TensorFlow has computed anything in this process: all its models share one pool."""
        with contextlib.suppress(RuntimeError):  # already initialized
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        # A GPU would multiply with 10-bit mantissas (TF32), but results must not depend on the machine.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        self.on_gpu = bool(tf.config.list_physical_devices("GPU"))
        base = build_base(None)
        set_base_tensors(base, tensors)
        signature = [tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32)]
        self._run = tf.function(lambda x: base(x, training=False), input_signature=signature)
        self.forward(np.zeros((1, SIZE, SIZE, 3), np.float32))  # compile now, not on the first scan

    def forward(self, batch: NDArray[np.float32]) -> Maps:
        """See `ml.engines.Engine.forward`."""
        maps = self._run(tf.constant(batch))
        return Maps(**{name: np.asarray(value, np.float32) for name, value in maps.items()})
