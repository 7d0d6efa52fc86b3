"""The ncnn engine against convolutions written out in NumPy, on a network with VGG16's shape and few channels."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl

from ml.contracts import ModelUnavailable
from ml.engines import load_engine
from ml.model.vgg16 import CONVOLUTIONS, FEATURE_LAYERS

ncnn = pytest.importorskip("ncnn", reason="there is no ncnn for this platform")
engine = pytest.importorskip("ml.engines.ncnn")

WIDTHS = {"block1": 4, "block2": 4, "block3": 8, "block4": 8, "block5": 8}


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    rng, made, before = np.random.default_rng(0), {}, 3
    for name in CONVOLUTIONS:
        width = WIDTHS[name.split("_")[0]]
        made[f"{name}/kernel"] = rng.normal(0, (2 / (9 * before)) ** 0.5, (3, 3, before, width)).astype(np.float32)
        made[f"{name}/bias"] = rng.normal(0, 0.1, width).astype(np.float32)
        before = width
    return made


def samples(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 50, (count, 224, 224, 3)).astype(np.float32)


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    found: np.ndarray = np.maximum(np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + bias, 0)
    return found


def reference(x: np.ndarray, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    layers = {}
    for name in CONVOLUTIONS:
        if name.endswith("conv1") and name != CONVOLUTIONS[0]:
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
            layers[f"block{int(name[5]) - 1}_pool"] = x
        x = layers[name] = convolved(x, tensors[f"{name}/kernel"], tensors[f"{name}/bias"])
    return {tap: layers[layer] for tap, layer in FEATURE_LAYERS.items()}


def test_the_maps_are_those_of_the_convolutions(tensors: dict[str, np.ndarray]) -> None:
    batch = samples(2)
    maps = engine.NcnnEngine(tensors, threads=2).forward(batch)
    for row, sample in enumerate(batch):
        for tap, expected in reference(sample, tensors).items():
            got = getattr(maps, tap)
            assert got.dtype == np.float32
            np.testing.assert_allclose(got[row], expected, atol=1e-4 * float(expected.max()))


def test_a_result_is_not_overwritten_by_the_next(tensors: dict[str, np.ndarray]) -> None:
    built = engine.NcnnEngine(tensors, threads=1)
    batch = samples(2)
    first = built.forward(batch[:1])
    kept = first.block5.copy()
    built.forward(batch[1:])
    np.testing.assert_array_equal(first.block5, kept)


def test_the_input_is_copied() -> None:
    """Without the clone the Mat shows what is written over the array afterwards."""
    planes = np.ones((3, 8, 8), np.float32)
    mat = engine.to_mat(planes.transpose(1, 2, 0))
    planes[:] = 7
    np.testing.assert_array_equal(np.array(mat), np.ones((3, 8, 8), np.float32))


def test_the_input_is_there_until_it_is_copied() -> None:
    """Large ones, whose memory goes back to the system as soon as nobody holds it."""
    for sample in samples(8):
        np.testing.assert_array_equal(np.array(engine.to_mat(sample)), sample.transpose(2, 0, 1))


def test_ncnn_itself_shares_the_memory() -> None:
    """Why the copy is there. If this fails, ncnn has changed, and the clone may go."""
    planes = np.ones((3, 8, 8), np.float32)
    mat = ncnn.Mat(planes)
    planes[:] = 7
    assert np.array(mat).max() == 7


def test_block_5_alone_goes_without_winograd(tensors: dict[str, np.ndarray]) -> None:
    spared = [line for line in engine.description(tensors).splitlines() if line.endswith(" 31=64")]
    assert [line.split()[1] for line in spared] == ["block5_conv1", "block5_conv2", "block5_conv3"]


def test_numpys_threads_do_not_wait_on_the_cores_of_the_next_pass(tensors: dict[str, np.ndarray]) -> None:
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        load_engine("ncnn", tensors, threads=1)
        assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_a_tensor_that_is_absent_is_named(tensors: dict[str, np.ndarray]) -> None:
    fewer = {name: tensor for name, tensor in tensors.items() if name != "block4_conv2/bias"}
    with pytest.raises(KeyError, match="block4_conv2/bias"):
        engine.NcnnEngine(fewer, threads=1)


def test_weights_that_end_too_early_are_damage(tensors: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "write_weights", lambda tensors, into: into.write(b"\0" * 100))
    with pytest.raises(ModelUnavailable, match="cannot load"):
        engine.NcnnEngine(tensors, threads=1)


def test_concurrent_passes_do_not_change_each_others_maps(tensors: dict[str, np.ndarray]) -> None:
    running = engine.NcnnEngine(tensors, threads=2)
    assert running.concurrent_passes == 2
    inputs = [samples(1) * factor for factor in (1.0, 0.5, -1.0, 2.0)]
    alone = [running.forward(one) for one in inputs]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(running.forward, inputs * 3))
    for one, other in zip(alone * 3, together, strict=True):
        for tap in FEATURE_LAYERS:
            np.testing.assert_array_equal(getattr(one, tap), getattr(other, tap))


def test_with_one_thread_passes_run_one_at_a_time(tensors: dict[str, np.ndarray]) -> None:
    assert engine.NcnnEngine(tensors, threads=1).concurrent_passes == 1
