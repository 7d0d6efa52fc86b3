"""Messages to the worker, in a real Valkey."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from diagnosis.inference import broker
from tests.factories import PredictionFactory
from tests.queue import Message, Queue

SKEW = timedelta(milliseconds=50)
"""Messages are due this much later than asked for: clocks of machines differ."""


def test_a_message_names_task_and_prediction(sent: Queue) -> None:
    assert broker.length() == 0
    broker.send(7)
    broker.send(8)
    assert sent.messages() == [Message(broker.RUN_PREDICTION, 7, None), Message(broker.RUN_PREDICTION, 8, None)]
    assert broker.length() == 2


def test_a_message_is_due_when_its_prediction_is(sent: Queue) -> None:
    due = datetime(2031, 5, 17, 12, 30, tzinfo=UTC)
    broker.send(7, not_before=due)
    assert [message.not_before for message in sent.messages()] == [due + SKEW]


@pytest.mark.django_db
@pytest.mark.parametrize("due", [None, datetime(2031, 5, 17, 12, 30, tzinfo=UTC)])
def test_on_commit_it_is_sent_with_its_delay(sent: Queue, commit: Callable[..., Any], due: datetime | None) -> None:
    commit(broker.send_on_commit, 7, not_before=due)
    assert sent.messages() == [Message(broker.RUN_PREDICTION, 7, due and due + SKEW)]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_for_a_rolled_back_transaction(sent: Queue) -> None:
    with transaction.atomic():
        broker.send_on_commit(7)
        assert sent == []
        transaction.set_rollback(True)
    assert sent == []
    with transaction.atomic():
        broker.send_on_commit(8)
    assert sent == [8]


def test_without_a_broker_nothing_is_raised(broker_down: None, sent: Queue) -> None:
    broker.send(7)
    assert broker.length() is None
    assert broker.broker_status() == {"ready": False, "problem": "The broker (Redis) does not answer."}
    assert sent == []


def test_a_broker_that_answers_is_ready() -> None:
    assert broker.broker_status() == {"ready": True}


@pytest.mark.django_db
class TestEstimate:
    """Seconds until a queued prediction is done."""

    def test_it_is_unknown_before_any_result(self) -> None:
        PredictionFactory(state="queued")
        PredictionFactory(state="failed")
        assert broker.estimate(1) is None

    @pytest.mark.parametrize(
        ("position", "workers", "seconds"), [(0, 1, 0.2), (1, 1, 0.2), (3, 1, 0.6), (3, 2, 0.3), (1000, 4, 50.0)]
    )
    def test_it_is_the_average_times_the_position(
        self, settings: Any, position: int, workers: int, seconds: float
    ) -> None:
        settings.WORKERS = workers
        for milliseconds in (100.0, 300.0):
            PredictionFactory(milliseconds={"forward": 1.0, "total": milliseconds})
        assert broker.estimate(position) == pytest.approx(seconds)

    def test_copied_results_and_old_ones_do_not_count(self) -> None:
        old = PredictionFactory(milliseconds={"total": 9000.0})
        for _ in range(20):
            PredictionFactory(milliseconds={"total": 100.0})
        PredictionFactory(milliseconds={"total": 9000.0}, reused_from=old)
        PredictionFactory(state="refused", milliseconds={"total": 100.0})
        assert broker.estimate(1) == pytest.approx(0.1)
