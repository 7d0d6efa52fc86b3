"""The gate's numbers: fitted on brains of the training split and on everything known or drawn that is no brain.

Every source of brains, and every kind of other pictures, weighs the same whatever its size. What counts is the unknown,
so the limit is set on it: each source is judged by a gate that never saw that source, each kind by one that never saw
that kind, and the limit lies between the two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.model.gate import NEGATIVE_CLASSES, PREFIX, TENSORS, GateModel

Array = NDArray[np.float32]
Wide = NDArray[np.float64]

COMPONENTS = 64
BASIS_ROWS = 1600
"""Pictures that the components are computed on, half of them brains."""
RIDGE = 3.0
"""Strength of the pull to 0 on the logistic rule's weights; components are in standard deviations of brains."""
FLOOR = 0.05
"""Least spread of brains along a component, as a share of the mean: no direction is so narrow that it decides alone."""
WRONG = 0.01
"""Share of held-out brains, every source weighing the same, that the limit may refuse at most. Those of the table that
come first are slices of CT, and one without anything on it."""
LEAN = 0.3
"""Where the limit lies between held-out brains (0) and held-out other kinds (1), in logits, if there is room."""


@dataclass(frozen=True, slots=True)
class GateExamples:
    """Summaries (N, D) of pictures and what each is: its source if it shows a brain, else its kind or family.

    plain: (N,) False for augmented or masked copies, which are learned from but never counted.
    caught: (N,) True for what the cheap checks refuse before the pass; the figures count it as refused.
    """

    summaries: Array
    names: tuple[str, ...]
    original: NDArray[np.bool_]
    prefiltered: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if not len(self.summaries) == len(self.names) == len(self.original) == len(self.prefiltered):
            raise ValueError("summaries, names, plain and caught must be of one length.")

    def select(self, keep: Iterable[bool] | NDArray[np.bool_]) -> "GateExamples":
        """The pictures where `keep` is true."""
        chosen = np.flatnonzero(np.asarray(list(keep), bool))
        names = tuple(self.names[i] for i in chosen)
        return GateExamples(self.summaries[chosen], names, self.original[chosen], self.prefiltered[chosen])

    def without(self, name: str) -> "GateExamples":
        return self.select(other != name for other in self.names)

    def of_name(self, name: str) -> "GateExamples":
        """The plain pictures of this name."""
        return self.select(
            other == name and original for other, original in zip(self.names, self.original, strict=True)
        )

    def weights(self) -> Wide:
        """(N,) that sum to 1, every name having the same share."""
        _, inverse, counts = np.unique(np.array(self.names), return_inverse=True, return_counts=True)
        return np.asarray(1.0 / counts[inverse] / len(counts), np.float64)


def concatenate(parts: Sequence[GateExamples]) -> GateExamples:
    """Several sets as one."""
    return GateExamples(
        np.concatenate([part.summaries for part in parts]),
        tuple(name for part in parts for name in part.names),
        np.concatenate([part.original for part in parts]),
        np.concatenate([part.prefiltered for part in parts]),
    )


