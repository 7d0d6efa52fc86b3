"""What tuned weights say of the trunk's maps: rounded as they ship, in order, with figures where they are defined."""

from dataclasses import replace

import numpy as np
import pytest

from ml.model.heads import CELLS, CHANNELS, EMBEDDING, HeadOutputs
from ml.training.data.dataset import Draw
from ml.training.data.targets import NEGATIVE, POSITIVE, UNKNOWN
from ml.training.detector.features import Maps
from ml.training.detector.validate import figures
from tests.ml.conftest import random_heads
from tests.ml.training import small
from tests.ml.training.simulated import row


def table(*words: str) -> list[Draw]:
    """Draws from "source label type" each."""
    named = [word.split() for word in words]
    return [(row(n, source=s, label=label, type="".join(types)), 0) for n, (s, label, *types) in enumerate(named)]


def reading(logits: list[float], *, types: list[int] | None = None, hottest: list[int] | None = None) -> HeadOutputs:
    n = len(logits)
    cells = np.zeros((n, CELLS * CELLS), np.float32)
    cells[np.arange(n), hottest or [0] * n] = 1
    return HeadOutputs(
        cells=cells.reshape(n, CELLS, CELLS),
        logits=np.array(logits, np.float32),
        types=np.eye(3, dtype=np.float32)[types or [0] * n],
        embedding=np.zeros((n, EMBEDDING), np.float32),
    )


def maps(cells: np.ndarray) -> Maps:
    return small.whole(np.zeros((len(cells), 1, 1, 1), np.float16), cells.astype(np.int8))


def test_figures_by_source_where_both_classes_stand() -> None:
    draws = table("a tumor glioma", "a no_tumor", "a tumor pituitary", "a no_tumor", "b tumor")
    cells = np.full((5, CELLS, CELLS), NEGATIVE)
    cells[0, 2, 3] = cells[2, 2, 3] = POSITIVE
    cells[4] = UNKNOWN
    found = figures(
        reading([2, 1, 0, -1, 3], types=[0, 0, 1, 0, 1], hottest=[2 * CELLS + 3, 0, 5, 0, 0]), maps(cells), draws
    )
    assert found == {
        "auroc": pytest.approx(5 / 6, abs=1e-4),
        "auroc a": 0.75,
        "type accuracy": 0.5,
        "hottest": 0.5,
    }


def test_a_sequence_is_a_stratum() -> None:
    draws = table("a tumor", "a no_tumor", "a tumor", "a no_tumor")
    draws = [(replace(one, sequence="flair" if n < 2 else "t1c"), 0) for n, (one, _) in enumerate(draws)]
    found = figures(reading([1, 0, 0, 1]), maps(np.zeros((4, CELLS, CELLS))), draws)
    assert (found["auroc a flair"], found["auroc a t1c"]) == (1, 0)


def test_undefined_metrics_are_left_out() -> None:
    """Neither a type nor a place is known: no figure, rather than one that is no number."""
    found = figures(reading([1, 0]), maps(np.zeros((2, CELLS, CELLS))), table("a tumor", "a no_tumor"))
    assert set(found) == {"auroc", "auroc a"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_readings_are_those_of_the_rounded_weights_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.training.detector import validate

    small.use(monkeypatch)
    monkeypatch.setattr(validate, "BATCH", 3)
    tensors = small.base() | random_heads()
    examples = small.examples(7, split="val")
    reader = validate.Reader(tensors)
    read = reader.read(examples.maps)
    assert read.logits.shape == (7,)
    rounded = {name: tensor.astype(np.float16).astype(np.float32) for name, tensor in tensors.items()}
    np.testing.assert_array_equal(validate.Reader(rounded).read(examples.maps).logits, read.logits)
    [one] = reader.passes(examples.maps, np.array([6, 0]))
    assert one.shape == (2, CELLS, CELLS, CHANNELS)
    np.testing.assert_allclose(reader._heads.apply(one).logits, read.logits[[6, 0]], atol=1e-4)
    described = reader.described(one)
    kernel, bias = rounded["embedding/kernel"], rounded["embedding/bias"]
    raw = described @ kernel + bias
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, read.embedding[[6, 0]], atol=1e-4)

    without = {name: tensor for name, tensor in tensors.items() if not name.startswith("embedding")}
    blind = validate.Reader(without).read(examples.maps)
    np.testing.assert_array_equal(blind.logits, read.logits)
    assert not blind.embedding.any()
