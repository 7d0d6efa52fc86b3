"""Augmentation: seeded by row and round, in range, the region moves with the image, no tumor is cut away."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.preprocess import SIZE
from ml.training.data.augment import RECIPE, Recipe, augment
from ml.training.data.intensity import Shades
from ml.training.data.targets import HEALTHY, IGNORED, TUMOR
from tests import builders

QUIET = Shades(
    strip=0, air=0, invert=0, curve=0, gamma=0, bias=0, resolution=0, blur=0, noise=0, contrast=0, cut=0, text=0
)
STILL = Recipe(rotation=0, turn=0, flip=0, upside_down=0, zoom=(1, 1), stretch=0, shear=0, shift=0, shades=QUIET)
MOVING = replace(RECIPE, shades=QUIET)

draws = st.fixed_dictionaries(
    {"seed": st.integers(0, 2**32), "round_": st.integers(1, 7), "key": st.text("abcdef/.", max_size=8)}
)


def square() -> np.ndarray:
    return builders.phantom(SIZE).astype(np.float32)


def disk() -> tuple[np.ndarray, np.ndarray]:
    """A bright disk off the center of a gray head, and its region."""
    y, x = np.mgrid[:SIZE, :SIZE]
    plane = np.where(np.hypot((x - 112) / 85, (y - 112) / 95) < 1, 80, 0).astype(np.float32)
    lesion = np.hypot(x - 130, y - 90) < 18
    plane[lesion] = 250
    return plane, np.where(lesion, TUMOR, HEALTHY).astype(np.uint8)


def copy(*, seed: int = 1, round_: int = 1, key: str = "a", recipe: Recipe = RECIPE) -> np.ndarray:
    return augment(square(), np.zeros((SIZE, SIZE), np.uint8), seed=seed, round_=round_, key=key, recipe=recipe)[0]


@settings(max_examples=25, deadline=None)
@given(draws)
def test_shape_type_and_range(draw: dict[str, int]) -> None:
    plane, region = disk()
    changed, marked = augment(plane, region, **draw)  # type: ignore[arg-type]
    assert changed.shape == marked.shape == (SIZE, SIZE)
    assert (changed.dtype, marked.dtype) == (np.dtype(np.float32), np.dtype(np.uint8))
    assert np.isfinite(changed).all()
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert set(np.unique(marked)) <= {HEALTHY, TUMOR, IGNORED}


def test_it_is_drawn_from_seed_round_and_row_alone() -> None:
    np.testing.assert_array_equal(copy(), copy())
    for other in (copy(seed=2), copy(round_=2), copy(key="b")):
        assert np.abs(other - copy()).mean() > 1


def test_it_leaves_the_original_alone() -> None:
    (original, region), (before, marked) = disk(), disk()
    for round_ in range(1, 6):
        augment(original, region, seed=1, round_=round_, key="a")
    np.testing.assert_array_equal(original, before)
    np.testing.assert_array_equal(region, marked)


@settings(max_examples=40, deadline=None)
@given(draws)
def test_the_region_moves_with_the_image(draw: dict[str, int]) -> None:
    """Where the disk went is where the region says, but for the blurred pixels of its edge."""
    plane, region = disk()
    changed, marked = augment(plane, region, **draw, recipe=MOVING)  # type: ignore[arg-type]
    bright, tumor = changed > 165, marked == TUMOR
    assert tumor.sum() > 200
    assert (bright ^ tumor).sum() <= 0.06 * tumor.sum()


@settings(max_examples=40, deadline=None)
@given(draws)
def test_the_tumor_is_never_cut_away(draw: dict[str, int]) -> None:
    """Cuts, letters, and a stripped skull: what is still marked as tumor still looks as it did."""
    shades = replace(QUIET, cut=1.0, text=1.0, strip=0.5, air=0.5)
    plane, region = disk()
    changed, marked = augment(plane, region, **draw, recipe=replace(STILL, shades=shades))  # type: ignore[arg-type]
    tumor = marked == TUMOR
    np.testing.assert_array_equal(marked == IGNORED, (region == TUMOR) & ~tumor)
    assert (changed[tumor] > 0.45 * 250).all()
    assert (changed != plane).any()


def test_a_stripped_skull_takes_what_lies_in_it_out_of_the_targets() -> None:
    plane, _ = disk()
    rim = np.zeros((SIZE, SIZE), np.uint8)
    rim[18:24, 100:124] = TUMOR  # in the scalp, at the head's upper edge
    recipe = replace(STILL, shades=replace(QUIET, strip=1.0))
    _, marked = augment(plane, rim, seed=1, round_=1, key="a", recipe=recipe)
    assert (marked[rim == TUMOR] == IGNORED).all()
    assert (marked[rim != TUMOR] == HEALTHY).all()


def test_a_recipe_of_nothing_changes_next_to_nothing() -> None:
    assert np.abs(copy(recipe=STILL) - square()).max() <= 1


@pytest.mark.parametrize(
    ("name", "expected"), [("flip", square()[:, ::-1]), ("upside_down", square()[::-1])], ids=["flip", "upside_down"]
)
def test_a_mirrored_copy(name: str, expected: np.ndarray) -> None:
    assert np.abs(copy(recipe=replace(STILL, **{name: 1.0})) - expected).max() <= 1  # type: ignore[arg-type]


def test_a_turned_copy() -> None:
    turned = [copy(recipe=replace(STILL, turn=1.0), round_=round_) for round_ in range(1, 9)]
    quarters = [np.rot90(square(), n) for n in (1, 2, 3)]
    found = {min(range(3), key=lambda n: np.abs(one - quarters[n]).mean()) for one in turned}
    assert found == {0, 1, 2}
    assert all(min(np.abs(one - quarter).max() for quarter in quarters) <= 1 for one in turned)


@pytest.mark.parametrize("name", ["rotation", "zoom", "stretch", "shear", "shift"])
def test_each_movement_by_itself_moves_the_image(name: str) -> None:
    alone = replace(STILL, **{name: getattr(RECIPE, name)})
    assert max(np.abs(copy(round_=n, recipe=alone) - square()).mean() for n in range(1, 5)) > 0.3
