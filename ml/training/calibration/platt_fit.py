"""The curve from a logit to a probability: a line, a sigmoid, and two lapses that it never leaves.

The line is Platt's with his smoothed targets (Platt 1999), found by Newton's method (Lin, Lin & Weng 2007, "A note on
Platt's probabilistic outputs"). A few pictures contradict their clear logit: a stroke in a collection "without tumor",
a wrong label. A line alone pays for them everywhere, with a slope too flat for all others. So answers may lapse, as in
robust logistic regression (Copas 1988, "Binary regression models for contaminated data") and in psychometrics (Wichmann
& Hill 2001): whatever the line says, a share of pictures is tumor and a share is not. Shares and line are found in
turns (expectation maximization).
"""

from dataclasses import dataclass

import numpy as np

from ml.training.evaluation.metrics import Floats, Ints

MAX_LAPSE = 0.1
_FIRST = 0.02
_ROUNDS = 60
_STILL = 1e-5  # change of both lapses below which the search ends


@dataclass(frozen=True, slots=True)
class Curve:
    """As `ml.model.calibration.Calibration` has it."""

    slope: float
    intercept: float
    lapses: tuple[float, float] = (0.0, 0.0)

    def probability(self, logits: Floats) -> Floats:
        low, high = self.lapses
        return np.asarray(low + (1 - low - high) * _sigmoid(self.slope * logits + self.intercept), np.float64)

    def rounded(self, digits: int) -> "Curve":
        low, high = self.lapses
        return Curve(
            round(self.slope, digits), round(self.intercept, digits), (round(low, digits), round(high, digits))
        )


def fit_bagged(logits: Floats, truth: Ints, weights: Floats, draws: Ints) -> Curve:
    """The curve nearest, in log loss, to the mean probability over the curves of all draws (times, N)."""
    mean, used = np.zeros(len(logits)), 0
    for draw in draws:
        drawn = weights * draw
        if drawn[truth == 1].sum() and drawn[truth == 0].sum():
            mean += fit_with_lapses(logits, platt_targets(truth, drawn), drawn).probability(logits)
            used += 1
    return fit_with_lapses(logits, mean / used, weights)


def fit_with_lapses(logits: Floats, targets: Floats, weights: Floats) -> Curve:
    """Line and lapses of least weighted log loss against targets from 0 to 1."""
    low = high = _FIRST
    slope, intercept = fit_platt(logits, targets, weights)
    for _ in range(_ROUNDS):
        certain = 1 - low - high
        p = _sigmoid(slope * logits + intercept)
        positive = targets * certain * p / (low + certain * p)  # share of a picture that is tumor, and no lapse
        negative = (1 - targets) * certain * (1 - p) / (high + certain * (1 - p))
        total = weights.sum()
        before = low, high
        low = min(float(np.sum(weights * (targets - positive)) / total), MAX_LAPSE)
        high = min(float(np.sum(weights * (1 - targets - negative)) / total), MAX_LAPSE)
        slope, intercept = fit_platt(
            logits, positive / np.maximum(positive + negative, 1e-12), weights * (positive + negative)
        )
        if abs(low - before[0]) + abs(high - before[1]) < _STILL:
            break
    return Curve(slope, intercept, (low, high))


def platt_targets(truth: Ints, weights: Floats) -> Floats:
    """Targets a little inside 0 and 1 (Platt 1999, eq. 1.5), so that separable classes keep a finite slope."""
    positives, negatives = weights[truth == 1].sum(), weights[truth == 0].sum()
    return np.asarray(np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2)), np.float64)


def fit_platt(logits: Floats, targets: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept of least weighted log loss against targets from 0 to 1; Newton's method with halved steps."""
    center, scale = logits.mean(), logits.std() or 1.0
    x = (logits - center) / scale
    fraction = np.clip(np.average(targets, weights=weights), 1e-6, 1 - 1e-6)
    slope, intercept = 0.0, float(np.log(fraction / (1 - fraction)))

    def loss(slope: float, intercept: float) -> float:
        z = slope * x + intercept
        return float(np.sum(weights * (np.logaddexp(0, z) - targets * z)))

    current = loss(slope, intercept)
    for _ in range(100):
        p = _sigmoid(slope * x + intercept)
        off, bend = weights * (p - targets), weights * p * (1 - p)
        down = float(np.sum(off * x)), float(np.sum(off))
        a, b, c = float(np.sum(bend * x * x)) + 1e-9, float(np.sum(bend * x)), float(np.sum(bend)) + 1e-9
        step = (c * down[0] - b * down[1]) / (a * c - b * b), (a * down[1] - b * down[0]) / (a * c - b * b)
        length = 1.0
        while (reached := loss(slope - length * step[0], intercept - length * step[1])) > current and length > 1e-8:
            length /= 2
        slope, intercept = slope - length * step[0], intercept - length * step[1]
        if current - reached < 1e-10 * max(1.0, current):
            break
        current = reached
    return slope / float(scale), intercept - slope * float(center / scale)


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)), np.float64)
