"""How many pictures a pass takes: as many as pay, by a clock that the test drives."""

from collections.abc import Callable

import numpy as np
import pytest

from ml.engines import batches


class Clock:
    """Tells the time that passes have taken, each `cost(pictures)` seconds."""

    def __init__(self, cost: Callable[[int], float]) -> None:
        self.now, self.sizes, self._cost = 0.0, [], cost

    def forward(self, pictures: np.ndarray) -> None:
        self.sizes.append(len(pictures))
        self.now += self._cost(len(pictures))


def measured(monkeypatch: pytest.MonkeyPatch, cost: Callable[[int], float], **options: type[Exception]) -> int:
    clock = Clock(cost)
    monkeypatch.setattr(batches, "perf_counter", lambda: clock.now)
    return batches.measured(clock.forward, **options)


@pytest.mark.parametrize(
    ("cost", "size"),
    [
        (lambda n: 0.035 * n, 1),  # a processor: each costs what one costs
        (lambda n: 0.01 + 0.055 * n, 1),  # a little to gain, not worth a wait
        (lambda n: 0.01, batches.MOST),  # free company
        (lambda n: max(0.01, 0.01 * n / 8), 8),  # units for eight
        (lambda n: 0.004 + 0.001 * n, 8),  # twice as many would still be cheaper, by less than a fifth
    ],
)
def test_the_batch_grows_as_long_as_it_pays(
    monkeypatch: pytest.MonkeyPatch, cost: Callable[[int], float], size: int
) -> None:
    assert measured(monkeypatch, cost) == size


def test_it_stops_where_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted(Exception):
        pass

    def cost(pictures: int) -> float:
        if pictures > 4:
            raise Exhausted
        return 0.01

    assert measured(monkeypatch, cost, full=Exhausted) == 4


def test_the_first_pass_of_each_size_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()

    def cost(pictures: int) -> float:
        first = pictures not in seen
        seen.add(pictures)
        return 5.0 if first else 0.01

    assert measured(monkeypatch, cost) == batches.MOST
