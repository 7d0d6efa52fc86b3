"""The estimated time until a queued prediction is done."""

from datetime import timedelta

import pytest
from django.utils import timezone

from diagnosis.inference import transitions
from diagnosis.models import Prediction, Scan
from diagnosis.models.prediction import State
from diagnosis.presentation import estimates
from tests.factories import PredictionFactory

READY = {"ready": True, "count": 1, "models": []}


class Broker:
    """Stands in for `inference.broker` and `inference.heartbeats`: counts look-ups."""

    def __init__(self) -> None:
        self.ready, self.seconds, self.lookups = True, 4.0, 0

    def estimate(self, position: int) -> float:
        self.lookups += 1
        return self.seconds * position

    def worker_status(self) -> dict[str, object]:
        return READY | {"ready": self.ready}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(estimates, "broker", found)
    monkeypatch.setattr(estimates, "heartbeats", found)
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A stopped clock; `clock[0]` is its time in seconds."""
    now = [1000.0]
    monkeypatch.setattr(estimates, "_average", None)
    monkeypatch.setattr("diagnosis.presentation.estimates.time.monotonic", lambda: now[0])
    return now


def test_a_poll_looks_nothing_up(broker: Broker, clock: list[float]) -> None:
    assert estimates.seconds_each(look_up=False) is None
    assert broker.lookups == 0


def test_a_page_looks_up_at_most_every_ten_seconds(broker: Broker, clock: list[float]) -> None:
    assert estimates.seconds_each(look_up=True) == 4.0
    broker.seconds = 7.0
    clock[0] += 10
    assert estimates.seconds_each(look_up=True) == 4.0
    clock[0] += 0.1
    assert estimates.seconds_each(look_up=True) == 7.0
    assert broker.lookups == 2


def test_a_cached_average_expires_after_a_minute(broker: Broker, clock: list[float]) -> None:
    estimates.seconds_each(look_up=True)
    clock[0] += 60
    assert estimates.seconds_each(look_up=False) == 4.0
    clock[0] += 0.1
    assert estimates.seconds_each(look_up=False) is None


def test_without_a_worker_there_is_no_estimate(broker: Broker, clock: list[float]) -> None:
    broker.ready = False
    assert estimates.seconds_each(look_up=True) is None


def test_queued_rows_get_an_estimate_by_their_position(broker: Broker, clock: list[float]) -> None:
    third = Prediction(state=State.QUEUED)
    third.position = 3  # type: ignore[attr-defined]
    running = Prediction(state=State.RUNNING)
    assert estimates.with_estimates([third, running], look_up=True) == [third, running]
    assert vars(third)["estimate"] == 12.0
    assert vars(running)["estimate"] is None


@pytest.mark.parametrize(
    ("progress", "frames", "left"), [(30, 120, 60.0), (0, 120, None), (1, 1, None), (120, 120, None)]
)
def test_a_running_series_takes_as_long_as_its_remaining_slices(progress: int, frames: int, left: float | None) -> None:
    row = Prediction(state=State.RUNNING, progress=progress, milliseconds={"slice": 667.0}, scan=Scan(frames=frames))
    [estimated] = estimates.with_estimates([row], look_up=False)
    found = estimated.estimate  # type: ignore[attr-defined]
    assert found == (None if left is None else pytest.approx(left, abs=3))


@pytest.mark.django_db
def test_in_its_second_turn_a_series_is_not_said_to_be_almost_done() -> None:
    row = PredictionFactory(state="queued", progress=0, scan__frames=120)
    turns = [(30, 20), (60, 20)]  # slices that have a result at its end, and its seconds
    for slices, seconds in turns:
        claimed = transitions.claim(row.pk)
        assert claimed is not None
        claimed.started = timezone.now() - timedelta(seconds=seconds)
        Prediction.objects.filter(pk=row.pk).update(started=claimed.started)
        assert transitions.record_progress(claimed, slices=slices)
        [running] = estimates.with_estimates(Prediction.objects.filter(pk=row.pk), look_up=False)
        assert vars(running)["estimate"] == pytest.approx((120 - slices) * 20 / 30, rel=0.2)
        assert transitions.requeue(claimed)
    claimed = transitions.claim(row.pk)
    [running] = estimates.with_estimates(Prediction.objects.filter(pk=row.pk), look_up=False)
    assert vars(running)["estimate"] == pytest.approx(40, rel=0.2)
