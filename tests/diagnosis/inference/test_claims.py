"""A claim: what it reads, when it is over, and that nothing is done in its name from then on."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from diagnosis.inference import broker, heartbeats, transitions
from diagnosis.models import Prediction, Slice, SliceResult
from diagnosis.models.prediction import State
from tests.factories import ModelVersionFactory, PredictionFactory, ScanFactory
from tests.queue import Queue

pytestmark = pytest.mark.django_db

AGO = timedelta(days=1)


def with_slice_result(prediction: Prediction) -> SliceResult:
    row = Slice.objects.create(scan=prediction.scan, index=0, frame=0, pixel_sha256="0" * 64)
    return SliceResult.objects.create(prediction=prediction, slice=row, outcome="refused")


def test_a_claim_brings_scan_and_model_without_its_manifest(django_assert_num_queries: Any) -> None:
    queued = PredictionFactory(state="queued")
    with django_assert_num_queries(2):
        claimed = transitions.claim(queued.pk)
        assert claimed is not None and claimed.model_version is not None
        assert (claimed.scan.name, claimed.model_version.label) == (queued.scan.name, queued.model_version.label)
    assert claimed.model_version.get_deferred_fields() == {"manifest"}


def test_a_new_run_costs_two_queries(user: Any, django_assert_num_queries: Any) -> None:
    scan = ScanFactory(case__owner=user)
    with django_assert_num_queries(2):
        transitions.create(scan, model_version=None, requested_by=user)


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "queued"},
        {"attempts": 2},
        {"started": timezone.now() - AGO},
        {"worker": uuid4()},
    ],
    ids=lambda changed: str(*changed),
)
def test_a_claim_is_over_once_another_began(monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]) -> None:
    monkeypatch.setattr(heartbeats, "current", uuid4)
    claimed = transitions.claim(PredictionFactory(state="queued").pk)
    assert claimed is not None
    Prediction.objects.filter(pk=claimed.pk).update(**changed)
    was = Prediction.objects.values().get()
    assert not transitions.record_progress(claimed, slices=3)
    assert not transitions.release(claimed, send=True)
    assert not transitions.requeue(claimed)
    assert not transitions.hand_over(claimed)
    with capture_logs() as logs:
        transitions.complete(claimed, state=State.REFUSED, outcome="refused")
    assert Prediction.objects.values().get() == was
    text = "result dropped: the prediction was canceled or taken over"
    assert logs == [{"event": text, "log_level": "info", "prediction": claimed.pk}]


def test_a_run_that_waited_for_its_slices_ends() -> None:
    claimed = transitions.claim(PredictionFactory(state="queued", not_before=timezone.now() - AGO).pk)
    assert claimed is not None
    transitions.complete(claimed, state=State.REFUSED, outcome="refused")
    assert Prediction.objects.get().state == "refused"


def test_another_model_begins_with_the_first_slice() -> None:
    claimed, other = (PredictionFactory(state="running", progress=1) for _ in range(2))
    with_slice_result(claimed)
    kept = with_slice_result(other)
    assert transitions.replace_model(claimed, by=ModelVersionFactory())
    assert list(SliceResult.objects.all()) == [kept]
    assert [Prediction.objects.get(pk=one.pk).progress for one in (claimed, other)] == [0, 1]


def test_a_sweep_tells_how_many_it_sent_again(sent: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of workers that are gone, those that nobody is known to work on, and those that have no message."""
    ago = timezone.now() - AGO
    PredictionFactory(state="running", queued=ago, started=ago, worker=uuid4())
    for _ in range(2):
        PredictionFactory(state="running", queued=ago, started=ago)
    for _ in range(4):
        PredictionFactory(state="queued", queued=ago)
    assert transitions.sweep() == 7
    assert len(sent) == 4  # the others' are sent on commit


@pytest.mark.parametrize("messages", [1, 2])
def test_no_message_is_lost_while_there_are_as_many_as_wait(sent: Queue, messages: int) -> None:
    waiting = [PredictionFactory(state="queued", queued=timezone.now() - AGO) for _ in range(2)]
    for prediction in waiting[:messages]:
        broker.send(prediction.pk)
    assert transitions.sweep() == (0 if messages == 2 else 2)


@pytest.mark.parametrize("in_trash", [False, True])
def test_what_went_to_the_trash_is_not_retried(user: Any, in_trash: bool) -> None:
    stopped = PredictionFactory(state="failed")
    Prediction.objects.update(in_trash=in_trash)  # since it was read
    assert transitions.retry(stopped, actor=user) is not in_trash
    assert Prediction.objects.get().state == ("failed" if in_trash else "queued")
