"""Both engines say the same of real scans: outcome, probability and place."""

import csv
from pathlib import Path

import numpy as np
import pytest

from ml import load_model
from ml.contracts import Analysis
from ml.inference.analysis import analyze
from ml.model.heads import CELLS

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]

A_SOURCE = 24
"""Scans of each source's test split."""


@pytest.fixture(scope="module")
def pairs(real_data: Path) -> list[tuple[Analysis, Analysis]]:
    """What TensorFlow and ncnn say of each scan."""
    pytest.importorskip("ncnn", reason="there is no ncnn for this platform")
    with (real_data / "scans.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "test"]
    sources = sorted({row["source"] for row in rows})
    drawn = np.random.default_rng(0).permutation(len(rows))
    paths = []
    for source in sources:
        paths += [real_data / rows[n]["path"] for n in drawn if rows[n]["source"] == source][:A_SOURCE]
    models = [load_model(engine=name) for name in ("tensorflow", "ncnn")]
    return [(one, other) for path in paths for one, other in [[analyze(model, path) for model in models]]]


def test_outcomes_are_equal(pairs: list[tuple[Analysis, Analysis]]) -> None:
    assert len(pairs) > A_SOURCE
    assert {one.engine for pair in pairs for one in pair} == {"tensorflow", "ncnn"}
    assert [one.outcome for one, _ in pairs] == [other.outcome for _, other in pairs]
    assert [one.gate.reason for one, _ in pairs] == [other.gate.reason for _, other in pairs]


def test_probabilities_are_equal(pairs: list[tuple[Analysis, Analysis]]) -> None:
    both = [(one.prediction, other.prediction) for one, other in pairs if one.prediction and other.prediction]
    assert len(both) > len(pairs) * 0.9
    assert max(abs(one.tumor_probability - other.tumor_probability) for one, other in both) <= 1e-3


def test_the_evidence_is_in_the_same_place(pairs: list[tuple[Analysis, Analysis]]) -> None:
    both = [(one.evidence, other.evidence) for one, other in pairs if one.evidence and other.evidence]
    same = [np.argmax(one.heat) == np.argmax(other.heat) for one, other in both]
    assert all(len(one.heat) == CELLS * CELLS for one, _ in both)
    assert np.mean(same) >= 0.99


@pytest.mark.usefixtures("pairs")
def test_a_gpu_would_compute_in_full_precision() -> None:
    import tensorflow as tf

    assert not tf.config.experimental.tensor_float_32_execution_enabled()
