"""The parts of concurrent blocks add up to the wall time."""

from collections.abc import Iterator

import pytest

from ml.inference import timing
from ml.inference.timing import SharedTimer


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The next readings of the clock, which must all be taken."""
    readings: list[float] = []
    monkeypatch.setattr(timing, "perf_counter", lambda: readings.pop(0))
    yield readings
    assert not readings


def test_a_block_that_runs_alone_is_charged_its_wall_time(ticks: list[float]) -> None:
    ticks += [10.0, 12.5, 20.0, 21.0]
    timer = SharedTimer()
    with timer.measure() as first:
        pass
    with timer.measure() as second:
        pass
    assert (first, second) == ([2.5], [1.0])  # the pause between them counts for neither


def test_overlapping_time_is_divided(ticks: list[float]) -> None:
    ticks += [0.0, 1.0, 3.0, 7.0]
    timer = SharedTimer()
    with timer.measure() as outer, timer.measure() as inner:
        pass
    assert inner == [1.0]  # half of two seconds
    assert outer == [1.0 + 1.0 + 4.0]


def test_a_block_that_raises_is_charged_too(ticks: list[float]) -> None:
    ticks += [0.0, 2.0]
    timer = SharedTimer()
    with pytest.raises(ValueError), timer.measure() as part:
        raise ValueError
    assert part == [2.0]
