"""Hashes of training images: copies match in whatever form they come back, other images do not."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml import readers
from ml.contracts import Image
from ml.model import training_hashes
from ml.model.training_hashes import TrainingHashes, build, fingerprint, load
from ml.training.data.table import read_table
from tests.ml.heads import head

pytestmark = pytest.mark.slow

Change = Callable[[Any], Any]


def image(pixels: NDArray[Any]) -> Image:
    return Image(pixels=np.ascontiguousarray(pixels), format="PNG", width=pixels.shape[1], height=pixels.shape[0])


def known(*samples: NDArray[Any], validation: int = 0) -> TrainingHashes:
    parts = ["train"] * (len(samples) - validation) + ["val"] * validation
    data, facts = build([fingerprint(image(p)) for p in samples], parts)
    return load(data, method=facts["method"])


def jpeg(quality: int) -> Change:
    def change(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        buffer = io.BytesIO()
        Pillow.fromarray(pixels).save(buffer, "JPEG", quality=quality)
        return np.asarray(Pillow.open(buffer))

    return change


def resized(factor: float) -> Change:
    def change(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = (round(side * factor) for side in pixels.shape)
        return np.asarray(Pillow.fromarray(pixels).resize((width, height), Pillow.Resampling.BICUBIC))

    return change


def levels(slope: float, offset: float) -> Change:
    return lambda pixels: np.clip(pixels * slope + offset, 0, 255).astype(np.uint8)


def without_border(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero((pixels > 12).any(axis=1)), np.flatnonzero((pixels > 12).any(axis=0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


SAME: dict[str, Change] = {
    "JPEG 90": jpeg(90),
    "JPEG 50": jpeg(50),
    "half the size": resized(0.5),
    "twice the size": resized(2.0),
    "an odd size": resized(0.83),
    "smaller, then JPEG": lambda p: jpeg(75)(resized(0.75)(p)),
    "brighter": levels(1.0, 20),
    "darker": levels(0.8, 0),
    "gamma": lambda p: (255 * (p / 255.0) ** 0.8).astype(np.uint8),
    "16 bits": lambda p: p.astype(np.uint16) * 257,
    "floating point": lambda p: p.astype(np.float32) / 1000,
    "noise": lambda p: np.clip(p + np.random.default_rng(0).normal(0, 3, p.shape), 0, 255).astype(np.uint8),
    "border cut off": without_border,
    "border added": lambda p: np.pad(p, 25),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_a_copy_matches(change: Change) -> None:
    samples = [head(seed) for seed in range(12)]
    hashed = known(*samples)
    assert [hashed.matches(image(change(sample))) for sample in samples] == [True] * 12


def test_other_heads_and_other_slices_of_one_head_do_not_match() -> None:
    hashed = known(*(head(seed) for seed in range(20)))
    others = [head(seed) for seed in range(100, 140)] + [head(seed, slice_=0.3) for seed in range(20)]
    assert not any(hashed.matches(image(other)) for other in others)


def test_it_tells_training_from_validation_images() -> None:
    hashed = known(head(0), head(1), head(2), head(1), validation=2)
    assert [hashed.find(image(head(seed))) for seed in range(4)] == ["train", "train", "val", None]
    assert hashed.matches(image(head(2)))


def test_the_file_comes_back_as_it_was_and_is_small() -> None:
    prints = [fingerprint(image(head(seed, size=64))) for seed in range(30)]
    data, facts = build(prints, ["train"] * 20 + ["val"] * 10)
    again = load(data, method=facts["method"])
    assert np.array_equal(again.hashes, np.stack(prints))
    assert again.validation.sum() == facts["count"]["val"] == 10
    assert (facts["bytes"], facts["count"]["train"], facts["file"]) == (len(data), 20, training_hashes.FILE)
    assert len(data) < 30 * 66 + 400
    assert build(prints, ["train"] * 20 + ["val"] * 10)[0] == data


def test_what_cannot_be_used_is_refused() -> None:
    data, facts = build([fingerprint(image(head(0)))], ["train"])
    with pytest.raises(ValueError, match="method"):
        load(data, method="another")
    for damaged in (b"", data[:-1], b"x" * 200):
        with pytest.raises(ValueError, match="cannot be read"):
            load(damaged, method=facts["method"])
    with pytest.raises(ValueError, match="1 fingerprints for 2"):
        build([fingerprint(image(head(0)))], ["train", "val"])


def test_without_images_nothing_matches() -> None:
    assert not known().matches(image(head(0)))


PIXELS = arrays.arrays(
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 900)),
    elements={"allow_nan": False, "allow_infinity": False, "min_value": 0, "max_value": 255},
)


@given(PIXELS)
def test_any_image_has_a_fingerprint_and_always_the_same(pixels: NDArray[Any]) -> None:
    first = fingerprint(image(pixels))
    assert (first.shape, first.dtype) == ((2, 32), np.dtype(np.uint8))
    assert np.array_equal(first, fingerprint(image(pixels.copy())))


@pytest.mark.parametrize("value", [1e30, -1e30, 1e-38, 0.0])
def test_extreme_levels_give_no_warning(value: float) -> None:
    plane = np.zeros((80, 60), np.float32)
    plane[20:50, 20:40] = value
    assert fingerprint(image(plane)).shape == (2, 32)


@given(st.integers(0, 50), st.floats(0.05, 0.9), st.floats(0, 20))
def test_contrast_and_brightness_change_nothing_that_counts(seed: int, slope: float, offset: float) -> None:
    plane = head(seed, size=96).astype(np.float32)
    one, other = fingerprint(image(plane)), fingerprint(image(plane * np.float32(slope) + np.float32(offset)))
    assert (training_hashes.distances(one[None], other[None])[0, 0] <= 2).all()


def test_real_training_images_match_in_another_form_and_held_out_patients_do_not(real_data: Path) -> None:
    rows = [row for row in read_table(real_data) if row.source == "cheng"]
    train = [readers.read(row.path) for row in rows if row.split == "train"][::40]
    held_out = [readers.read(row.path) for row in rows if row.split == "test"][::10]
    hashed = known(*(sample.pixels for sample in train))
    copies = [image(jpeg(75)(resized(0.6)(sample.pixels))) for sample in train]
    assert sum(hashed.matches(copy) for copy in copies) == len(train) > 20
    assert not any(hashed.matches(sample) for sample in held_out)
