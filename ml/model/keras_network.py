"""VGG16 and its heads in Keras, with the layer names of the weights file.

Imports TensorFlow, so only the engine and training may use it. Serving runs the base: all 13 convolutions. Training
splits it: the trunk (blocks 1 to 3) keeps ImageNet's weights, so its output is computed once for each image; the
detector (blocks 4 and 5 with the heads) learns. In a forecast block 4 is part of the trunk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from ml.contracts import TUMOR_TYPES
from ml.model.heads import CELLS, CHANNELS, HIDDEN_UNITS, SHARPNESS
from ml.model.vgg16 import FEATURE_LAYERS
from ml.preprocess import SIZE

Tensors = dict[str, NDArray[np.float32]]

TUNED = tuple(f"block{block}_conv{conv}" for block in (4, 5) for conv in (1, 2, 3))
"""Convolutions that training tunes."""

_TAIL_INPUTS = {4: (2 * CELLS, 2 * CELLS, 256), 5: (CELLS, CELLS, CHANNELS)}
"""Shape of the map before a tail's first block."""


def tuned_from(first_block: int) -> tuple[str, ...]:
    """TUNED without the convolutions of blocks before `first_block`."""
    return tuple(name for name in TUNED if name >= f"block{first_block}")


def build_base(weights: str | Path | None) -> keras.Model:
    """VGG16 up to `block5_conv3`; returns a dict of the maps in FEATURE_LAYERS.

    weights: "imagenet" (downloaded by Keras), a local Keras weights file, or None for random weights to be set later.
    """
    source = str(weights) if weights is not None else None
    vgg = keras.applications.VGG16(weights=source, include_top=False, input_shape=(SIZE, SIZE, 3))
    outputs = {name: vgg.get_layer(layer).output for name, layer in FEATURE_LAYERS.items()}
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
    """Set weights as returned by `base_tensors`. Raises KeyError if a layer's tensor is missing."""
    for layer in base.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/{weight.name}"].astype(np.float32) for weight in layer.weights])


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build layers with this Keras dtype policy: "float32" or "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build_trunk(tensors: Tensors, first_block: int = 4) -> keras.Model:
    """The blocks before `first_block`, 4 or 5: from (N, 224, 224, 3) to (N, 28, 28, 256) or (N, 14, 14, 512)."""
    base = build_base(None)
    set_base_tensors(base, tensors)
    return keras.Model(base.input, base.get_layer(f"block{first_block - 1}_pool").output, name="trunk")


def build_tail(tensors: Tensors, first_block: int = 4) -> keras.Model:
    """What training tunes, `first_block` to block 5: from the trunk's map to (N, 14, 14, 512)."""
    x = inputs = keras.Input(_TAIL_INPUTS[first_block], name=f"block{first_block - 1}")
    names = tuned_from(first_block)
    for name in names:
        if name == "block5_conv1" and first_block < 5:
            x = layers.MaxPooling2D(2, name="block4_pool")(x)
        x = layers.Conv2D(CHANNELS, 3, padding="same", activation="relu", name=name)(x)
    tail = keras.Model(inputs, x, name="tail")
    for name in names:
        tail.get_layer(name).set_weights([tensors[f"{name}/kernel"], tensors[f"{name}/bias"]])
    return tail


def build_heads(
    *,
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    dropout: float,
    prior: float,
    types: int = len(TUMOR_TYPES),
) -> keras.Model:
    """Heads from the map (N, 14, 14, 512) to {"cells": (N, 14, 14), "types": (N, types)}, both logits, in float32.

    mean, std: (512,) of the map over training images; folded into the first layers on export. prior: initial bias of a
    cell. types: number of tumor types.
    The type is predicted from the evidence, the cells weighted by the softmax of their tumor logits, and from the mean
    of all cells. Its gradient does not move the evidence.
    """
    inputs = keras.Input((CELLS, CELLS, CHANNELS), name="block5")
    x = layers.Normalization(mean=mean, variance=np.square(std), name="standardize", dtype="float32")(inputs)
    hidden = layers.Dropout(dropout, name="dropout_cell")(x)
    hidden = layers.Dense(HIDDEN_UNITS, activation="relu", name="cell_hidden")(hidden)
    bias = keras.initializers.Constant(prior)
    cells = layers.Dense(1, bias_initializer=bias, name="cell", dtype="float32")(hidden)
    cells = layers.Reshape((CELLS, CELLS), name="cells", dtype="float32")(cells)
    described = layers.Lambda(_describe, output_shape=(2 * CHANNELS,), name="described", dtype="float32")([x, cells])
    x = layers.Dropout(dropout, name="dropout_described")(described)
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name="type_hidden")(x)
    x = layers.Dropout(dropout, name="dropout_type")(x)
    type_logits = layers.Dense(types, name="type", dtype="float32")(x)
    return keras.Model(inputs, {"cells": cells, "types": type_logits, "described": described}, name="heads")


def _describe(pair: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Channels averaged over the evidence, then over the whole map: (N, 1024)."""
    x, cells = pair
    weights = ops.softmax(SHARPNESS * ops.reshape(ops.stop_gradient(cells), (-1, CELLS * CELLS)), axis=-1)
    flat = ops.reshape(x, (-1, CELLS * CELLS, CHANNELS))
    focus = ops.sum(flat * weights[..., None], axis=1)
    return ops.concatenate([focus, ops.mean(flat, axis=1)], axis=-1)


def fast_policy(processor: Path = Path("/proc/cpuinfo")) -> str:
    """Keras policy for training: "mixed_bfloat16", twice as fast, on processors with AMX; else "float32".

    Without AMX, AVX-512's bfloat16 instructions lose: float32 takes two thirds of their time. processor: what Linux
    says of it.
    """
    try:
        flags = processor.read_text(encoding="utf-8")
    except OSError:
        return "float32"
    return "mixed_bfloat16" if "amx_bf16" in flags else "float32"
