"""VGG16 and its heads in Keras, layers named as in the weights file.

Imports TensorFlow, so only engines and training may use it. Serving runs the base, all 13 convolutions. Training runs
it in two halves: the trunk, blocks 1 to 3, keeps ImageNet's weights, so its output for a picture is computed once; the
detector, blocks 4 and 5 with the heads, learns.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ml.model.heads import CELLS, CHANNELS, HIDDEN_UNITS, SHARPNESS
from ml.model.vgg16 import TAPS
from ml.preprocess import SIZE

Tensors = dict[str, NDArray[np.float32]]

TUNED = tuple(f"block{block}_conv{conv}" for block in (4, 5) for conv in (1, 2, 3))
"""Convolutions that training changes."""


def build_base(weights: str | Path | None) -> keras.Model:
    """VGG16 up to `block5_conv3`, giving a dict of the maps in TAPS.

    weights: "imagenet" (Keras downloads them), a local Keras weights file, or None for random ones to be set later.
    """
    source = str(weights) if weights is not None else None
    vgg = keras.applications.VGG16(weights=source, include_top=False, input_shape=(SIZE, SIZE, 3))
    outputs = {name: vgg.get_layer(layer).output for name, layer in TAPS.items()}
    base = keras.Model(vgg.input, outputs, name="vgg16_base")
    base.trainable = False
    return base


def base_tensors(base: keras.Model) -> Tensors:
    """The base's weights as {"block1_conv1/kernel": (3, 3, in, out), "block1_conv1/bias": (out,), …}."""
    tensors = {}
    for layer in base.layers:
        for weight in layer.weights:
            tensors[f"{layer.name}/{weight.name}"] = np.asarray(weight.numpy(), np.float32)
    return tensors


def set_base_tensors(base: keras.Model, tensors: Tensors) -> None:
    """Load what `base_tensors` gave. Raises KeyError where a layer's tensor is absent."""
    for layer in base.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/{weight.name}"].astype(np.float32) for weight in layer.weights])


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Keras' dtype policy for layers built inside: "float32", or "mixed_bfloat16" where the processor has it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build_trunk(tensors: Tensors) -> keras.Model:
    """Blocks 1 to 3: (N, 224, 224, 3) to (N, 28, 28, 256)."""
    base = build_base(None)
    set_base_tensors(base, tensors)
    return keras.Model(base.input, base.get_layer(TAPS["block3"]).output, name="trunk")


def build_tail(tensors: Tensors) -> keras.Model:
    """Blocks 4 and 5, to be tuned: (N, 28, 28, 256) to (N, 14, 14, 512)."""
    x = inputs = keras.Input((2 * CELLS, 2 * CELLS, 256), name="block3")
    for name in TUNED:
        if name == "block5_conv1":
            x = layers.MaxPooling2D(2, name=TAPS["block4"])(x)
        x = layers.Conv2D(CHANNELS, 3, padding="same", activation="relu", name=name)(x)
    tail = keras.Model(inputs, x, name="tail")
    for name in TUNED:
        tail.get_layer(name).set_weights([tensors[f"{name}/kernel"], tensors[f"{name}/bias"]])
    return tail


def build_heads(*, mean: NDArray[np.float32], std: NDArray[np.float32], dropout: float, prior: float) -> keras.Model:
    """From the map (N, 14, 14, 512) to {"cells": (N, 14, 14), "types": (N, 3)}, both logits, in float32.

    mean, std: (512,) of the map over training pictures; folded into the first layers on export. prior: first bias of a
    cell. The type is read where the evidence is: cells weighted by the softmax of their tumor logits, beside the mean
    of all cells; its gradient does not move the evidence.
    """
    inputs = keras.Input((CELLS, CELLS, CHANNELS), name="block5")
    x = layers.Normalization(mean=mean, variance=np.square(std), name="standardize", dtype="float32")(inputs)
    hidden = layers.Dropout(dropout, name="dropout_cell")(x)
    hidden = layers.Dense(HIDDEN_UNITS, activation="relu", name="cell_hidden")(hidden)
    bias = keras.initializers.Constant(prior)
    cells = layers.Dense(1, bias_initializer=bias, name="cell", dtype="float32")(hidden)
    cells = layers.Reshape((CELLS, CELLS), name="cells", dtype="float32")(cells)
    described = layers.Lambda(_describe, output_shape=(2 * CHANNELS,), name="described", dtype="float32")([x, cells])
    kind = layers.Dropout(dropout, name="dropout_described")(described)
    kind = layers.Dense(HIDDEN_UNITS, activation="relu", name="type_hidden")(kind)
    kind = layers.Dropout(dropout, name="dropout_type")(kind)
    types = layers.Dense(3, name="type", dtype="float32")(kind)
    return keras.Model(inputs, {"cells": cells, "types": types, "described": described}, name="heads")


def _describe(pair: list[keras.KerasTensor]) -> keras.KerasTensor:
    """What is where the evidence is, and what is on the whole: (N, 1024)."""
    x, cells = pair
    weights = ops.softmax(SHARPNESS * ops.reshape(ops.stop_gradient(cells), (-1, CELLS * CELLS)), axis=-1)
    flat = ops.reshape(x, (-1, CELLS * CELLS, CHANNELS))
    focus = ops.sum(flat * weights[..., None], axis=1)
    return ops.concatenate([focus, ops.mean(flat, axis=1)], axis=-1)


def fast_policy() -> str:
    """ "mixed_bfloat16" where the processor multiplies bfloat16 itself, twice as fast; elsewhere "float32"."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
