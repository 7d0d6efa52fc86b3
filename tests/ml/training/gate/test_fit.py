"""The gate learns, and its figures are honest: simulated summaries in which brains and kinds are clouds of points."""

import json
from typing import Any

import numpy as np
import pytest

from ml.model.gate import NEGATIVE_CLASSES, PREFIX, SUMMARY, TENSORS, Array, GateModel
from ml.training.gate import rule
from ml.training.gate.examples import GateExamples, concatenate
from ml.training.gate.fit import accepted, fit_gate

pytestmark = pytest.mark.slow

SIZE = 40  # channels that carry anything; the others stay 0

Fitted = tuple[dict[str, Array], dict[str, Any]]


def cloud(name: str, center: tuple[float, ...], count: int, *, seed: int, original: bool = True) -> GateExamples:
    """Points around `center` (the first coordinates), with a spread of 0.3."""
    rng = np.random.default_rng(seed)
    summaries = np.zeros((count, SUMMARY), np.float32)
    summaries[:, :SIZE] = rng.normal(0, 0.3, (count, SIZE))
    summaries[:, : len(center)] += np.array(center, np.float32)
    return GateExamples(summaries, (name,) * count, np.full(count, original), np.zeros(count, bool))


def brains(count: int = 60, seed: int = 0) -> GateExamples:
    return concatenate([cloud("here", (0, 0), count, seed=seed), cloud("there", (0.5, 0), count, seed=seed + 1)])


def others(count: int = 30) -> GateExamples:
    centers = {"chest_xray": (4, 4), "ultrasound": (4, -4), "natural": (5, 0), "documents": (6, 2), "texture": (5, -2)}
    return concatenate([cloud(name, center, count, seed=10 + n) for n, (name, center) in enumerate(centers.items())])


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_gate(brains(), others(), val=brains(20, seed=50), seed=1, components=12)


def shipped(tensors: dict[str, Array]) -> GateModel:
    return GateModel.from_tensors({name: tensor.astype(np.float16) for name, tensor in tensors.items()})


def test_it_tells_brains_from_others(fitted: Fitted) -> None:
    gate = shipped(fitted[0])
    assert accepted(gate, brains(40, seed=80).summaries).mean() > 0.95
    assert not accepted(gate, others().summaries).any()


def test_it_refuses_what_it_never_saw(fitted: Fitted) -> None:
    gate = shipped(fitted[0])
    assert not accepted(gate, cloud("new", (3, 3, 3, 3), 30, seed=99).summaries).any()


def test_it_names_the_nearest_kind(fitted: Fitted) -> None:
    verdicts = shipped(fitted[0]).verdicts(cloud("", (4, -4), 20, seed=77).summaries)
    assert {verdict.reason for verdict in verdicts} == {"not_mri_ultrasound"}


def test_the_facts_are_complete_and_json_ready(fitted: Fitted) -> None:
    facts = json.loads(json.dumps(fitted[1], allow_nan=False))
    assert set(facts["leave_one_kind_out"]) == set(NEGATIVE_CLASSES[:4])
    assert set(facts["leave_one_family_out"]) == {"texture"}
    assert set(facts["wrongly_refused"]) == set(facts["leave_one_source_out_wrongly_refused"]) == {"here", "there"}
    assert facts["leave_one_kind_out"]["natural"]["pictures"] == 30
    assert facts["leave_one_kind_out_all"]["share"] > 0.95
    assert facts["wrongly_refused_all"]["share"] <= 0.05


def test_a_kind_left_out_is_really_left_out() -> None:
    """A kind that lies among the brains is refused only by a gate that has seen it."""
    hidden = cloud("natural", (0.2, 0), 40, seed=5)
    _, facts = fit_gate(brains(), concatenate([others().without("natural"), hidden]), val=brains(20, seed=50), seed=1)
    assert facts["leave_one_kind_out"]["natural"]["share"] < 0.5


def test_images_that_the_pixel_checks_refuse_count_as_refused() -> None:
    hidden = cloud("natural", (0.2, 0), 40, seed=5)
    hidden.prefiltered[:30] = True
    _, facts = fit_gate(brains(), concatenate([others().without("natural"), hidden]), val=brains(20, seed=50), seed=1)
    assert facts["leave_one_kind_out"]["natural"]["share"] >= 0.75


def test_copies_are_learned_from_but_not_counted() -> None:
    copies = cloud("natural", (5, 0), 25, seed=6, original=False)
    _, facts = fit_gate(brains(), concatenate([others(), copies]), val=brains(20, seed=50), seed=1)
    assert facts["leave_one_kind_out"]["natural"]["pictures"] == 30
    assert facts["others"]["natural"] == 55


def test_it_is_deterministic_and_small() -> None:
    first, second = (fit_gate(brains(), others(), val=brains(20, seed=50), seed=3)[0] for _ in range(2))
    assert set(first) == {PREFIX + name for name in TENSORS}
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert all(np.isfinite(tensor.astype(np.float16)).all() for tensor in first.values())
    assert sum(2 * tensor.size for tensor in first.values()) < 800_000


def test_a_class_that_differs_only_where_brains_hardly_vary_is_told_apart() -> None:
    """Few components of greatest spread miss it; the direction of its own does not."""

    def quiet(name: str, offset: float, count: int, seed: int) -> GateExamples:
        examples = cloud(name, (), count, seed=seed)
        examples.summaries[:, :SIZE] *= 30  # loud channels, the same in both
        examples.summaries[:, SIZE] = offset + np.random.default_rng(seed + 99).normal(0, 0.05, count)
        return examples

    brain, ct = quiet("here", 0.0, 300, 1), quiet("head_ct", 0.4, 100, 2)
    other = quiet("texture", -0.4, 100, 3)
    model = rule.fit_rule(brain, concatenate([ct, other]), seed=1, components=4)
    assert accepted(model, quiet("here", 0.0, 100, 7).summaries).mean() > 0.9
    assert accepted(model, quiet("head_ct", 0.4, 100, 8).summaries).mean() < 0.3


def test_sources_weigh_the_same() -> None:
    uneven = concatenate([cloud("large", (0,), 90, seed=1), cloud("small", (0,), 10, seed=2)])
    weights = uneven.weights()
    assert weights[:90].sum() == pytest.approx(weights[90:].sum()) == pytest.approx(0.5)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        GateExamples(np.zeros((2, SUMMARY), np.float32), ("a",), np.ones(2, bool), np.zeros(2, bool))


def test_without_other_sources_the_limit_is_the_rule_itself() -> None:
    alone = brains().of_name("here")
    _, facts = fit_gate(alone, others(), val=alone, seed=1)
    assert facts["limit"] == 0.0
    assert facts["leave_one_source_out_wrongly_refused"] == {}


def test_the_logistic_rule_is_the_minimum_of_its_loss() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 4))
    targets = (inputs[:, 0] + 0.5 * rng.normal(size=200) > 0).astype(np.int64)
    weights, bias = rule.logistic(inputs, targets, np.ones(200))

    def loss(moved: np.ndarray, shift: float) -> float:
        logits = inputs @ moved + shift
        return float((np.logaddexp(0, logits) - targets * logits).sum() + rule.RIDGE / 2 * (moved**2).sum())

    best = loss(weights, bias)
    for axis in np.eye(4) * 0.05:
        assert loss(weights + axis, bias) > best < loss(weights - axis, bias)
    assert loss(weights, bias + 0.05) > best < loss(weights, bias - 0.05)
