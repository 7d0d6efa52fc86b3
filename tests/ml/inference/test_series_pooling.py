"""Slices in space: one place through several slices counts, scattered alarms and the number of slices do not."""

import math

import numpy as np
import pytest

from ml.inference.registry import read_manifest
from ml.inference.series_pooling import SliceOutcome, head_sizes, log_mean_exp, pool
from ml.model.heads import CELLS
from ml.model.series_calibration import CellPooling, NeighborPooling

PLACES = CellPooling(sharpness=2.0, depth=0.04, size=0.0)
QUIET, HOT = 2, 240  # levels of 255


def outcome(*hot: tuple[int, int], side: float = 0.8, level: int = HOT) -> SliceOutcome:
    """A slice whose cells (row, column) in `hot` show a tumor."""
    heat = np.full((CELLS, CELLS), QUIET)
    for cell in hot:
        heat[cell] = level
    return SliceOutcome(True, 0.9 if hot else 0.05, heat=tuple(heat.ravel().tolist()), side=side)


def head(count: int, *ill: tuple[float, float, tuple[int, int]], **words: float) -> list[SliceOutcome]:
    """`count` slices; from one height to another, as fractions of the head, a cell shows a tumor."""
    heights = (np.arange(count) + 0.5) / count
    return [outcome(*[cell for low, high, cell in ill if low <= at < high], **words) for at in heights]  # type: ignore[arg-type]


def seen(*probabilities: float | None) -> list[SliceOutcome]:
    return [SliceOutcome(p is not None, p) for p in probabilities]


def test_the_pooled_logit_lies_between_mean_and_maximum() -> None:
    logits = np.array([-2.0, 0.0, 3.0])
    assert log_mean_exp(logits, 1e-6) == pytest.approx(logits.mean(), abs=1e-4)
    assert log_mean_exp(logits, 1e6) == pytest.approx(3.0, abs=1e-4)
    assert log_mean_exp(logits, 2.0) == pytest.approx(math.log(sum(math.exp(2 * z) for z in logits) / 3) / 2)
    assert log_mean_exp(logits, 2.0, np.array([1.0, 0.0, 0.0])) == pytest.approx(-2.0)


def test_one_place_in_neighboring_slices_counts_more_than_the_same_alarms_scattered() -> None:
    """Six alarms of the same strength, in sixty slices."""
    together = pool([outcome((6, 6)) if 30 <= n < 36 else outcome() for n in range(60)], PLACES)
    apart = pool([outcome((n % 13, n % 11)) if n % 10 == 3 else outcome() for n in range(60)], PLACES)
    elsewhere = pool([outcome((2 * (n - 30), 6)) if 30 <= n < 36 else outcome() for n in range(60)], PLACES)
    assert together.logit > elsewhere.logit + 1
    assert together.logit > apart.logit + 1


def test_in_the_first_artifacts_only_the_number_of_alarms_counts() -> None:
    rule = NeighborPooling(2.0, 0.0)
    together = pool([outcome((6, 6)) if 30 <= n < 36 else outcome() for n in range(60)], rule)
    apart = pool([outcome((6, 6)) if n % 10 == 3 else outcome() for n in range(60)], rule)
    assert together.logit == pytest.approx(apart.logit)


@pytest.mark.parametrize("count", [15, 30, 60])
@pytest.mark.parametrize("ill", [[(0.4, 0.6, (5, 7))], []], ids=["tumor", "none"])
def test_thick_slices_give_what_thin_ones_give(count: int, ill: list[tuple[float, float, tuple[int, int]]]) -> None:
    """A tumor through a fifth of the head, in 180 thin slices and in fewer thick ones."""
    assert pool(head(count, *ill), PLACES).logit == pytest.approx(pool(head(180, *ill), PLACES).logit, abs=0.6)


def test_every_nth_slice_gives_what_all_give() -> None:
    thin = head(180, (0.4, 0.6, (5, 7)))
    for step in (2, 3, 5, 9):
        assert pool(thin[::step], PLACES).logit == pytest.approx(pool(thin, PLACES).logit, abs=0.6)


