"""A series through the pipeline: slice by slice, resumable, cancelable, and one result in the end."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from diagnosis import intake
from diagnosis.inference import broker, pipeline, transitions, workload
from diagnosis.inference import series as inference_series
from diagnosis.models import Embedding, Prediction, SliceResult
from ml.contracts import UnreadableImage
from ml.inference.series_summary import summarize
from tests import builders
from tests.factories import PredictionFactory
from tests.fakes import fake_model
from tests.queue import Message, Queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, model_version: Any) -> Any:
    fake = fake_model(0.9)
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake)
    monkeypatch.setattr("diagnosis.intake.series.DEBOUNCE", timedelta(0))
    return fake


def series(user: Any, count: int = 10, **kwargs: Any) -> Prediction:
    files = [SimpleUploadedFile(f"{n}", data) for n, data in enumerate(builders.dicom_series(count, **kwargs))]
    return intake.receive(user=user, files=files).accepted[0].prediction


def when_read(monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]) -> None:
    """Call when the first slice's result is there."""
    result = inference_series._result
    waiting = [call]

    def called(*args: Any) -> SliceResult:
        if waiting:
            waiting.pop()()
        return result(*args)

    monkeypatch.setattr(inference_series, "_result", called)


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.get(pk=prediction.pk)


def test_a_series_has_a_result_for_each_slice_and_one_for_all(user: Any, model: Any) -> None:
    prediction = series(user, 12)
    assert pipeline.run(prediction_id=prediction.pk)
    done = fresh(prediction)
    assert (done.state, done.outcome, done.progress, done.engine) == ("done", "tumor", 12, "fake")
    assert done.gate is not None and done.series is not None and done.key_slice is not None
    assert (done.uncertain, done.gate["message"]) == (False, None)
    assert done.tumor_probability == pytest.approx(0.9, abs=0.001)  # all slices say so, and so does their line
    assert done.series["accepted"] == 12 and done.series["extent"] == [0, 11] and len(done.series["top"]) == 5
    assert done.key_slice.index == done.series["top"][0]
    assert done.evidence == done.slice_results.get(slice=done.key_slice).evidence
    assert SliceResult.objects.filter(prediction=done, outcome="tumor").count() == 12
    assert Embedding.objects.filter(prediction=done).exists()
    assert model.engine.passes == 3  # twelve slices, four a pass


def test_a_few_slices_are_uncertain_and_the_page_says_why(user: Any, model: Any, client: Any) -> None:
    prediction = series(user, 3)
    assert pipeline.run(prediction_id=prediction.pk)
    done = fresh(prediction)
    assert (done.outcome, done.uncertain) == ("tumor", True)
    assert done.tumor_probability == model.series.uncertain[1]
    client.force_login(user)
    assert "Only 3 slices could be judged" in client.get(prediction.get_absolute_url()).content.decode()


def test_a_series_is_summarized_from_the_stored_maps(user: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def noted(calibration: Any, slices: Any, threshold: float) -> Any:
        seen.extend(slices)
        return summarize(calibration, slices, threshold=threshold)

    monkeypatch.setattr(inference_series, "summarize_findings", noted)
    prediction = series(user, 3)
    assert pipeline.run(prediction_id=prediction.pk)
    rows = SliceResult.objects.filter(prediction=prediction).order_by("slice__index")
    stored: list[Any] = [row.evidence for row in rows]
    assert [list(one.heat) for one in seen] == [evidence["heat"] for evidence in stored]
    assert [one.side for one in seen] == [evidence["square"][2] - evidence["square"][0] for evidence in stored]


def test_an_interrupted_run_analyzes_only_the_remaining_slices(user: Any, model: Any) -> None:
    prediction = series(user)
    forward, passes = model.engine.forward, []

    def dies(batch: Any) -> Any:
        passes.append(len(batch))
        if len(passes) == 2:
            raise SystemExit  # as a worker that is killed: nothing is cleaned up
        return forward(batch)

    model.engine.forward = dies
    with pytest.raises(SystemExit):
        pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).progress) == ("running", 4)
    Prediction.objects.update(started=timezone.now() - timedelta(hours=1))
    assert transitions.sweep() == 1
    pipeline.run(prediction_id=prediction.pk)
    assert passes[-2:] == [4, 2]  # what died with the worker, and the rest
    assert (fresh(prediction).state, fresh(prediction).progress) == ("done", 10)


