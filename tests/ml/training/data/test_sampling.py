"""Which copies are drawn: every image alike, no copy twice, and the same for the same seed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.training.data.sampling import draws
from ml.training.data.table import Row
from tests.ml.training.simulated import row


def rows(sizes: dict[tuple[str, str], int]) -> list[Row]:
    result: list[Row] = []
    for (source, label), size in sizes.items():
        result += [row(len(result) + n, source=source, label=label, split="train") for n in range(size)]
    return result


def test_every_image_comes_as_often_as_any_other() -> None:
    table = rows({("large", "tumor"): 100, ("small", "no_tumor"): 20})
    drawn = Counter(one.key for one, _ in draws(table, copies=300, seed=1))
    assert sum(drawn.values()) == 300
    assert len(drawn) == 120
    assert set(drawn.values()) == {2, 3}


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from(("tumor", "no_tumor"))), st.integers(1, 20), min_size=1
    ),
    st.integers(1, 99),
)
def test_no_copy_comes_twice(sizes: dict[tuple[str, str], int], copies: int) -> None:
    drawn = draws(rows(sizes), copies=copies, seed=3)
    assert len({(one.key, round_) for one, round_ in drawn}) == len(drawn) == copies
    rounds: dict[str, list[int]] = {}
    for one, round_ in drawn:
        rounds.setdefault(one.key, []).append(round_)
    for taken in rounds.values():
        assert sorted(taken) in (list(range(len(taken))), [1])


def test_an_image_that_comes_once_is_clean_or_augmented_with_equal_odds() -> None:
    drawn = Counter(round_ for _, round_ in draws(rows({("a", "tumor"): 400}), copies=400, seed=1))
    assert set(drawn) == {0, 1}
    assert 160 < drawn[0] < 240


def test_the_order_is_drawn_from_the_seed() -> None:
    table = rows({("a", "tumor"): 40})
    assert draws(table, copies=80, seed=1) == draws(table, copies=80, seed=1)
    assert draws(table, copies=80, seed=2) != draws(table, copies=80, seed=1)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_mixes_strata(seed: int) -> None:
    drawn = draws(rows({("a", "tumor"): 200, ("b", "no_tumor"): 200}), copies=400, seed=seed)
    assert 0.35 < sum(one.source == "a" for one, _ in drawn[:200]) / 200 < 0.65
