"""Who lives, who is dead, and what readiness says of the workers."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from diagnosis.inference import heartbeats
from diagnosis.inference.heartbeats import MAX_MISSED, Watch
from diagnosis.models import Heartbeat
from diagnosis.models.heartbeat import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _none_of_its_own() -> Iterator[None]:
    yield
    heartbeats._Own.id, heartbeats._Own.facts = None, {}


def other(*, ago: float = 0.0, **fields: Any) -> Heartbeat:
    """The heartbeat of another process, seen so many seconds ago."""
    seen = timezone.now() - timedelta(seconds=ago)
    return Heartbeat.objects.create(**{"id": uuid4(), "role": Role.WORKER, "process": "host:1", "seen": seen} | fields)


def test_a_heartbeat_keeps_its_name_and_moves() -> None:
    assert heartbeats.current() is None
    heartbeats.beat()
    first = Heartbeat.objects.get()
    assert heartbeats.current() == first.pk
    heartbeats.report(model="vgg16@abc")
    heartbeats.beat()
    second = Heartbeat.objects.get()
    assert (second.pk, second.model, second.since) == (first.pk, "vgg16@abc", first.since)
    assert second.seen > first.seen
    heartbeats.stop()
    assert heartbeats.current() is None and not Heartbeat.objects.exists()


def test_a_process_presumed_dead_continues_under_a_new_heartbeat() -> None:
    heartbeats.beat()
    before = heartbeats.current()
    Heartbeat.objects.all().delete()
    heartbeats.beat()
    assert heartbeats.current() not in (None, before)
    assert Heartbeat.objects.get().pk == heartbeats.current()


@pytest.mark.parametrize("ago", [0.0, 1e6, -1e6], ids=["now", "long ago", "in the future"])
def test_the_silent_are_found_whatever_their_clock_says(ago: float) -> None:
    silent, watch = other(ago=ago), Watch()
    heartbeats.beat()
    assert [watch.look() for _ in range(MAX_MISSED)] == [[]] * MAX_MISSED
    assert watch.look() == [silent]
    assert heartbeats.end(silent)
    assert watch.look() == [] and not heartbeats.end(silent)


@pytest.mark.parametrize("step", [1e-6, -3600.0], ids=["slow", "its clock was set back"])
def test_a_moving_heartbeat_counts_as_alive(step: float) -> None:
    moving, watch = other(), Watch()
    for look in range(4 * MAX_MISSED):
        if look % MAX_MISSED == 0:  # as late as can be
            moving.seen += timedelta(seconds=step)
            moving.save()
        assert watch.look() == []


def test_a_heartbeat_that_moved_after_the_check_is_kept() -> None:
    slow = other()
    Heartbeat.objects.update(seen=timezone.now() + timedelta(seconds=1))
    assert not heartbeats.end(slow)
    assert Heartbeat.objects.count() == 1


def test_after_an_outage_nobody_is_silent_yet() -> None:
    other()
    watch = Watch()
    for _ in range(MAX_MISSED):
        watch.look()
    watch.reset()
    assert [watch.look() for _ in range(MAX_MISSED)] == [[]] * MAX_MISSED


def test_readiness_says_why_there_is_no_worker(django_assert_num_queries: Any) -> None:
    nobody = {"ready": False, "count": 0, "models": [], "problem": heartbeats.NO_WORKER}
    assert heartbeats.worker_status() == nobody
    other(role=Role.BEAT)
    other(ago=25.0, model="vgg16@old")
    assert heartbeats.worker_status() == nobody
    other()
    assert heartbeats.worker_status() == nobody | {"count": 1, "problem": "The worker has not loaded its model yet."}
    other(problem="No model: it is gone.")
    assert heartbeats.worker_status() == nobody | {"count": 2, "problem": "No model: it is gone."}
    good = {"ready": True, "count": 2, "models": ["vgg16@abc"]}
    other(model="vgg16@abc", ago=-15.0)
    bad = good | {"ready": False, "count": 3, "problem": "No model: it is gone."}
    with django_assert_num_queries(1):
        assert heartbeats.worker_status() == bad
    Heartbeat.objects.exclude(problem="").delete()
    assert heartbeats.worker_status() == good


@pytest.mark.parametrize(("ago", "lives"), [(0.0, True), (15.0, True), (-15.0, True), (25.0, False), (-25.0, False)])
def test_a_model_is_left_to_another_worker_only_while_that_one_lives(ago: float, lives: bool) -> None:
    other(ago=ago, model="vgg16@abc")
    assert heartbeats.another_has("vgg16@abc") is lives


def test_a_model_is_left_only_to_another_worker_that_can_predict_with_it() -> None:
    heartbeats.report(model="vgg16@abc")
    heartbeats.beat()
    other(model="vgg16@old")
    other(model="vgg16@abc", problem="It is damaged.")
    other(model="vgg16@abc", role=Role.BEAT)
    assert not heartbeats.another_has("vgg16@abc")
    other(model="vgg16@abc")
    assert heartbeats.another_has("vgg16@abc")


@pytest.mark.parametrize(("ago", "ready"), [(0.0, True), (40.0, True), (-40.0, True), (60.0, False)])
def test_readiness_says_whether_beat_runs(ago: float, ready: bool) -> None:
    other()
    assert heartbeats.beat_status() == {"ready": False, "problem": heartbeats.NO_BEAT}
    other(ago=ago, role=Role.BEAT)
    assert heartbeats.beat_status()["ready"] is ready


def test_beat_is_slower_and_no_worker_ends_it() -> None:
    other(role=Role.BEAT)
    watch = Watch()
    assert [watch.look() for _ in range(3 * MAX_MISSED)] == [[]] * 3 * MAX_MISSED
    heartbeats.forget_beat()
    assert not Heartbeat.objects.exists()
