"""Which copies are drawn: strata alike, every picture at least twice, and the same for the same seed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.training.data.sampling import MOST_COPIES, draws
from ml.training.data.table import Row
from tests.ml.training.simulated import row


def rows(sizes: dict[tuple[str, str], int]) -> list[Row]:
    result: list[Row] = []
    for (source, label), size in sizes.items():
        result += [row(len(result) + n, source=source, label=label, split="train") for n in range(size)]
    return result


def test_strata_of_different_sizes_come_alike() -> None:
    table = rows({("large", "tumor"): 100, ("small", "tumor"): 30, ("small", "no_tumor"): 60})
    drawn = Counter((one.source, one.label) for one, _ in draws(table, per_stratum=200, seed=1))
    assert drawn == {("large", "tumor"): 200, ("small", "tumor"): 210, ("small", "no_tumor"): 180}


def test_a_few_pictures_are_not_repeated_endlessly() -> None:
    drawn = draws(rows({("tiny", "tumor"): 3}), per_stratum=1000, seed=1)
    assert Counter(one.key for one, _ in drawn) == {f"images/{n}.png": MOST_COPIES for n in range(3)}


@given(
    st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), st.integers(1, 20)), st.integers(1, 99)
)
def test_every_picture_comes_clean_and_changed(sizes: dict[tuple[str, str], int], per_stratum: int) -> None:
    table = rows(sizes)
    rounds: dict[str, list[int]] = {one.key: [] for one in table}
    for one, round_ in draws(table, per_stratum=per_stratum, seed=3):
        rounds[one.key].append(round_)
    for taken in rounds.values():
        assert 2 <= len(taken) <= MOST_COPIES
        assert sorted(taken) == list(range(len(taken)))


def test_the_order_is_drawn_from_the_seed() -> None:
    table = rows({("a", "tumor"): 40})
    assert draws(table, per_stratum=80, seed=1) == draws(table, per_stratum=80, seed=1)
    other = draws(table, per_stratum=80, seed=2)
    assert other != draws(table, per_stratum=80, seed=1)
    assert set(other) == set(draws(table, per_stratum=80, seed=1))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_mixes_strata(seed: int) -> None:
    drawn = draws(rows({("a", "tumor"): 200, ("b", "no_tumor"): 200}), per_stratum=400, seed=seed)
    assert 0.35 < sum(one.source == "a" for one, _ in drawn[:200]) / 200 < 0.65