@pytest.mark.parametrize("ill", [[(0.4, 0.6, (5, 7))], []], ids=["tumor", "none"])
def test_the_shipped_rule_calls_thick_and_thin_slices_alike(ill: list[tuple[float, float, tuple[int, int]]]) -> None:
    """The numbers of the shipped model, on drawn maps: 180 slices, every n-th of them, and 15 thick ones."""
    rule = read_manifest().series
    assert rule is not None
    thin = head(180, *ill)
    series = [thin, *(thin[step // 2 :: step] for step in (2, 3, 5, 9)), head(15, *ill)]
    all_, *others = (rule.probability(pool(one, rule.pooling).logit) for one in series)
    for probability in (all_, *others):
        assert (probability >= rule.threshold) == bool(ill)
        assert probability == pytest.approx(all_, abs=0.15)


def test_a_least_width_gives_slices_of_a_short_series_their_neighbors() -> None:
    """Two of fifteen slices show a tumor, in one place or in two; a percent of fifteen is no neighbor."""
    here, there = (head(15), head(15))
    here[7], here[8] = outcome((5, 7)), outcome((5, 7))
    there[7], there[8] = outcome((5, 7)), outcome((9, 2))
    gain = [
        pool(here, rule).logit - pool(there, rule).logit
        for rule in (CellPooling(2.0, 0.01, 0.0), CellPooling(2.0, 0.01, 0.0, least=0.7))
    ]
    assert gain[0] == pytest.approx(0.0, abs=0.05)
    assert gain[1] > 0.5


def test_a_small_section_of_the_head_weighs_less() -> None:
    """An alarm in the vertex, where the head is half as wide."""
    vertex = [outcome((6, 6), side=0.4) for _ in range(3)]
    heavy, light = (pool(head(30) + vertex, CellPooling(2.0, 0.0, size)).logit for size in (0.0, 4.0))
    assert light < heavy - 0.5
    middle = [outcome((6, 6), side=0.8) for _ in range(3)]
    assert pool(head(30) + middle, CellPooling(2.0, 0.0, 4.0)).logit > light + 0.5


def test_the_size_of_the_head_is_relative_to_the_largest() -> None:
    sides = [outcome(side=side) for side in (0.2, 0.4, 0.1)]
    assert head_sizes(sides) == pytest.approx([0.5, 1.0, 0.25])
    assert head_sizes([*sides, SliceOutcome(True, 0.5)]) == pytest.approx([0.5, 1.0, 0.25, 1.0])
    assert head_sizes(seen(0.5, 0.5)) == pytest.approx([1.0, 1.0])


def test_without_maps_the_probabilities_of_slices_are_pooled() -> None:
    assert pool(seen(*[0.9] * 10), PLACES).logit == pytest.approx(math.log(9), abs=1e-3)


def test_refused_slices_count_as_distance_but_not_as_evidence() -> None:
    """Two slices that lie far apart are no neighbors because those between them were refused."""
    hot = outcome((6, 6))
    near = pool([*[outcome()] * 20, hot, hot, *[outcome()] * 18], PLACES)
    refused = SliceOutcome(False, reason="not_brain", message="It shows no brain.")
    far = pool([*[outcome()] * 10, hot, *[refused] * 18, hot, *[outcome()] * 10], PLACES)
    assert far.indices[10:12] == (10, 29)
    assert near.strengths[20] > far.strengths[10] + 0.2


def test_neighbors_that_were_judged_are_averaged() -> None:
    pooled = pool(seen(0.5, 0.9, None, 0.5), NeighborPooling(2.0, 0.5))
    assert pooled.strengths == pytest.approx([math.log(9) / 2 / 1.5, math.log(9) / 1.5, 0.0])
    assert pool(seen(0.5, 0.9), NeighborPooling(2.0, 0.0)).strengths == pytest.approx([0.0, math.log(9)])


def test_every_slice_twice_is_the_same_series() -> None:
    """As a scanner's thinner slices would be; a sum or a count would tell them apart."""
    rule = NeighborPooling(2.0, 0.0)
    assert pool(seen(0.1, 0.1, 0.9, 0.9), rule).logit == pytest.approx(pool(seen(0.1, 0.9), rule).logit)