def test_a_long_series_is_requeued_after_each_turn(
    user: Any, model: Any, monkeypatch: pytest.MonkeyPatch, sent: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(pipeline, "TURN", timedelta(0))
    prediction = series(user)
    turns = 0
    while fresh(prediction).state != "done":
        with django_capture_on_commit_callbacks(execute=True):
            assert pipeline.run(prediction_id=prediction.pk) and turns < 5
        turns += 1
    assert (turns, list(sent)) == (3, [prediction.pk] * 2)  # after each pass; the last brings the slices together
    assert fresh(prediction).attempts == 1  # a turn is no failed attempt


def test_results_stay_with_their_slices_when_the_clock_is_set_back(
    user: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = series(user, 8)
    until, decode, read = timezone.now(), inference_series._decode, []
    turn_is_over = iter([True])

    class Clock:
        @staticmethod
        def now() -> Any:
            return until + timedelta(seconds=1 if next(turn_is_over, False) else -60)

    def noted(row: Any, volume: Any) -> Any:
        read.append(row.pk)
        return decode(row, volume)

    inference_series.arrange(prediction.scan)
    monkeypatch.setattr(inference_series, "timezone", Clock)
    monkeypatch.setattr(inference_series, "_decode", noted)
    list(inference_series.analyze_remaining(prediction, model, until=until))
    assert list(SliceResult.objects.order_by("slice__index").values_list("slice", flat=True)) == read


def test_cancel_stops_between_slices(user: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prediction = series(user, 16)
    prepared, under_way = threading.Semaphore(0), threading.Event()
    decoded, forward = inference_series._decode, model.engine.forward

    def counts(*args: Any) -> Any:
        prepared.release()
        return decoded(*args)

    def waits(batch: Any) -> Any:
        if model.engine.passes == 0:
            assert all(prepared.acquire(timeout=30) for _ in range(8))  # the next four have been read ahead
        else:
            under_way.set()
        return forward(batch)

    def cancel() -> None:
        assert under_way.wait(30)
        assert transitions.cancel(prediction=prediction, actor=user)

    monkeypatch.setattr(inference_series, "_decode", counts)
    monkeypatch.setattr(model.engine, "forward", waits)
    when_read(monkeypatch, cancel)
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).progress) == ("canceled", 0)
    assert model.engine.passes == 2  # the next one was under way


def test_slices_that_come_while_it_runs_are_read_too(user: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = builders.dicom_series(6)
    upload = [SimpleUploadedFile(f"{n}", data) for n, data in enumerate(files)]
    prediction = intake.receive(user=user, files=upload[:5]).accepted[0].prediction
    when_read(monkeypatch, lambda: upload[5:] and intake.receive(user=user, files=[upload.pop()]))
    pipeline.run(prediction_id=prediction.pk)
    assert fresh(prediction).state == "queued"  # what it knew was not the whole series
    pipeline.run(prediction_id=prediction.pk)
    done = fresh(prediction)
    assert done.series is not None
    assert (done.state, done.series["accepted"]) == ("done", 6)


def test_it_waits_until_no_more_slices_come(
    user: Any, model: Any, monkeypatch: pytest.MonkeyPatch, sent: Queue
) -> None:
    monkeypatch.setattr("diagnosis.intake.series.DEBOUNCE", timedelta(minutes=1))
    prediction = series(user)
    assert not pipeline.run(prediction_id=prediction.pk)
    waiting = fresh(prediction)
    assert waiting.state == "queued" and waiting.not_before and waiting.not_before > timezone.now()
    due = waiting.not_before + broker._CLOCK_SKEW
    assert sent.messages() == [Message(broker.RUN_PREDICTION, prediction.pk, due)]


@pytest.mark.parametrize(("handed_over", "passes"), [(True, 2), (False, 4)])
def test_the_same_series_is_computed_once_for_each_owner(
    handed_over: bool, passes: int, user: Any, other_user: Any, model: Any
) -> None:
    files = builders.dicom_series(6)

    def upload(person: Any) -> Prediction:
        uploads = [SimpleUploadedFile(f"{n}", data) for n, data in enumerate(files)]
        return intake.receive(user=person, files=uploads).accepted[0].prediction

    first, second = upload(user), upload(other_user)
    if handed_over:
        Prediction.objects.filter(pk=second.pk).update(owner=user)
    for prediction in (first, second):
        pipeline.run(prediction_id=prediction.pk)
    assert model.engine.passes == passes  # six slices take two
    assert fresh(second).tumor_probability == fresh(first).tumor_probability
    key_slice = fresh(second).key_slice
    assert key_slice is not None and key_slice.scan == second.scan
    assert second.slice_results.count() == 6


def test_a_volume_is_read_frame_by_frame(user: Any, model: Any) -> None:
    [accepted] = intake.receive(user=user, files=[SimpleUploadedFile("v.nii", builders.nifti_bytes(5))]).accepted
    pipeline.run(prediction_id=accepted.prediction.pk)
    done = fresh(accepted.prediction)
    assert done.series is not None
    assert (done.state, done.series["accepted"]) == ("done", 5)


def test_a_series_of_blank_slices_is_refused_with_the_commonest_reason(user: Any, model: Any) -> None:
    planes = builders.nifti_bytes(5, blank=True)
    [accepted] = intake.receive(user=user, files=[SimpleUploadedFile("v.nii", planes)]).accepted
    pipeline.run(prediction_id=accepted.prediction.pk)
    refused = fresh(accepted.prediction)
    assert refused.gate is not None
    assert (refused.state, refused.outcome, refused.gate["reason"]) == ("refused", "refused", "blank")
    assert refused.gate["message"].startswith("Only 0 of 5 slices")


def test_a_model_without_series_calibration_fails_a_series(
    user: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: replace(model, series=None))
    prediction = series(user)
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).error_code) == ("failed", "no_series")


def test_a_series_of_one_slice_is_that_slice(user: Any, model: Any) -> None:
    prediction = series(user, 1)
    pipeline.run(prediction_id=prediction.pk)
    assert (fresh(prediction).state, fresh(prediction).series) == ("done", None)
    assert not SliceResult.objects.exists()


def test_slices_are_ordered_by_position(user: Any, model: Any) -> None:
    prediction = series(user, 4)
    inference_series.arrange(prediction.scan)
    assert list(prediction.scan.slices.order_by("index").values_list("along", flat=True)) == [0, 5, 10, 15]


def test_a_series_that_is_refused_after_its_first_turn_counts_among_no_measured_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slice came that cannot be put in order with those that were judged."""
    row = PredictionFactory(
        state="queued", scan__stack="64x64", scan__frames=3, progress=2, milliseconds={"slice": 5.0}
    )
    problem = UnreadableImage("cannot_be_ordered", "Its slices cannot be put in order.")
    monkeypatch.setattr(inference_series, "arrange", lambda scan: problem)
    assert pipeline.run(prediction_id=row.pk)
    assert (fresh(row).state, fresh(row).milliseconds) == ("refused", {})
    assert workload.current().stages == {}
