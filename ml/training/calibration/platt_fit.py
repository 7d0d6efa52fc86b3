"""The curve from a logit to a probability: Platt's sigmoid, bounded by two lapses.

Platt scaling (Platt 1999) is logistic regression on the logit with smoothed targets. A few images contradict their
clear logit: a stroke in a collection "without tumor", a wrong label. A sigmoid alone pays for them with a slope that is
too flat for all other images. So answers may lapse, as in robust logistic regression (Copas 1988, "Binary regression
models for contaminated data") and in psychometrics (Wichmann & Hill 2001): a fraction of images is tumor, and a
fraction is not, whatever the logit. docs/adr/0010 has the decision.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from ml.training.metrics import Floats, Ints

MAX_LAPSE = 0.1
_FIRST_LAPSE = 0.02  # where the search starts
_CLOSE = 1e-12  # keeps logarithms finite


@dataclass(frozen=True, slots=True)
class Curve:
    """The numbers of `ml.model.calibration.Calibration` that are fitted here."""

    slope: float
    intercept: float
    lapses: tuple[float, float] = (0.0, 0.0)

    def probability(self, logits: Floats) -> Floats:
        low, high = self.lapses
        return np.asarray(low + (1 - low - high) * expit(self.slope * logits + self.intercept), np.float64)

    def rounded(self, digits: int) -> "Curve":
        low, high = self.lapses
        return Curve(
            round(self.slope, digits), round(self.intercept, digits), (round(low, digits), round(high, digits))
        )


def fit_bagged(logits: Floats, truth: Ints, weights: Floats, draws: Ints) -> Curve:
    """The curve closest, in log loss, to the mean probability of the curves of all draws (times, N).

    Draws of one class only are left out. BLAS runs on one thread: the fits are so small that others would only wait.
    """
    mean, used = np.zeros(len(logits)), 0
    with threadpool_limits(limits=1, user_api="blas"):
        for draw in draws:
            drawn = weights * draw
            if drawn[truth == 1].sum() and drawn[truth == 0].sum():
                mean += fit_with_lapses(logits, platt_targets(truth, drawn), drawn).probability(logits)
                used += 1
        return fit_with_lapses(logits, mean / used, weights)


def fit_with_lapses(logits: Floats, targets: Floats, weights: Floats) -> Curve:
    """Slope, intercept and lapses of least weighted log loss against targets from 0 to 1.

    scikit-learn has no such model, so SciPy minimizes the loss in the four numbers, starting from Platt's line.
    """
    kept = weights > 0
    logits, targets, weights = logits[kept], targets[kept], weights[kept]
    slope, intercept = fit_platt(logits, targets, weights)
    center, scale = _standardization(logits)
    x, fraction = (logits - center) / scale, weights / weights.sum()

    def loss(parameters: Floats) -> tuple[float, Floats]:
        a, b, low, high = parameters
        p = expit(a * x + b)
        q = np.clip(low + (1 - low - high) * p, _CLOSE, 1 - _CLOSE)
        value = -float(np.sum(fraction * (targets * np.log(q) + (1 - targets) * np.log1p(-q))))
        down = fraction * (q - targets) / (q * (1 - q))
        line = down * (1 - low - high) * p * (1 - p)
        return value, np.array([np.sum(line * x), np.sum(line), np.sum(down * (1 - p)), -np.sum(down * p)])

    start = np.array([slope * scale, intercept + slope * center, _FIRST_LAPSE, _FIRST_LAPSE])
    bounds = [(None, None), (None, None), (0, MAX_LAPSE), (0, MAX_LAPSE)]
    options = {"ftol": 1e-12, "gtol": 1e-8, "maxiter": 500}
    a, b, low, high = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return Curve(float(a / scale), float(b - a * center / scale), (float(low), float(high)))


def platt_targets(truth: Ints, weights: Floats) -> Floats:
    """Targets slightly inside 0 and 1 (Platt 1999, eq. 1.5), so that separable classes keep a finite slope."""
    positives, negatives = weights[truth == 1].sum(), weights[truth == 0].sum()
    return np.asarray(np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2)), np.float64)


def fit_platt(logits: Floats, targets: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept of least weighted log loss against targets from 0 to 1.

    Logistic regression takes labels, so each row is given twice: as a tumor with the weight of its target, and as none
    with the rest.
    """
    center, scale = _standardization(logits)
    x = np.tile((logits - center) / scale, 2)[:, None]
    labels = np.repeat([1, 0], len(logits))
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    model.fit(x, labels, sample_weight=np.concatenate([weights * targets, weights * (1 - targets)]))
    slope = float(model.coef_[0, 0]) / scale
    return slope, float(model.intercept_[0]) - slope * center


def _standardization(logits: Floats) -> tuple[float, float]:
    return float(logits.mean()), float(logits.std()) or 1.0
