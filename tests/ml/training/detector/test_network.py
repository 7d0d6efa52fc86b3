"""The part that learns: it starts where VGG16 ends, its averaged weights answer in NumPy as Keras does."""

import numpy as np
import pytest

from ml.model.heads import CELLS, CHANNELS, Heads
from ml.preprocess import SIZE
from ml.training.settings import Settings
from tests.ml.training import small

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def random_norm(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(1, 1, CHANNELS).astype(np.float32), rng.uniform(0.3, 3, CHANNELS).astype(np.float32)


@pytest.mark.parametrize("first_block", [4, 5])
def test_trunk_and_tail_are_the_base(first_block: int) -> None:
    """What training runs in two halves is what serving runs in one."""
    import keras

    from ml.model.keras_network import TUNED, base_tensors, build_base, build_tail, build_trunk

    keras.utils.set_random_seed(1)
    base = build_base(None)
    tensors = base_tensors(base)
    image = np.random.default_rng(0).normal(0, 60, (1, SIZE, SIZE, 3)).astype(np.float32)
    whole = base(image)
    halfway = build_trunk(tensors, first_block)(image)
    if first_block == 4:
        np.testing.assert_allclose(halfway, whole["block3"], rtol=1e-3, atol=1e-3)
    tail = build_tail(tensors, first_block)
    reached = tail(halfway)
    assert reached.shape == (1, CELLS, CELLS, CHANNELS)
    assert float(np.abs(whole["block5"]).max()) > 0.1
    np.testing.assert_allclose(reached, whole["block5"], rtol=1e-3, atol=1e-3)
    names = [name for name in TUNED if first_block == 4 or name.startswith("block5")]
    assert [layer.name for layer in tail.layers if layer.weights] == names
    assert {weight.path.split("/")[0] for weight in tail.trainable_variables} == set(names)


def test_numpy_heads_answer_as_keras_heads_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standardization is folded in exactly: same cells and types from the map as it is."""
    from ml.training.detector.network import Detector

    small.use(monkeypatch)
    mean, std = random_norm()
    detector = Detector.build(small.base(), mean, std, settings=Settings(), policy="float32")
    maps = np.random.default_rng(1).gamma(1, 1, (3, CELLS, CELLS, CHANNELS)).astype(np.float32)
    expected = detector.heads(maps, training=False)
    embedding = {
        "embedding/kernel": np.zeros((2 * CHANNELS, 64), np.float32),
        "embedding/bias": np.ones(64, np.float32),
    }
    reading = Heads.from_tensors(detector.tensors() | embedding).apply(maps)
    assert np.ptp(reading.cells) > 0.1
    np.testing.assert_allclose(reading.cells, expected["cells"], atol=2e-4)
    np.testing.assert_allclose(reading.types, expected["types"], atol=2e-4)
    halved = {name: tensor.astype(np.float16) for name, tensor in (detector.tensors() | embedding).items()}
    rounded = Heads.from_tensors(halved).apply(maps)  # type: ignore[arg-type]
    np.testing.assert_allclose(rounded.cells, reading.cells, atol=0.05)


def test_heads_are_tuned_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads that training begins with say the same before its first step, however channels are standardized now."""
    from ml.training.detector.network import Detector

    small.use(monkeypatch)
    first = Detector.build(small.base(), *random_norm(), settings=Settings(), policy="float32").tensors()
    again = Detector.build(first, *random_norm(seed=1), settings=Settings(), policy="float32").tensors()
    assert set(again) == set(first)
    for name, tensor in first.items():
        np.testing.assert_allclose(again[name], tensor, rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_step_moves_every_part_and_the_average_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.training.detector.network import Detector

    small.use(monkeypatch)
    train = small.examples(4)
    mean, std = np.zeros(CHANNELS, np.float32), np.ones(CHANNELS, np.float32)
    detector = Detector.build(small.base(), mean, std, settings=Settings(average=0.75, warm_up=0), policy="float32")
    before = detector.tensors()
    detector.schedule(0.5)
    type_indices, tumor = np.array([0, -1, 2, -1], np.int32), np.array([1, 0, 1, 0], np.float32)
    parts = detector.step(*train.maps.take(np.arange(4)), tumor, type_indices, np.ones(4, np.float32))
    assert parts.shape == (4,)
    assert np.isfinite(parts).all()
    after = detector.tensors()
    for name in ("block4_conv1/kernel", "block4_conv3/kernel", "block5_conv3/kernel", "cell/kernel", "type/kernel"):
        moved = after[name] - before[name]
        assert np.abs(moved).max() > 0, name
        model = detector.tail if name.startswith("block") else detector.heads
        now = np.asarray(model.get_layer(name.split("/")[0]).kernel)
        np.testing.assert_allclose(moved, 0.25 * (now - before[name]), atol=2e-6)


def test_rates_rise_for_the_blocks_and_fall_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.training.detector.network import Detector

    small.use(monkeypatch)
    settings = Settings(warm_up=0.1)
    detector = Detector.build(small.base(), *random_norm(), settings=settings, policy="float32")

    def rates(progress: float) -> list[float]:
        detector.schedule(progress)
        return [
            float(optimizer.learning_rate) / rate
            for optimizer, rate in zip(detector._optimizers, settings.rates, strict=True)
        ]

    assert rates(0.0) == pytest.approx([1.005, 0, 0])
    assert rates(0.05)[1] == pytest.approx(0.5 * rates(0.05)[0])
    assert rates(0.1)[1] == pytest.approx(rates(0.1)[0])
    assert rates(0.5) == pytest.approx([0.505] * 3)
    assert rates(1.0) == pytest.approx([0.005] * 3)
