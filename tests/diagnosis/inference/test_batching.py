"""Queued images are analyzed in a row, and a fault of one costs the others nothing."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.utils import timezone

from diagnosis.inference import batching, image_files, pipeline, result_cache, transitions
from diagnosis.models import Embedding, Prediction
from ml.model.vgg16 import Maps
from tests import builders
from tests.factories import ModelVersionFactory, PredictionFactory, ScanFactory
from tests.fakes import fake_model
from tests.queue import Queue

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[1, 2], ids=["one pass at a time", "two passes at once"])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each image has a probability of its own, from its mean gray."""
    fake = fake_model(0.9)
    forward = fake.engine.forward

    def telling(batch: Any) -> Maps:
        maps = forward(batch)
        maps.block5[...] *= 1 + batch.mean(axis=(1, 2, 3))[:, None, None, None] / 1000
        return maps

    monkeypatch.setattr(batching, "TURN", timedelta(hours=1))  # a slow machine takes no shorter one
    monkeypatch.setattr(fake.engine, "concurrent_passes", request.param)
    monkeypatch.setattr(fake.engine, "forward", telling)
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake)
    return fake


@pytest.fixture
def version() -> Any:
    return ModelVersionFactory()


def waiting(version: Any, count: int) -> list[Prediction]:
    """Queued images, all different, first come first."""
    now = timezone.now()
    return [
        PredictionFactory(
            state="queued",
            model_version=version,
            queued=now - timedelta(seconds=count - n),
            scan=ScanFactory(data=builders.png_bytes(builders.phantom(160, seed=n)), pixel_sha256=f"{n:064x}"),
        )
        for n in range(count)
    ]


def raising(error: Exception) -> Any:
    def call(*args: Any, **kwargs: Any) -> None:
        raise error

    return call


def states(rows: list[Prediction]) -> list[str]:
    return [Prediction.objects.get(pk=row.pk).state for row in rows]


