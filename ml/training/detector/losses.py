"""The detector's losses: the image's label, each cell's label, the location of the evidence, and the tumor type.

All functions take logits and return one number for a batch, as a TensorFlow tensor.
"""

from typing import Any

import tensorflow as tf

from ml.model.heads import SHARPNESS
from ml.training.data.targets import BESIDE, NEGATIVE, POSITIVE

Tensor = Any
HARD_NEGATIVES = 8
"""Hard negatives of an image: the cells outside the tumor with the highest loss, which count again."""


def image_loss(cells: Tensor, tumor: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of the smooth maximum of the cells (N, 14, 14) with tumor (N,), labels smoothed."""
    logits = tf.reduce_logsumexp(SHARPNESS * cells, axis=(1, 2)) / SHARPNESS
    labels = tumor * (1 - 2 * smoothing) + smoothing
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def cell_loss(cells: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of the cells: means over positive cells, over negative ones, and half that of the hardest."""
    inside = tf.cast(targets == POSITIVE, tf.float32)
    outside = tf.cast(targets == NEGATIVE, tf.float32)
    missed = _mean(tf.nn.softplus(-cells), inside)
    false = tf.nn.softplus(cells) * outside
    hardest = tf.math.top_k(tf.reshape(false, (-1, false.shape[1] * false.shape[2])), HARD_NEGATIVES).values
    return tf.reduce_mean(missed + _mean(false, outside) + 0.5 * tf.reduce_mean(hardest, axis=1))


def location_loss(cells: Tensor, targets: Tensor) -> Tensor:
    """-log of the fraction of the evidence that lies inside a tumor of known location; the rim counts as outside."""
    inside = targets == POSITIVE
    known = inside | (targets == NEGATIVE) | (targets == BESIDE)
    marked = tf.cast(tf.reduce_any(inside, axis=(1, 2)), tf.float32)
    low = tf.constant(-1e4, tf.float32)
    within = tf.reduce_logsumexp(tf.where(inside, SHARPNESS * cells, low), axis=(1, 2))
    total = tf.reduce_logsumexp(tf.where(known, SHARPNESS * cells, low), axis=(1, 2))
    return tf.reduce_sum((total - within) * marked) / tf.maximum(tf.reduce_sum(marked), 1.0)


def type_loss(types: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of the type logits (N, types) over images of known type. weights: (N,) of the images."""
    known = tf.cast(targets >= 0, tf.float32)
    index = tf.maximum(targets, 0)
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(index, types) * weights * known
    return tf.reduce_sum(each) / tf.maximum(tf.reduce_sum(known), 1.0)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return tf.reduce_sum(values * mask, axis=(1, 2)) / tf.maximum(tf.reduce_sum(mask, axis=(1, 2)), 1.0)
