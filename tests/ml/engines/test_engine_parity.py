"""TensorFlow and ncnn give the same results: on phantoms everywhere, and on real scans where they are available."""

import csv
from pathlib import Path

import numpy as np
import pytest

from ml import load_model
from ml.contracts import Image
from ml.inference.analysis import analyze_each
from ml.inference.registry import Model
from ml.model.heads import CELLS, HeadOutputs
from ml.model.vgg16 import FEATURE_LAYERS, Maps
from ml.preprocess import preprocess, to_network
from tests.builders import phantom

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(600),  # dozens of real scans, on two engines
]

PER_SOURCE = 8
"""Scans from each source's test split."""

PHANTOMS = [
    phantom(size, lesion=lesion, seed=seed) for seed, size in enumerate((96, 224, 333, 512)) for lesion in (False, True)
]


@pytest.fixture(scope="module")
def models() -> list[Model]:
    """The shipped model on TensorFlow and on ncnn."""
    pytest.importorskip("ncnn", reason="there is no ncnn for this platform")
    return [load_model(engine=name) for name in ("tensorflow", "ncnn")]


@pytest.fixture(scope="module")
def phantom_maps(models: list[Model]) -> list[Maps]:
    """The maps of PHANTOMS from each engine. The gate refuses phantoms, so they go to the engines directly."""
    squares = np.stack([preprocess(Image(pixels, "PNG", *pixels.shape[::-1]))[0] for pixels in PHANTOMS])
    return [model.engine.forward(to_network(squares)) for model in models]


@pytest.fixture(scope="module")
def phantom_outputs(models: list[Model], phantom_maps: list[Maps]) -> list[HeadOutputs]:
    """What the heads make of these maps, for each engine."""
    return [model.heads.apply(maps.block5) for model, maps in zip(models, phantom_maps, strict=True)]


@pytest.mark.parametrize("tap", FEATURE_LAYERS)
def test_maps_of_phantoms_are_equal(phantom_maps: list[Maps], tap: str) -> None:
    one, other = (getattr(maps, tap) for maps in phantom_maps)
    assert one.shape == other.shape
    assert np.abs(one - other).max() <= 1e-3 * np.abs(one).max()


def test_probabilities_of_phantoms_are_equal(models: list[Model], phantom_outputs: list[HeadOutputs]) -> None:
    calibration = models[0].calibration
    one, other = (calibration.probability(outputs.logits) for outputs in phantom_outputs)
    assert np.ptp(one) > 0.01, "phantoms that all score alike would prove nothing"
    np.testing.assert_allclose(one, other, atol=1e-3)
    one, other = (calibration.types(outputs.types) for outputs in phantom_outputs)
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_evidence_and_embedding_of_phantoms_are_equal(phantom_outputs: list[HeadOutputs]) -> None:
    one, other = (outputs.cells.reshape(len(PHANTOMS), -1) for outputs in phantom_outputs)
    assert one.argmax(axis=1).tolist() == other.argmax(axis=1).tolist()
    alike = [(a * b).sum(axis=1) for a, b in [[outputs.embedding for outputs in phantom_outputs]]]
    assert np.min(alike) > 0.9999


def test_the_gate_judges_phantoms_alike(models: list[Model], phantom_maps: list[Maps]) -> None:
    for n in range(len(PHANTOMS)):
        one, other = (model.gate.judge(maps, n) for model, maps in zip(models, phantom_maps, strict=True))
        assert (one.accepted, one.reason) == (other.accepted, other.reason)
        assert one.score == pytest.approx(other.score, abs=1e-3)


def test_real_scans_get_the_same_results(models: list[Model], real_data: Path) -> None:
    with (real_data / "scans.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "test"]
    sources = sorted({row["source"] for row in rows})
    order = np.random.default_rng(0).permutation(len(rows))
    paths = []
    for source in sources:
        paths += [real_data / rows[n]["path"] for n in order if rows[n]["source"] == source][:PER_SOURCE]
    ones, others = (list(analyze_each(model, paths)) for model in models)
    assert len(ones) == len(others) > PER_SOURCE
    assert ({one.engine for one in ones}, {other.engine for other in others}) == ({"tensorflow"}, {"ncnn"})
    assert [one.outcome for one in ones] == [other.outcome for other in others]
    assert [one.gate.reason for one in ones] == [other.gate.reason for other in others]

    judged = [(one, other) for one, other in zip(ones, others, strict=True) if one.prediction]
    assert len(judged) > len(ones) * 0.9
    probabilities = np.array([[each.prediction.tumor_probability for each in pair] for pair in judged])  # type: ignore[union-attr]
    np.testing.assert_allclose(probabilities[:, 0], probabilities[:, 1], atol=1e-3)

    heats = np.array([[each.evidence.heat for each in pair] for pair in judged])  # type: ignore[union-attr]
    assert heats.shape == (len(judged), 2, CELLS * CELLS)
    peaks = heats.argmax(axis=2)
    assert np.mean(peaks[:, 0] == peaks[:, 1]) >= 0.99


@pytest.mark.usefixtures("models")
def test_a_gpu_would_compute_in_full_precision() -> None:
    import tensorflow as tf

    assert not tf.config.experimental.tensor_float_32_execution_enabled()