def fit_gate(
    brains: GateExamples, others: GateExamples, *, val: GateExamples, seed: int, components: int = COMPONENTS
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Tensors of a GateModel (named `gate/…`, float16-safe), and JSON-ready facts for the manifest and the model card.

    brains: of the training split, by source, plain and augmented. others: known kinds and drawn families. val: plain
    brains of the validation split; they take part in the choice of the limit only.
    """
    held_out = _held_out(brains, others, val, seed=seed, components=components)
    limit = _limit(held_out)
    model = _fit(brains, others, seed=seed, components=components)
    tensors = _tensors(_shifted(model, limit))
    shipped = GateModel.from_tensors({name: tensor.astype(np.float16) for name, tensor in tensors.items()})
    facts = {
        "limit": round(limit, 4),
        "components": components,
        "brains": _counts(brains),
        "others": _counts(others),
        "leave_one_kind_out": {
            name: _fraction(scores > limit)
            for name, scores in sorted(held_out.categories.items())
            if name in NEGATIVE_CLASSES
        },
        "leave_one_family_out": {
            name: _fraction(scores > limit)
            for name, scores in sorted(held_out.categories.items())
            if name not in NEGATIVE_CLASSES
        },
        "leave_one_source_out_wrongly_refused": {
            name: _fraction(scores > limit) for name, scores in sorted(held_out.sources.items())
        },
        "wrongly_refused": {
            name: _fraction(~accepted(shipped, val.of_name(name).summaries)) for name in sorted(set(val.names))
        },
    }
    facts["leave_one_kind_out_all"] = _fraction(
        np.concatenate(
            [scores > limit for name, scores in held_out.categories.items() if name in NEGATIVE_CLASSES]
            or [np.empty(0, bool)]
        )
    )
    facts["wrongly_refused_all"] = _fraction(~accepted(shipped, val.summaries))
    return tensors, facts


def accepted(model: GateModel, summaries: Array) -> NDArray[np.bool_]:
    """(N,) whether the gate lets each picture pass."""
    return np.array([verdict.accepted for verdict in model.verdicts(summaries)], bool)


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """Logits (above 0: no brain; infinite: caught before) of pictures whose kind or source the judge never saw."""

    categories: dict[str, Wide]
    sources: dict[str, Wide]


def _held_out(brains: GateExamples, others: GateExamples, val: GateExamples, *, seed: int, components: int) -> _HeldOut:
    categories, sources = {}, {}
    for name in sorted(set(others.names)):
        model = _fit(brains, others.without(name), seed=seed, components=components)
        held_out_examples = others.of_name(name)
        categories[name] = np.where(held_out_examples.prefiltered, np.inf, _logits(model, held_out_examples.summaries))
    for name in sorted(set(brains.names)):
        rest = brains.without(name)
        if len(rest.names):
            model = _fit(rest, others, seed=seed, components=components)
            sources[name] = _logits(model, concatenate([brains.of_name(name), val.of_name(name)]).summaries)
    return _HeldOut({n: s for n, s in categories.items() if len(s)}, {n: s for n, s in sources.items() if len(s)})


def _limit(held_out: _HeldOut) -> float:
    """The logit above which pictures are refused: at most WRONG of unseen brains, and some room for stranger ones."""
    if not held_out.sources:
        return 0.0
    brains = np.concatenate(list(held_out.sources.values()))
    weights = np.concatenate([np.full(len(s), 1 / len(s)) for s in held_out.sources.values()])
    order = np.argsort(brains)
    passed = np.cumsum(weights[order]) / weights.sum()
    least = float(brains[order][np.searchsorted(passed, 1 - WRONG).clip(max=len(brains) - 1)])
    known = [scores for name, scores in held_out.categories.items() if name in NEGATIVE_CLASSES]
    if not known:
        return least
    together = np.concatenate(known)
    missed = together[np.isfinite(together)]
    most = float(np.quantile(missed, 0.01)) if len(missed) else least
    return least + LEAN * max(most - least, 0.0)


def _fit(brains: GateExamples, others: GateExamples, *, seed: int, components: int) -> GateModel:
    """One gate with its limit at logit 0."""
    own, other = brains.weights(), others.weights()
    mean, scale = _moments(brains.summaries, own)
    rng = np.random.default_rng(seed)
    basis = [
        (examples.summaries[_sampled(rng, weights)] - mean) / scale
        for examples, weights in ((brains, own), (others, other))
    ]
    directions, spread = _components(basis[0], basis[1], components)
    beside = (basis[0] ** 2).sum(axis=1) - ((basis[0] @ directions.T) ** 2).sum(axis=1)
    blank = np.zeros(0, np.float32)
    parts = GateModel(
        mean, scale, directions, spread, np.array([max(beside.mean(), 1e-3)], np.float32), blank, blank, blank, blank
    )
    seen = [parts.project(examples.summaries) for examples in (brains, others)]
    inputs = np.concatenate([np.concatenate(pair, axis=1) for pair in seen]).astype(np.float64)
    targets = np.r_[np.zeros(len(own)), np.ones(len(other))]
    weights, bias = _logistic(inputs, targets, np.r_[own, other] * len(targets) / 2)
    kinds, kind_bias = _category_rule(seen[1][0].astype(np.float64), others.names)
    return GateModel(
        mean=mean,
        scale=scale,
        components=directions,
        spread=spread,
        rest=parts.rest,
        weights=weights.astype(np.float32),
        bias=np.array([bias], np.float32),
        kinds=kinds,
        kind_bias=kind_bias,
    )


def _moments(summaries: Array, weights: Wide) -> tuple[Array, Array]:
    mean = np.asarray(weights @ summaries, np.float32)
    variance = weights @ (summaries - mean) ** 2
    # A channel that is off in every brain is no reason to blow up its first spark without bound.
    return mean, np.asarray(np.sqrt(variance + 0.25 * variance.mean()), np.float32)


def _sampled(rng: np.random.Generator, weights: Wide) -> NDArray[np.int64]:
    return np.unique(rng.choice(len(weights), min(BASIS_ROWS // 2, len(weights)), p=weights, replace=True))


def _components(brains: Array, others: Array, count: int) -> tuple[Array, Array]:
    """Orthonormal directions (k, D) in which brains and other pictures vary most, turned to those of the brains, and
    the brains' variance along each."""
    together = np.concatenate([brains / np.sqrt(len(brains)), others / np.sqrt(len(others))])
    # The gram matrix is small: rows are far fewer than channels.
    values, vectors = np.linalg.eigh((together @ together.T).astype(np.float64))
    count = min(count, len(together) - 1)
    basis = (vectors[:, ::-1][:, :count] / np.sqrt(np.maximum(values[::-1][:count], 1e-9))).T @ together
    projected = brains @ basis.T
    spread, turn = np.linalg.eigh(projected.T @ projected / len(projected))
    return np.asarray(turn.T @ basis, np.float32), np.asarray(np.maximum(spread, FLOOR * spread.mean()), np.float32)


def _logistic(inputs: Wide, targets: Wide, weights: Wide, *, rounds: int = 40) -> tuple[Wide, float]:
    """Weighted ridge logistic regression by Newton's method (iteratively reweighted least squares)."""
    table = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    pull = np.full(table.shape[1], RIDGE)
    pull[-1] = 1e-6
    solution = np.zeros(table.shape[1])
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-np.clip(table @ solution, -30, 30)))
        slope = table.T @ (weights * (chance - targets)) + pull * solution
        bend = (table * (weights * np.maximum(chance * (1 - chance), 1e-6))[:, None]).T @ table + np.diag(pull)
        step = np.linalg.solve(bend, slope)
        solution = solution - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-6:
            break
    return solution[:-1], float(solution[-1])


