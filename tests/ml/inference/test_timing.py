"""Shares of what runs at once add up to the time that passed."""

from collections.abc import Iterator

import pytest

from ml.inference import timing
from ml.inference.timing import SharedClock


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The machine's clock: its next readings."""
    readings: list[float] = []
    monkeypatch.setattr(timing, "perf_counter", lambda: readings.pop(0))
    yield readings
    assert not readings


def test_alone_it_is_the_time_that_passed(ticks: list[float]) -> None:
    ticks += [10.0, 12.5, 20.0, 21.0]
    clock = SharedClock()
    with clock.work() as first:
        pass
    with clock.work() as second:
        pass
    assert (first, second) == ([2.5], [1.0])  # nobody worked between them


def test_what_overlaps_is_shared(ticks: list[float]) -> None:
    ticks += [0.0, 1.0, 3.0, 7.0]
    clock = SharedClock()
    with clock.work() as outer, clock.work() as inner:
        pass
    assert inner == [1.0]  # half of two
    assert outer == [1.0 + 1.0 + 4.0]


def test_a_share_is_told_after_an_error(ticks: list[float]) -> None:
    ticks += [0.0, 2.0]
    clock = SharedClock()
    with pytest.raises(ValueError), clock.work() as share:
        raise ValueError
    assert share == [2.0]
