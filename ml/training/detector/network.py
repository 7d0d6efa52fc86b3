"""The trained part of the network: the tuned blocks with the heads, their optimizers, and averaged weights.

Imports TensorFlow, so `fit` imports this module only when a training runs.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ml.model.heads import CHANNELS
from ml.model.keras_network import build_heads, build_tail, precision, tuned_from
from ml.training.detector import losses
from ml.training.settings import Settings

Floats = NDArray[np.float32]

PRIOR = -4.0
"""Initial bias of a cell: few cells of an image are tumor."""

HEADS = ("cell_hidden", "cell", "type_hidden", "type")
STANDARDIZED = ("cell_hidden", "type_hidden")
"""Heads that read standardized channels."""


class Detector:
    """Tail and heads with one optimizer for each of heads, block 5 and, if it is tuned, block 4."""

    def __init__(self, tail: keras.Model, heads: keras.Model, settings: Settings, norm: tuple[Floats, Floats]) -> None:
        self.tail, self.heads, self.settings, self._norm = tail, heads, settings, norm
        self._tuned = tuned_from(settings.first_block)
        blocks = [
            [w for name in self._tuned if name.startswith(f"block{block}") for w in self._weights(name)]
            for block in range(5, settings.first_block - 1, -1)
        ]
        self._groups = [heads.trainable_variables, *blocks]
        self._optimizers = [
            keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, global_clipnorm=5.0)
            for rate in settings.rates
        ]
        for optimizer, group in zip(self._optimizers, self._groups, strict=True):
            optimizer.build(group)
        self._trained = [weight for group in self._groups for weight in group]
        self._averages = [tf.Variable(weight.value, trainable=False) for weight in self._trained]
        self._update = tf.function(self._losses_and_update, reduce_retracing=True)

    @classmethod
    def build(
        cls, start: dict[str, Floats], mean: Floats, std: Floats, *, settings: Settings, policy: str
    ) -> "Detector":
        """Blocks and heads start from `start`, heads that it lacks from random weights. mean, std: as `fit.moments`
        returns them."""
        with precision(policy):
            tail = build_tail(start, settings.first_block)
            heads = build_heads(mean=mean, std=std, dropout=settings.dropout, prior=PRIOR)
        for name in HEADS:
            if f"{name}/kernel" in start:
                heads.get_layer(name).set_weights(_unfolded(name, start, mean, std))
        return cls(tail, heads, settings, (mean, std))

    def schedule(self, progress: float) -> None:
        """Set the learning rates for `progress`, 0 to 1, of the whole training."""
        falling = 0.5 * (1 + math.cos(math.pi * progress)) + 0.005
        rising = min(1.0, progress / max(self.settings.warm_up, 1e-6))
        for number, (optimizer, rate) in enumerate(zip(self._optimizers, self.settings.rates, strict=True)):
            optimizer.learning_rate = rate * falling * (rising if number else 1.0)

    def step(
        self,
        maps: NDArray[np.float16],
        cells: NDArray[np.int8],
        tumor: Floats,
        types: NDArray[np.int32],
        type_weights: Floats,
    ) -> Floats:
        """One step on a batch. type_weights: (N,) of the images in the type loss. Returns the four losses."""
        batch = (
            tf.constant(maps.astype(np.float32)),
            tf.constant(cells),
            tf.constant(tumor),
            tf.constant(types),
            tf.constant(type_weights),
        )
        return np.asarray(self._update(*batch), np.float32)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds, including the state of the random generators, which Keras leaves out."""
        state = {"tail": self.tail, "heads": self.heads, "averages": self._averages}
        drawing = [layer for layer in self.heads.layers if getattr(layer, "seed_generator", None)]
        optimizers = {f"optimizer{n}": optimizer for n, optimizer in enumerate(self._optimizers)}
        return state | optimizers | {"dropout": [layer.seed_generator.state.value for layer in drawing]}

    def tensors(self) -> dict[str, Floats]:
        """Averaged weights by their names in the weights file, standardization folded in."""
        averaged = {
            id(w): np.asarray(a.numpy(), np.float32) for w, a in zip(self._trained, self._averages, strict=True)
        }

        def layer(model: keras.Model, name: str) -> tuple[Floats, Floats]:
            kernel, bias = (averaged[id(weight)] for weight in model.get_layer(name).trainable_variables)
            return kernel, bias

        named = {name: layer(self.tail, name) for name in self._tuned}
        named |= {name: layer(self.heads, name) for name in HEADS}
        mean, std = self._norm
        for name in STANDARDIZED:
            kernel, bias = named[name]
            scaled = kernel / np.tile(std, len(kernel) // CHANNELS)[:, None]
            named[name] = scaled, bias - np.tile(mean, len(kernel) // CHANNELS) @ scaled
        return {
            f"{name}/{part}": w
            for name, pair in named.items()
            for part, w in zip(("kernel", "bias"), pair, strict=True)
        }

    def _weights(self, name: str) -> list[Any]:
        return list(self.tail.get_layer(name).trainable_variables)

    def _losses_and_update(self, maps: Any, cells: Any, tumor: Any, types: Any, type_weights: Any) -> Any:
        s = self.settings
        with tf.GradientTape() as tape:
            read = self.heads(tf.cast(self.tail(maps, training=True), tf.float32), training=True)
            parts = tf.stack(
                [
                    losses.image_loss(read["cells"], tumor, s.smoothing),
                    losses.cell_loss(read["cells"], cells),
                    s.location_weight * losses.location_loss(read["cells"], cells),
                    s.type_weight * losses.type_loss(read["types"], types, type_weights),
                ]
            )
            total = tf.reduce_sum(parts)
        gradients = iter(tape.gradient(total, [weight.value for weight in self._trained]))
        for optimizer, group in zip(self._optimizers, self._groups, strict=True):
            optimizer.apply_gradients([(next(gradients), weight) for weight in group])
        for average, weight in zip(self._averages, self._trained, strict=True):
            average.assign(s.average * average + (1 - s.average) * weight.value)
        return parts


def _unfolded(name: str, tensors: dict[str, Floats], mean: Floats, std: Floats) -> tuple[Floats, Floats]:
    """Kernel and bias of a head that read the map as it is, for the map standardized; undone by `Detector.tensors`."""
    kernel, bias = tensors[f"{name}/kernel"], tensors[f"{name}/bias"]
    if name not in STANDARDIZED:
        return kernel, bias
    times = len(kernel) // CHANNELS
    return kernel * np.tile(std, times)[:, None], bias + np.tile(mean, times) @ kernel
