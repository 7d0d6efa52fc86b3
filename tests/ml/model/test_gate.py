"""The gate after the pass: its features, what it accepts, and how it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from ml.model.gate import (
    CHANNELS,
    GRID,
    NEGATIVE_CLASSES,
    PREFIX,
    REASONS,
    SUMMARY,
    TENSORS,
    THRESHOLD,
    GateModel,
    summary,
)
from ml.model.vgg16 import Maps

K = 3


def model(**changes: np.ndarray) -> GateModel:
    """A gate that refuses what is far along the first component, and names kinds along the second and third."""
    components = np.zeros((K, SUMMARY), np.float32)
    components[np.arange(K), np.arange(K)] = 1.0
    kinds = np.zeros((len(NEGATIVE_CLASSES), K), np.float32)
    kinds[NEGATIVE_CLASSES.index("natural"), 1] = 10.0
    kinds[NEGATIVE_CLASSES.index("documents"), 2] = 10.0
    plain = {
        "mean": np.zeros(SUMMARY),
        "scale": np.ones(SUMMARY),
        "components": components,
        "spread": np.ones(K),
        "rest": np.ones(1),
        "weights": np.r_[4.0, np.zeros(K + 1)],
        "bias": np.array([-8.0]),
        "kinds": kinds,
        "kind_bias": np.zeros(len(NEGATIVE_CLASSES)),
    }
    return replace(GateModel.from_tensors({PREFIX + name: value for name, value in plain.items()}), **changes)


def at(*along: float) -> np.ndarray:
    point = np.zeros((1, SUMMARY), np.float32)
    point[0, : len(along)] = along
    return point


def maps(count: int = 2, *, fill: float | None = None, seed: int = 0) -> Maps:
    shapes = {"block3": (28, 28, 256), "block5": (14, 14, 512)}
    rng = np.random.default_rng(seed)
    return Maps(
        **{
            name: np.full((count, *shape), fill, np.float32)
            if fill is not None
            else rng.gamma(1.0, 40.0, (count, *shape)).astype(np.float32)
            for name, shape in shapes.items()
        }
    )


def test_a_brain_passes() -> None:
    verdict = model().verdicts(at(0.0))[0]
    assert verdict.accepted
    assert (verdict.reason, verdict.message) == (None, None)
    assert verdict.score is not None and verdict.score > THRESHOLD == verdict.threshold


@pytest.mark.parametrize(
    ("place", "reason", "words"),
    [
        ((4.0, 3.0), "not_mri_photograph", "photograph"),
        ((4.0, 0.0, 3.0), "not_mri_document", "document"),
        ((4.0, 3.0, 3.0), "not_brain_mri", "does not look like"),  # as much one as the other: not named
        ((4.0,), "not_brain_mri", "does not look like"),
    ],
)
def test_a_refusal_names_the_nearest_kind_only_when_it_stands_out(
    place: tuple[float, ...], reason: str, words: str
) -> None:
    verdict = model().verdicts(at(*place))[0]
    assert (verdict.accepted, verdict.reason) == (False, reason)
    assert words in str(verdict.message)
    assert "is accepted" in str(verdict.message)


def test_distance_alone_refuses() -> None:
    """An image far from all brains is refused even where no component tells it from them."""
    far = model(weights=np.array([0, 0, 0, 0, 3.0], np.float32), bias=np.array([-6.0], np.float32))
    strange = np.zeros((1, SUMMARY), np.float32)
    strange[0, 50] = 20.0
    assert far.verdicts(at(0.0))[0].accepted
    assert not far.verdicts(strange)[0].accepted


def test_an_artifact_of_fewer_classes_keeps_them() -> None:
    """The first artifacts know five: their `other` is still what it was."""
    plain = model()
    old = replace(plain, kinds=plain.kinds[:5], kind_bias=plain.kind_bias[:5])
    for place, reason in (((4.0, 3.0), "not_mri_photograph"), ((4.0, 0.0, 3.0), "not_mri_document")):
        assert old.verdicts(at(*place))[0].reason == reason
    assert NEGATIVE_CLASSES[:5] == ("chest_xray", "ultrasound", "natural", "documents", "other")
    assert old.verdicts(at(4.0))[0].reason == "not_brain_mri"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused(value: float) -> None:
    with np.errstate(all="ignore"):
        verdict = model().verdicts(np.full((1, SUMMARY), value, np.float32))[0]
    assert (verdict.accepted, verdict.reason) == (False, "not_brain_mri")
    assert verdict.score == 0.0


def test_a_map_without_numbers_is_refused() -> None:
    assert not model().judge(maps(1, fill=float("nan")), 0).accepted


def test_judge_looks_at_the_image_asked_for() -> None:
    both = maps(2)
    both.block3[1] = 0.0
    judged = [model().judge(both, n) for n in range(2)]
    assert judged == model().verdicts(summary(both.block3))
    assert judged[0].score != judged[1].score


def test_the_summary_is_regions_then_spread() -> None:
    block3 = np.zeros((1, 28, 28, CHANNELS), np.float32)
    block3[0, :7, 7:14, 5] = 50.0  # the region in row 0, column 1
    summed = summary(block3)
    assert summed.shape == (1, SUMMARY)
    regions = summed[0, : GRID * GRID * CHANNELS].reshape(GRID, GRID, CHANNELS)
    assert regions[0, 1, 5] == pytest.approx(np.log(2))
    assert regions.sum() == pytest.approx(np.log(2))
    assert summed[0, GRID * GRID * CHANNELS + 5] == pytest.approx(np.log1p(block3[0, ..., 5].std() / 50), rel=1e-5)


def test_the_summary_takes_half_precision_and_chunks() -> None:
    block3 = maps(4).block3
    whole = summary(block3)
    assert np.allclose(whole, np.concatenate([summary(block3[:1]), summary(block3[1:])]))
    assert np.allclose(whole, summary(block3.astype(np.float16)), atol=2e-3)


def test_every_kind_has_a_code_and_a_sentence() -> None:
    assert set(REASONS) == set(NEGATIVE_CLASSES)
    codes = [code for code, _ in REASONS.values()]
    assert len(set(codes)) == len(codes)
    assert all(sentence.endswith(".") for _, sentence in REASONS.values())


@pytest.mark.parametrize("name", TENSORS)
def test_a_missing_tensor_is_named(name: str) -> None:
    whole = {PREFIX + other: np.zeros(1, np.float32) for other in TENSORS}
    del whole[PREFIX + name]
    with pytest.raises(KeyError, match=name):
        GateModel.from_tensors(whole)
