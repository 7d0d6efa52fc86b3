"""The sweep: what dead workers and lost messages leave behind is queued again."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from diagnosis.inference import broker, transitions
from diagnosis.models import Prediction
from tests.diagnosis.inference.test_pipeline import fresh, queued
from tests.factories import PredictionFactory
from tests.queue import Queue

pytestmark = pytest.mark.django_db


def running_since(seconds: float, **kwargs: Any) -> Prediction:
    return PredictionFactory(state="running", started=timezone.now() - timedelta(seconds=seconds), **kwargs)


def test_the_sweep_queues_again_what_a_dead_worker_left(settings: Any, sent: Queue, commit: Any) -> None:
    stale = running_since(settings.TASK_TIME_LIMIT * 1.1 + 1)
    alive = running_since(1)
    assert commit(transitions.sweep) == 1
    assert sent == [stale.pk]
    assert [fresh(stale).state, fresh(alive).state] == ["queued", "running"]


def test_the_sweep_gives_up_after_the_last_attempt(settings: Any, sent: Queue, commit: Any) -> None:
    stale = running_since(1000, attempts=settings.TASK_MAX_ATTEMPTS)
    assert commit(transitions.sweep) == 0
    assert (fresh(stale).state, fresh(stale).error_code, list(sent)) == ("failed", "worker_lost", [])


def test_the_sweep_sends_lost_messages_again_but_not_young_ones(sent: Queue) -> None:
    old = queued(queued=timezone.now() - timedelta(minutes=5))
    young = queued()
    assert transitions.sweep() == 1
    assert sent == [old.pk]
    broker.send(young.pk)
    assert transitions.sweep() == 0  # each has a message now
    assert sent == [old.pk, young.pk]


def test_the_sweep_sends_nothing_while_the_broker_is_down(broker_down: None) -> None:
    queued(queued=timezone.now() - timedelta(minutes=5))
    assert transitions.sweep() == 0