def _category_rule(projected: Wide, names: Sequence[str]) -> tuple[Array, Array]:
    """Linear discriminant (NEGATIVE_CLASSES, k) and its bias: which kind a picture that is no brain is most like."""
    label = np.array(
        [
            NEGATIVE_CLASSES.index(name) if name in NEGATIVE_CLASSES else NEGATIVE_CLASSES.index("other")
            for name in names
        ]
    )
    within = np.zeros((projected.shape[1],) * 2)
    centers = np.zeros((len(NEGATIVE_CLASSES), projected.shape[1]))
    there = [n for n in range(len(NEGATIVE_CLASSES)) if (label == n).any()]
    for n in there:
        centers[n] = projected[label == n].mean(axis=0)
        apart = projected[label == n] - centers[n]
        within += apart.T @ apart / len(apart) / len(there)
    ridge = 0.1 * np.trace(within) / len(within) + 1e-6
    kinds = np.linalg.solve(within + ridge * np.eye(len(within)), centers.T).T
    bias = -0.5 * (kinds * centers).sum(axis=1)
    bias[[n for n in range(len(NEGATIVE_CLASSES)) if n not in there]] = -1e4
    return kinds.astype(np.float32), bias.astype(np.float32)


def _logits(model: GateModel, summaries: Array) -> Wide:
    if not len(summaries):
        return np.empty(0)
    return np.asarray(np.concatenate(model.project(summaries), axis=1) @ model.weights + model.bias, np.float64)


def _shifted(model: GateModel, limit: float) -> GateModel:
    return replace(model, bias=model.bias - np.float32(limit))


def _tensors(model: GateModel) -> dict[str, Array]:
    return {PREFIX + name: getattr(model, name) for name in TENSORS}


def _fraction(flags: NDArray[Any]) -> dict[str, float | int]:
    return {"share": round(float(np.mean(flags)), 4) if len(flags) else 0.0, "pictures": len(flags)}


def _counts(examples: GateExamples) -> dict[str, int]:
    return {name: examples.names.count(name) for name in sorted(set(examples.names))}
