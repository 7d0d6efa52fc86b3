"""Fits the gate to brains of the training split and to every known or synthetic image that is no brain.

Every source of brains, and every class of other images, weighs the same whatever its size. Unknown images matter most,
so the limit is set on held-out examples: each source is judged by a gate that never saw it, each class by one that
never saw it, and the limit lies between the two.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.model.gate import NEGATIVE_CLASSES, PREFIX, TENSORS, GateModel
from ml.training.gate.examples import Array, GateExamples, Wide, concatenate
from ml.training.gate.rule import COMPONENTS, fit_rule

MAX_WRONG = 0.0096
"""Fraction of held-out brains, every source weighing the same, that the limit may refuse. In the shipped model's table
these are slices of CT, and one slice with nothing on it."""
LIMIT_POSITION = 0.3
"""Where the limit lies between held-out brains (0) and held-out other classes (1), in logits, if there is room."""


def fit_gate(
    brains: GateExamples, others: GateExamples, *, val: GateExamples, seed: int, components: int = COMPONENTS
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Tensors of a GateModel, named `gate/…` and float16-safe, and JSON-ready facts for manifest and model card.

    brains: of the training split, by source, original and augmented. others: known classes and synthetic families.
    val: original brains of the validation split, used only to choose the limit.
    """
    held_out = _held_out(brains, others, val, seed=seed, components=components)
    limit = _limit(held_out)
    model = fit_rule(brains, others, seed=seed, components=components)
    tensors = _tensors(replace(model, bias=model.bias - np.float32(limit)))
    shipped = GateModel.from_tensors({name: tensor.astype(np.float16) for name, tensor in tensors.items()})
    refused = {name: scores > limit for name, scores in sorted(held_out.others.items())}
    known = [flags for name, flags in refused.items() if name in NEGATIVE_CLASSES]
    facts = {
        "limit": round(limit, 4),
        "components": components,
        "brains": brains.counts(),
        "others": others.counts(),
        "leave_one_kind_out": {n: _fraction(flags) for n, flags in refused.items() if n in NEGATIVE_CLASSES},
        "leave_one_family_out": {n: _fraction(flags) for n, flags in refused.items() if n not in NEGATIVE_CLASSES},
        "leave_one_source_out_wrongly_refused": {
            name: _fraction(scores > limit) for name, scores in sorted(held_out.sources.items())
        },
        "wrongly_refused": {
            name: _fraction(~accepted(shipped, val.of_name(name).summaries)) for name in sorted(set(val.names))
        },
        "leave_one_kind_out_all": _fraction(np.concatenate(known or [np.empty(0, bool)])),
        "wrongly_refused_all": _fraction(~accepted(shipped, val.summaries)),
    }
    return tensors, facts


def accepted(model: GateModel, summaries: Array) -> NDArray[np.bool_]:
    """(N,) whether the gate lets each image pass."""
    return np.array([verdict.accepted for verdict in model.verdicts(summaries)], bool)


@dataclass(frozen=True, slots=True)
class _HeldOut:
    """Logits of held-out images by class or family, and of held-out brains by source.

    Above 0: no brain; infinite: refused before the pass.
    """

    others: dict[str, Wide]
    sources: dict[str, Wide]


def _held_out(brains: GateExamples, others: GateExamples, val: GateExamples, *, seed: int, components: int) -> _HeldOut:
    unseen, sources = {}, {}
    for name in sorted(set(others.names)):
        model = fit_rule(brains, others.without(name), seed=seed, components=components)
        examples = others.of_name(name)
        unseen[name] = np.where(examples.prefiltered, np.inf, _logits(model, examples.summaries))
    for name in sorted(set(brains.names)):
        rest = brains.without(name)
        if len(rest.names):
            model = fit_rule(rest, others, seed=seed, components=components)
            sources[name] = _logits(model, concatenate([brains.of_name(name), val.of_name(name)]).summaries)
    return _HeldOut({n: s for n, s in unseen.items() if len(s)}, {n: s for n, s in sources.items() if len(s)})


def _limit(held_out: _HeldOut) -> float:
    """The logit above which images are refused: at most MAX_WRONG of unseen brains, with room for stranger ones."""
    if not held_out.sources:
        return 0.0
    brains = np.concatenate(list(held_out.sources.values()))
    weights = np.concatenate([np.full(len(s), 1 / len(s)) for s in held_out.sources.values()])
    least = float(np.quantile(brains, 1 - MAX_WRONG, weights=weights, method="inverted_cdf"))
    known = [scores for name, scores in held_out.others.items() if name in NEGATIVE_CLASSES]
    if not known:
        return least
    scores = np.concatenate(known)
    scores = scores[np.isfinite(scores)]
    most = float(np.quantile(scores, 0.01)) if len(scores) else least
    return least + LIMIT_POSITION * max(most - least, 0.0)


def _logits(model: GateModel, summaries: Array) -> Wide:
    if not len(summaries):
        return np.empty(0)
    return np.asarray(np.concatenate(model.project(summaries), axis=1) @ model.weights + model.bias, np.float64)


def _tensors(model: GateModel) -> dict[str, Array]:
    return {PREFIX + name: getattr(model, name) for name in TENSORS}


def _fraction(flags: NDArray[Any]) -> dict[str, float | int]:
    return {"share": round(float(np.mean(flags)), 4) if len(flags) else 0.0, "pictures": len(flags)}
