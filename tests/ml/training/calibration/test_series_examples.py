"""What is cut from whole series: thicker slices, stretches without the tumor, parts of a head."""

from collections import defaultdict
from dataclasses import replace

import pytest

from ml.inference.series_summary import MIN_CERTAIN
from ml.training.calibration.series_examples import FREE, MIN_GAP, PART, STEPS, THINNED, WHOLE, examples
from tests.ml.training.whole_series import series, split_of


def test_a_tumor_series_is_whole_thinned_and_has_stretches_without_it() -> None:
    one = series("P", tumor=True, slices=60)
    found = examples([one])
    [whole] = [example for example in found if example.variant == WHOLE]
    assert (whole.slices, whole.tumor) == (tuple(range(60)), True)
    thinned = [example for example in found if example.variant == THINNED]
    assert [example.slices[1] - example.slices[0] for example in thinned] == [2, 3, 4]  # every sixth would be 10
    assert all(example.tumor and set(example.slices) & set(one.tumor_slices) for example in thinned)
    low, high = (example for example in found if example.variant == FREE)
    assert not low.tumor and not high.tumor
    assert low.slices == tuple(range(20 - MIN_GAP)) and high.slices == tuple(range(40 + MIN_GAP, 60))


def test_a_healthy_head_has_parts() -> None:
    found = examples([series("H", tumor=False, slices=90)])
    assert not any(example.tumor for example in found)
    assert [e.slices for e in found if e.variant == PART] == [tuple(range(n, n + 30)) for n in (0, 30, 60)]
    assert sum(example.variant == THINNED for example in found) == len(STEPS) - 1  # every ninth would be 10


def test_a_series_too_short_to_be_certain_gives_no_example() -> None:
    assert examples([series("P", tumor=True, slices=MIN_CERTAIN - 1)]) == []
    assert {example.variant for example in examples([series("P", tumor=True, slices=MIN_CERTAIN)])} == {WHOLE}


def test_a_thinned_series_that_misses_the_tumor_is_left_out() -> None:
    one = replace(series("P", tumor=True, slices=60), tumor_slices=(30,))
    kept = [example for example in examples([one]) if example.variant == THINNED]
    assert kept
    assert all(30 in example.slices for example in kept)


def test_a_tumor_that_nobody_marked_gives_no_stretch_without_it() -> None:
    one = replace(series("P", tumor=True, slices=60), tumor_slices=())
    assert {example.variant for example in examples([one])} == {WHOLE}


def test_patients_weigh_the_same_whatever_they_have() -> None:
    """One patient has two sequences, another one; healthy heads count as much in all as the stretches."""
    members = [*split_of(3, slices=60), series("P_9", tumor=True, slices=40), series("H_9", tumor=False, slices=20)]
    found = examples(members)
    ill = defaultdict[str, float](float)
    for example in found:
        if example.tumor:
            ill[example.subject] += example.weight
    assert dict(ill) == pytest.approx(dict.fromkeys(["P_0", "P_1", "P_2", "P_9"], 1.0))
    healthy = sum(example.weight for example in found if not example.series.tumor)
    free = sum(example.weight for example in found if example.variant == FREE)
    assert healthy == pytest.approx(free)
    assert healthy + free == pytest.approx(8)
