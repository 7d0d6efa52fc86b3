"""Training of the heads: weights of the examples, and that what Keras learned is what NumPy answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.heads import Heads
from ml.training.fit import Examples, fit, folded, moments, tumor_weights, type_weights
from ml.training.settings import Settings
from ml.training.splits import Row, read_table
from tests.ml.conftest import table_row

Make = Callable[..., Path]


@pytest.fixture
def rows(make_table: Make) -> list[Row]:
    table: list[dict[str, Any]] = [table_row(n, source="large") for n in range(16)]
    table += [table_row(n, source="small", type="meningioma") for n in range(16, 20)]
    table += [table_row(n, source="small", label="no_tumor", type="") for n in range(20, 25)]
    return read_table(make_table(table, pictures=False))


def test_both_classes_weigh_the_same(rows: list[Row]) -> None:
    weights, truth = tumor_weights(rows), np.array([row.tumor for row in rows])
    assert weights[truth].sum() == pytest.approx(weights[~truth].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1, rel=1e-5)


def test_a_source_weighs_as_the_root_of_its_size(rows: list[Row]) -> None:
    weights = tumor_weights(rows)
    assert weights[:16].sum() / weights[16:20].sum() == pytest.approx(2, rel=1e-5)


def test_types_weigh_the_same_and_unknown_ones_nothing(rows: list[Row]) -> None:
    weights = type_weights(rows)
    assert weights[:16].sum() == pytest.approx(weights[16:20].sum(), rel=1e-5)
    assert not weights[20:].any()


def test_moments_leave_dead_channels_alone() -> None:
    features = np.random.default_rng(0).random((20, 512), np.float32)
    features[:, 7] = 3
    mean, std = moments(features)
    assert mean[7] == pytest.approx(3)
    assert std[7] == 1


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")
def test_folded_heads_answer_as_keras_does() -> None:
    from ml.network import build_heads

    features = np.random.default_rng(0).gamma(2, 1, (30, 512)).astype(np.float32)
    mean, std = moments(features)
    model = build_heads(mean=mean, std=std, l2=1e-3, dropout=0.5)
    expected = model.predict(features, verbose=0)
    scores, types = Heads.from_tensors(folded(model, mean, std)).from_pooled(features)
    np.testing.assert_allclose(scores, expected["tumor"][:, 1], atol=1e-5)
    np.testing.assert_allclose(types, expected["type"], atol=1e-5)
    halved = {name: tensor.astype(np.float16) for name, tensor in folded(model, mean, std).items()}
    np.testing.assert_allclose(Heads.from_tensors(halved).from_pooled(features)[0], scores, atol=0.01)  # type: ignore[arg-type]


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore")
def test_it_learns_repeats_and_stops(rows: list[Row], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.array([row.tumor for row in rows])

    def features() -> np.ndarray:
        noise = rng.normal(0, 1, (len(rows), 512))
        noise[:, :50] += 3.0 * truth[:, None]
        return noise.astype(np.float32)

    train, val = Examples(features(), rows), Examples(features(), rows)
    settings = Settings(epochs=12, patience=3, batch=8)
    first, second = (fit(train, val, settings=settings, work=tmp_path / name) for name in ("a", "b"))
    scores, _ = Heads.from_tensors(first.tensors).from_pooled(val.features)
    assert scores[truth].min() > scores[~truth].max()
    assert len(first.history["val_loss"]) <= 12
    assert first.best_epoch == int(np.argmin(first.history["val_loss"])) + 1
    for name, tensor in first.tensors.items():
        np.testing.assert_array_equal(tensor, second.tensors[name])
