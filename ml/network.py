"""VGG16 and its heads in Keras, layers named as in the weights file.

Imports TensorFlow, so only engines and training may use it. The base is VGG16's 13 convolutions up to `block5_conv3`
(14 × 14 × 512 for a 224 × 224 input), without the last pooling, so that later heads can read where something lies.
"""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from ml.heads import HIDDEN_UNITS
from ml.preprocess import SIZE

BASE_OUTPUT = "block5_conv3"
CHANNELS = 512


def build_base(weights: str | Path | None) -> keras.Model:
    """VGG16 up to `block5_conv3`.

    weights: "imagenet" (Keras downloads them), a local Keras weights file, or None for random ones to be set later.
    """
    source = str(weights) if weights is not None else None
    vgg = keras.applications.VGG16(weights=source, include_top=False, input_shape=(SIZE, SIZE, 3))
    base = keras.Model(vgg.input, vgg.get_layer(BASE_OUTPUT).output, name="vgg16_base")
    base.trainable = False
    return base


def base_tensors(base: keras.Model) -> dict[str, NDArray[np.float32]]:
    """The base's weights as {"block1_conv1/kernel": (3, 3, in, out), "block1_conv1/bias": (out,), …}."""
    tensors = {}
    for layer in base.layers:
        for weight in layer.weights:
            tensors[f"{layer.name}/{weight.name}"] = np.asarray(weight.numpy(), np.float32)
    return tensors


def set_base_tensors(base: keras.Model, tensors: dict[str, NDArray[np.float32]]) -> None:
    """Load what `base_tensors` gave. Raises KeyError where a layer's tensor is absent."""
    for layer in base.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/{weight.name}"].astype(np.float32) for weight in layer.weights])


def build_heads(*, mean: NDArray[np.float32], std: NDArray[np.float32], l2: float, dropout: float) -> keras.Model:
    """Both heads on the 512 averaged channels: a shared hidden layer, tumor / no tumor, and the tumor's type.

    mean, std: (512,) of the training features; they are folded into the hidden layer on export.
    """
    penalty = keras.regularizers.L2(l2)
    features = keras.Input((CHANNELS,), name="pooled")
    x = keras.layers.Normalization(mean=mean, variance=np.square(std), name="standardize")(features)
    x = keras.layers.Dropout(dropout, name="dropout_in")(x)
    x = keras.layers.Dense(HIDDEN_UNITS, activation="relu", kernel_regularizer=penalty, name="hidden")(x)
    x = keras.layers.Dropout(dropout, name="dropout_hidden")(x)
    tumor = keras.layers.Dense(2, activation="softmax", kernel_regularizer=penalty, name="tumor")(x)
    kind = keras.layers.Dense(3, activation="softmax", kernel_regularizer=penalty, name="type")(x)
    return keras.Model(features, {"tumor": tumor, "type": kind}, name="heads")
