"""The four losses on cases small enough to count by hand; what is unknown moves nothing."""

import numpy as np
import pytest

from ml.model.heads import CELLS, smooth_maximum
from ml.training.data.targets import BESIDE, NEGATIVE, POSITIVE, UNKNOWN

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LOG2 = float(np.log(2))


def targets(**cells: int) -> np.ndarray:
    """One image's targets, NEGATIVE but for the cells named r<row>c<column>."""
    array = np.full((1, CELLS, CELLS), NEGATIVE, np.int8)
    for name, value in cells.items():
        row, column = name[1:].split("c")
        array[0, int(row), int(column)] = value
    return array


def logits(value: float = 0.0, **cells: float) -> np.ndarray:
    array = np.full((1, CELLS, CELLS), value, np.float32)
    for name, one in cells.items():
        row, column = name[1:].split("c")
        array[0, int(row), int(column)] = one
    return array


def gradient(name: str, cells: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    from ml.training.detector import losses

    value = tf.constant(cells)
    with tf.GradientTape() as tape:
        tape.watch(value)
        loss = getattr(losses, name)(value, tf.constant(wanted))
    return np.asarray(tape.gradient(loss, value))


def test_the_image_is_judged_by_the_smooth_maximum() -> None:
    from ml.training.detector.losses import image_loss

    cells = np.random.default_rng(0).normal(0, 3, (5, CELLS, CELLS)).astype(np.float32)
    tumor = np.array([1, 0, 1, 0, 1], np.float32)
    z, wanted = smooth_maximum(cells).astype(float), tumor * 0.9 + 0.05
    expected = wanted * np.logaddexp(0, -z) + (1 - wanted) * np.logaddexp(0, z)
    np.testing.assert_allclose(image_loss(cells, tumor, 0.05), np.mean(expected), rtol=1e-4)


def test_cells_inside_outside_and_the_hardest_weigh_alike() -> None:
    from ml.training.detector.losses import cell_loss

    assert float(cell_loss(logits(), targets(r5c5=POSITIVE))) == pytest.approx(2.5 * LOG2, rel=1e-5)
    assert float(cell_loss(logits(), targets())) == pytest.approx(1.5 * LOG2, rel=1e-5)
    found = cell_loss(logits(-30, r5c5=30), targets(r5c5=POSITIVE))
    assert float(found) == pytest.approx(0, abs=1e-6)
    one_false = float(cell_loss(logits(-30, r5c5=30, r1c1=8), targets(r5c5=POSITIVE)))
    assert one_false == pytest.approx(8 / 195 + 0.5 * 8 / 8, rel=1e-2)


def test_an_image_of_unknown_place_teaches_no_cell() -> None:
    from ml.training.detector.losses import cell_loss, location_loss

    unknown = np.full((1, CELLS, CELLS), UNKNOWN, np.int8)
    assert float(cell_loss(logits(3), unknown)) == 0
    assert float(location_loss(logits(3), unknown)) == 0


@pytest.mark.parametrize("name", ["cell_loss", "location_loss"])
def test_unknown_cells_have_no_gradient(name: str) -> None:
    wanted = targets(r5c5=POSITIVE, r5c6=UNKNOWN, r6c5=UNKNOWN, r4c5=BESIDE)
    slope = gradient(name, np.random.default_rng(0).normal(0, 1, wanted.shape).astype(np.float32), wanted)
    assert np.isfinite(slope).all()
    assert not slope[wanted == UNKNOWN].any()
    assert (slope[wanted == POSITIVE] < 0).all()
    assert (slope[wanted == NEGATIVE] > 0).all()
    assert (slope[wanted == BESIDE] > 0).all() == (name == "location_loss")
    assert slope[wanted == BESIDE].any() == (name == "location_loss")


@pytest.mark.parametrize("name", ["cell_loss", "location_loss"])
def test_no_gradient_is_lost_to_huge_logits(name: str) -> None:
    wanted = targets(r5c5=POSITIVE)
    assert np.isfinite(gradient(name, logits(-500, r1c1=500), wanted)).all()
    assert np.isfinite(gradient(name, logits(0), targets())).all()


def test_the_location_loss_is_the_share_of_evidence_inside() -> None:
    from ml.training.detector.losses import location_loss

    even = targets(r5c5=POSITIVE, r5c6=POSITIVE)
    assert float(location_loss(logits(), even)) == pytest.approx(np.log(196 / 2), rel=1e-5)
    without = targets(r5c5=POSITIVE, r5c6=UNKNOWN)
    assert float(location_loss(logits(), without)) == pytest.approx(np.log(195), rel=1e-5)
    assert float(location_loss(logits(-20, r5c5=20), even)) == pytest.approx(0, abs=1e-5)


def test_the_location_loss_falls_as_evidence_moves_inside() -> None:
    from ml.training.detector.losses import location_loss

    wanted = targets(r5c5=POSITIVE, r5c4=BESIDE)
    steps = [logits(-5, r5c4=4 - shift, r5c5=-4 + shift) for shift in (0.0, 2.0, 4.0, 6.0, 8.0)]
    values = [float(location_loss(cells, wanted)) for cells in steps]
    assert values == sorted(values, reverse=True)
    assert values[0] > 5
    assert values[-1] < 0.1


def test_the_location_loss_is_a_mean_over_images_of_known_place() -> None:
    from ml.training.detector.losses import location_loss

    both = np.concatenate([targets(r5c5=POSITIVE), targets(), np.full((1, CELLS, CELLS), UNKNOWN, np.int8)])
    alone = float(location_loss(logits(), targets(r5c5=POSITIVE)))
    assert float(location_loss(np.concatenate([logits()] * 3), both)) == pytest.approx(alone, rel=1e-5)


def test_the_type_counts_where_it_is_known() -> None:
    from ml.training.detector.losses import type_loss

    types = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.9, 0.05, 0.05]], np.float32))
    weights = np.array([1.0, 2.0, 5.0], np.float32)
    value = float(type_loss(types, np.array([0, 2, -1], np.int32), weights))
    assert value == pytest.approx((LOG2 - 2 * np.log(0.8)) / 2, rel=1e-5)
    assert float(type_loss(types, np.array([-1, -1, -1], np.int32), weights)) == 0