def passes(model: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of images in each pass, filled in as passes run."""
    sizes: list[int] = []
    forward = model.engine.forward

    def counted(batch: Any) -> Any:
        sizes.append(len(batch))
        return forward(batch)

    monkeypatch.setattr(model.engine, "forward", counted)
    return sizes


def broken(row: Prediction) -> None:
    assert row.scan.file.name is not None
    row.scan.file.storage.delete(row.scan.file.name)


def test_one_run_analyzes_all_queued_images_in_order(model: Any, version: Any) -> None:
    rows = waiting(version, 6)
    assert pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done"] * 6
    for row in rows:
        row.refresh_from_db()
        assert (row.outcome, row.attempts) == ("tumor", 1)
        assert Embedding.objects.filter(prediction=row).exists()
    assert [row.finished for row in rows] == sorted(row.finished for row in rows if row.finished)
    assert not pipeline.run(prediction_id=rows[1].pk)  # its own message arrives later and finds nothing to do


def test_a_pass_has_one_image(model: Any, version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = passes(model, monkeypatch)
    pipeline.run(prediction_id=waiting(version, 6)[0].pk)
    assert sizes == [1] * 6


def test_a_result_in_a_batch_equals_the_result_alone(model: Any, version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    together = waiting(version, 3)
    pipeline.run(prediction_id=together[0].pk)
    monkeypatch.setattr(batching, "TURN", timedelta(0))
    alone = waiting(ModelVersionFactory(), 3)
    for row in alone:
        pipeline.run(prediction_id=row.pk)
    assert len({Prediction.objects.get(pk=row.pk).tumor_probability for row in together}) == 3
    for one, other in zip(together, alone, strict=True):
        one.refresh_from_db()
        other.refresh_from_db()
        for name in ("state", "outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate"):
            assert getattr(one, name) == getattr(other, name), name


def test_a_late_message_runs_whichever_has_waited_longest(
    model: Any, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "TURN", timedelta(0))
    rows = waiting(version, 3)
    Prediction.objects.filter(pk=rows[2].pk).update(attempts=1)  # tried before, so it has its own message
    assert pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued", "queued"]
    assert pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "done", "queued"]
    assert not pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "done", "queued"]


def test_a_fault_under_anothers_message_sends_a_new_one(
    model: Any, version: Any, sent: Queue, commit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = waiting(version, 1)[0]
    monkeypatch.setattr("diagnosis.inference.image_files.read", raising(image_files.StorageUnavailable("away")))
    assert commit(pipeline.run, prediction_id=row.pk + 1000)
    assert states([row]) == ["queued"]
    assert sent == [row.pk]


def test_a_batch_ends_after_its_turn(model: Any, version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "TURN", timedelta(0))
    rows = waiting(version, 2)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued"]


def test_a_batch_skips_what_was_tried_before_or_is_not_due(model: Any, version: Any) -> None:
    first, tried, unripe, _ = rows = waiting(version, 4)
    Prediction.objects.filter(pk=tried.pk).update(attempts=1)
    Prediction.objects.filter(pk=unripe.pk).update(not_before=timezone.now() + timedelta(hours=1))
    pipeline.run(prediction_id=first.pk)
    assert states(rows) == ["done", "queued", "queued", "done"]


@pytest.mark.parametrize("kind", ["series", "gathering", "another model"])
def test_a_batch_does_not_overtake_a_series_or_another_model(model: Any, version: Any, kind: str) -> None:
    first, other, _ = rows = waiting(version, 3)
    if kind == "another model":
        Prediction.objects.filter(pk=other.pk).update(model_version=ModelVersionFactory())
    else:
        fields = {"frames": 5} if kind == "series" else {"stack": "abc"}
        type(other.scan).objects.filter(pk=other.scan_id).update(**fields)
    pipeline.run(prediction_id=first.pk)
    assert states(rows) == ["done", "queued", "queued"]


def test_a_retried_prediction_runs_alone(model: Any, version: Any) -> None:
    rows = waiting(version, 2)
    Prediction.objects.filter(pk=rows[0].pk).update(attempts=1)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued"]


def test_duplicates_and_known_images_cost_no_pass(model: Any, version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = waiting(version, 1)[0]
    pipeline.run(prediction_id=earlier.pk)
    first, same, again, other = rows = waiting(version, 4)
    images = type(first.scan).objects
    for row, twin in ((first, "f" * 64), (same, "f" * 64), (again, earlier.scan.pixel_sha256), (other, "e" * 64)):
        images.filter(pk=row.scan_id).update(pixel_sha256=twin)
    Prediction.objects.update(owner=earlier.owner_id)
    sizes = passes(model, monkeypatch)
    pipeline.run(prediction_id=first.pk)
    pipeline.run(prediction_id=same.pk)
    assert states(rows) == ["done"] * 4
    assert sum(sizes) == 2
    assert Prediction.objects.get(pk=again.pk).reused_from == earlier
    assert Prediction.objects.get(pk=same.pk).reused_from == first


def test_the_same_image_of_two_people_is_analyzed_twice_in_its_order(
    model: Any, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waiting(version, 3)
    type(rows[0].scan).objects.filter(pk__in=[rows[0].scan_id, rows[1].scan_id]).update(pixel_sha256="f" * 64)
    sizes = passes(model, monkeypatch)
    pipeline.run(prediction_id=rows[0].pk)
    assert (states(rows), sum(sizes)) == (["done"] * 3, 3)
    ended = Prediction.objects.filter(pk__in=[row.pk for row in rows]).order_by("finished").values_list("pk", flat=True)
    assert list(ended) == [row.pk for row in rows]


def test_a_refused_image_does_not_stop_the_batch(model: Any, version: Any) -> None:
    rows = waiting(version, 3)
    with rows[1].scan.file.open("wb") as file:
        file.write(b"no image")
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "refused", "done"]


def test_a_fault_of_one_image_releases_those_behind_it(model: Any, version: Any, sent: Queue, commit: Any) -> None:
    rows = waiting(version, 3)
    broken(rows[1])
    commit(pipeline.run, prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued", "queued"]
    assert sent == [rows[1].pk]
    for row in rows[1:]:
        commit(pipeline.run, prediction_id=row.pk)
    assert states(rows) == ["done", "failed", "done"]
    assert Prediction.objects.get(pk=rows[1].pk).error_code == "file_missing"


def test_a_fault_of_the_first_image_fails_it_alone(model: Any, version: Any, sent: Queue, commit: Any) -> None:
    rows = waiting(version, 2)
    broken(rows[0])
    commit(pipeline.run, prediction_id=rows[0].pk)
    assert states(rows) == ["failed", "queued"]
    assert sent == []


@pytest.mark.parametrize("fault", [OperationalError("database is locked"), RuntimeError("a bug")])
def test_a_fault_while_claiming_leaves_none_running(
    model: Any, version: Any, sent: Queue, commit: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    rows = waiting(version, 4)
    reuse = result_cache.reuse

    def fails_at_the_third(claimed: Prediction) -> bool:
        if claimed.pk == rows[2].pk:
            raise fault
        return reuse(claimed)

    monkeypatch.setattr(result_cache, "reuse", fails_at_the_third)
    commit(pipeline.run, prediction_id=rows[0].pk)
    assert states(rows) == ["done", "done", "queued", "queued"]
    assert sent == [rows[2].pk]


def test_a_failed_pass_releases_all_and_each_is_retried_alone(
    model: Any, version: Any, sent: Queue, commit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waiting(version, 3)
    decoded, second = image_files.decode, threading.Event()

    def tells(file: Any, **frame: int) -> Any:
        if file.name == rows[1].scan.file.name:
            second.set()
        return decoded(file, **frame)

    def breaks(batch: Any) -> None:
        assert second.wait(30)  # so that two are claimed by then
        raise RuntimeError("no memory")

    monkeypatch.setattr("diagnosis.inference.image_files.decode", tells)
    monkeypatch.setattr(model.engine, "forward", breaks)
    commit(pipeline.run, prediction_id=rows[0].pk)
    held = [row.pk for row, state in zip(rows, states(rows), strict=True) if Prediction.objects.get(pk=row.pk).attempts]
    assert len(held) > 1
    assert set(states(rows)) == {"queued"}
    assert sent == held
    for row in rows[: len(held)]:
        commit(pipeline.run, prediction_id=row.pk)
    assert {Prediction.objects.get(pk=pk).error_code for pk in held} == {"internal"}


def test_results_recorded_before_a_fault_stay(
    model: Any, version: Any, sent: Queue, commit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waiting(version, 3)
    record = pipeline._record

    def fails_once(claimed: Prediction, analysis: Any) -> None:
        if claimed.pk == rows[1].pk:
            raise OperationalError("deadlock")
        record(claimed, analysis)

    monkeypatch.setattr(pipeline, "_record", fails_once)
    commit(pipeline.run, prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued", "queued"]
    held = [row.pk for row in rows[1:] if Prediction.objects.get(pk=row.pk).attempts]  # the third one may not be yet
    assert sent == held and rows[1].pk in held


def test_cancel_during_a_batch_drops_only_that_result(
    model: Any, version: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waiting(version, 3)
    record = pipeline._record

    def cancel_then_record(claimed: Prediction, analysis: Any) -> None:
        if claimed.pk == rows[1].pk:
            assert transitions.cancel(prediction=rows[1], actor=user)
        record(claimed, analysis)

    monkeypatch.setattr(pipeline, "_record", cancel_then_record)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "canceled", "done"]


def test_a_released_prediction_is_claimed_once_its_message_must_be_lost(
    model: Any, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "TURN", timedelta(0))
    late = timezone.now() - transitions.MESSAGE_LOST_AFTER - timedelta(seconds=1)
    rows = waiting(version, 2)
    Prediction.objects.filter(pk=rows[0].pk).update(attempts=1, queued=late)
    assert pipeline.run(prediction_id=rows[1].pk + 1000)
    assert states(rows) == ["done", "queued"]


def test_a_batch_leaves_a_prediction_whose_model_changed(
    model: Any, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, other = waiting(version, 2), ModelVersionFactory()
    claim = transitions.claim

    def late(prediction_id: int, **only: Any) -> Prediction | None:
        if prediction_id == rows[1].pk:
            Prediction.objects.filter(pk=prediction_id).update(model_version=other)
        return claim(prediction_id, **only)

    monkeypatch.setattr(transitions, "claim", late)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued"]


def test_a_time_limit_in_a_decoder_does_not_refuse_the_image(
    model: Any, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = waiting(version, 1)[0]
    monkeypatch.setattr("PIL.Image.Image.load", raising(SoftTimeLimitExceeded()))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", raising(SoftTimeLimitExceeded()))
    pipeline.run(prediction_id=row.pk)
    assert (states([row]), Prediction.objects.get(pk=row.pk).error_code) == (["failed"], "time_limit")
