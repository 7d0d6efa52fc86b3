"""Fits one gate to given examples: principal components, a logistic rule, and a linear discriminant for the classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from ml.model.gate import NEGATIVE_CLASSES, GateModel
from ml.training.gate.examples import Array, GateExamples, Wide

COMPONENTS = 64
"""Of greatest spread; each class of others adds a direction of its own."""
BASIS_ROWS = 1600
"""Images that the components are computed on, half of them brains."""
CONTRAST_RIDGE = 1.0
"""Added to the brains' variances, which have the mean 1, where a class's direction is sought."""
RIDGE = 3.0
"""Strength of the L2 penalty on the logistic rule's weights; its inputs are in standard deviations of brains."""
FLOOR = 0.05
"""Least variance of brains along a component, relative to the mean: no direction is so narrow that it decides alone."""
SHRINKAGE = 1 / 11
"""Of the classes' covariance towards a multiple of the identity."""
_NEVER = -1e4  # bias of a class without examples


def fit_rule(brains: GateExamples, others: GateExamples, *, seed: int, components: int = COMPONENTS) -> GateModel:
    """A gate with its limit at logit 0. Every source of brains, and every class of others, weighs the same."""
    own, other = brains.weights(), others.weights()
    mean, scale = _moments(brains.summaries, own)
    rng = np.random.default_rng(seed)
    basis = [
        (examples.summaries[_sample(rng, weights)] - mean) / scale
        for examples, weights in ((brains, own), (others, other))
    ]
    contrasts = _contrasts(basis[0], (others.summaries - mean) / scale, others.names)
    directions, spread = _components(basis[0], basis[1], contrasts, components)
    beside = (basis[0] ** 2).sum(axis=1) - ((basis[0] @ directions.T) ** 2).sum(axis=1)
    rest = np.array([max(beside.mean(), 1e-3)], np.float32)
    projection = Projection(mean, scale, directions, spread, rest)
    projected = [projection.of(examples.summaries) for examples in (brains, others)]
    inputs = np.concatenate([np.concatenate(pair, axis=1) for pair in projected]).astype(np.float64)
    targets = np.r_[np.zeros(len(own), np.int64), np.ones(len(other), np.int64)]
    weights, bias = logistic(inputs, targets, np.r_[own, other] * len(targets) / 2)
    kinds, kind_bias = discriminant(projected[1][0].astype(np.float64), others.names)
    return projection.gate(weights.astype(np.float32), np.array([bias], np.float32), kinds, kind_bias)


@dataclass(frozen=True, slots=True)
class Projection:
    """The first five tensors of a GateModel, which do not depend on the rule."""

    mean: Array
    scale: Array
    components: Array
    spread: Array
    rest: Array

    def gate(self, weights: Array, bias: Array, kinds: Array, kind_bias: Array) -> GateModel:
        """The gate with this rule."""
        return GateModel(
            self.mean, self.scale, self.components, self.spread, self.rest, weights, bias, kinds, kind_bias
        )

    def of(self, summaries: Array) -> tuple[Array, Array]:
        """As `GateModel.project`."""
        blank = np.zeros(0, np.float32)
        return self.gate(blank, blank, blank, blank).project(summaries)


def logistic(inputs: Wide, targets: NDArray[np.int64], weights: Wide) -> tuple[Wide, float]:
    """Weights and bias of a weighted logistic regression with an L2 penalty of strength RIDGE."""
    model = LogisticRegression(C=1 / RIDGE, solver="newton-cholesky", tol=1e-6, max_iter=200)
    model.fit(inputs, targets, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])


def discriminant(projected: Wide, names: Sequence[str]) -> tuple[Array, Array]:
    """Weights (NEGATIVE_CLASSES, k) and biases that tell which class an image that is no brain is most like.

    Linear discriminant analysis with equal priors; classes without examples are never named.
    """
    labels = np.array([NEGATIVE_CLASSES.index(n if n in NEGATIVE_CLASSES else "other") for n in names])
    present = np.unique(labels)
    weights = np.zeros((len(NEGATIVE_CLASSES), projected.shape[1]))
    bias = np.full(len(NEGATIVE_CLASSES), _NEVER)
    bias[present] = 0.0
    if len(present) > 1:
        priors = np.full(len(present), 1 / len(present))
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=priors).fit(projected, labels)
        # Of two classes, scikit-learn gives one row, the second's advantage over the first. The factor keeps the scores
        # as sure as those of the gates that shipped, whose covariance was not scaled down by the shrinkage.
        rows = present if len(present) > 2 else present[1:]
        weights[rows] = model.coef_ * (1 - SHRINKAGE)
        bias[rows] = model.intercept_ * (1 - SHRINKAGE)
    return weights.astype(np.float32), bias.astype(np.float32)


def _moments(summaries: Array, weights: Wide) -> tuple[Array, Array]:
    mean = np.asarray(weights @ summaries, np.float32)
    variance = weights @ (summaries - mean) ** 2
    # Without the added term, a channel that is off in every brain would blow up its first activation without bound.
    return mean, np.asarray(np.sqrt(variance + 0.25 * variance.mean()), np.float32)


def _sample(rng: np.random.Generator, weights: Wide) -> NDArray[np.int64]:
    return np.unique(rng.choice(len(weights), min(BASIS_ROWS // 2, len(weights)), p=weights, replace=True))


def _contrasts(brains: Array, others: Array, names: Sequence[str]) -> Array:
    """(c, D) for each class of others, the direction that tells it best from brains: Fisher's, with a ridge.

    Few principal components tell CT from MR, because both vary more in other ways.
    """
    labels = np.array(names)
    offsets = np.stack([others[labels == name].mean(axis=0) for name in sorted(set(names))])
    gram = brains @ brains.T + CONTRAST_RIDGE * len(brains) * np.eye(len(brains), dtype=np.float32)
    within = np.linalg.solve(gram, brains @ offsets.T)
    return np.asarray(offsets - (brains.T @ within).T, np.float32)


def _components(brains: Array, others: Array, contrasts: Array, count: int) -> tuple[Array, Array]:
    """Orthonormal directions: those of greatest spread, `count` of them, and the contrasts; rotated to the principal
    axes of brains (k, D), and the brains' variance (k,) along each. Brains and other images weigh the same."""
    together = np.concatenate([brains / np.sqrt(len(brains)), others / np.sqrt(len(others))])
    # Not scikit-learn's PCA: it would center, and the offset of the others from brains is what tells them apart.
    basis = svd(together, full_matrices=False)[2][: min(count, len(together) - 1)]
    rest = contrasts - contrasts @ basis.T @ basis
    found = svd(rest / np.maximum(np.linalg.norm(contrasts, axis=1, keepdims=True), 1e-9), full_matrices=False)
    basis = np.concatenate([basis, found[2][found[1] > 1e-3]])
    projected = brains @ basis.T
    spread, turn = np.linalg.eigh(projected.T @ projected / len(projected))
    return np.asarray(turn.T @ basis, np.float32), np.asarray(np.maximum(spread, FLOOR * spread.mean()), np.float32)
