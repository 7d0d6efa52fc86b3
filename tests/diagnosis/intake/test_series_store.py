"""Slices that come later: what joins, what splits off, what cannot be ordered, and what happens to a result."""

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pydicom.uid import generate_uid

from diagnosis import intake
from diagnosis.cases import purge
from diagnosis.inference import pipeline
from diagnosis.models import AuditEvent, DiscardedFile, Prediction, Review, Scan, Slice, SliceResult
from diagnosis.reviews import transitions
from diagnosis.reviews.opinions import Opinion
from tests import builders
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db

COMMON = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch, model_version: Any) -> None:
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(0.9))
    monkeypatch.setattr("diagnosis.intake.series.DEBOUNCE", timedelta(0))


def part(number: int, count: int = 3, **tags: Any) -> list[bytes]:
    """One of several parts of a series, each with images of its own."""
    planes = [builders.phantom(64, seed=100 * number + n) for n in range(count)]
    return builders.dicom_series(count, planes=planes, **(COMMON | tags))


def receive(user: Any, *files: bytes, **kwargs: Any) -> intake.Receipt:
    uploads = [SimpleUploadedFile(f"IM{number:04}", data) for number, data in enumerate(files)]
    return intake.receive(user=user, files=uploads, **kwargs)


def contents(file: Any) -> bytes:
    with file.open() as opened:
        return bytes(opened.read())


def stored_files() -> set[str]:
    return {
        f"{folder}/{sub}/{name}"
        for folder in ("scans", "previews")
        for sub in default_storage.listdir(folder)[0]
        for name in default_storage.listdir(f"{folder}/{sub}")[1]
    }


def run_all() -> list[Prediction]:
    for prediction in Prediction.objects.filter(state="queued"):
        pipeline.run(prediction_id=prediction.pk)
    return list(Prediction.objects.order_by("id"))


def test_a_part_that_comes_after_the_result_leaves_it_as_it_is(user: Any) -> None:
    receive(user, *part(1, FlipAngle=5))
    [before] = run_all()
    receipt = receive(user, *part(2, FlipAngle=30))
    [first, second] = Prediction.objects.order_by("id")
    assert (first.state, first.finished, first.series) == ("done", before.finished, before.series)
    assert (second.state, second.scan.frames, second.scan.case) == ("queued", 3, first.scan.case)
    assert [accepted.scan for accepted in receipt.accepted] == [second.scan]
    assert first.scan.notes[-1].endswith("told apart by FlipAngle 5.")
    assert not AuditEvent.objects.filter(action="prediction.reopened").exists()


def test_a_scan_that_turns_out_to_hold_two_parts_is_split_and_judged_again(user: Any) -> None:
    one, two = part(1, FlipAngle=5), part(2, FlipAngle=30)
    receive(user, one[0], two[1], one[2])  # they do not collide yet
    [mixed] = run_all()
    assert (mixed.state, mixed.scan.frames) == ("done", 3)
    receive(user, one[1], two[0], two[2])
    assert AuditEvent.objects.get(action="prediction.reopened").details["outcome"] == "tumor"
    assert AuditEvent.objects.filter(action="scan.split").count() == 1
    done = run_all()
    assert [(one.state, one.scan.frames, (one.series or {})["accepted"]) for one in done] == [("done", 3, 3)] * 2
    assert SliceResult.objects.count() == 6
    for prediction in done:
        scan = prediction.scan
        assert {(row.facts or {})["labels"]["FlipAngle"] for row in scan.slices.all()} == {scan.stack.split()[-1]}
        # What is downloaded is a slice of this scan.
        assert contents(scan.file) in [contents(row.file) for row in scan.slices.all()]
        assert scan.size == sum(row.file.size for row in scan.slices.all())


def test_a_scan_of_slices_that_left_a_signed_one_is_unread(user: Any) -> None:
    one, two = part(1, FlipAngle=5), part(2, FlipAngle=30)
    receive(user, one[0], two[1], one[2])
    [mixed] = run_all()
    transitions.sign(mixed, reader=user, opinion=Opinion(finding="tumor"))
    receive(user, one[1])  # lies where two[1] does, so that leaves
    readings = Scan.objects.order_by("pk").values_list("frames", "reading", "reviews__state")
    assert list(readings) == [(3, "signed", "signed"), (1, "unread", None)]


def test_slices_that_nothing_tells_apart_are_named_and_none_is_judged(user: Any) -> None:
    receipt = receive(user, *part(1), *part(2))
    assert [(one.name, one.code) for one in receipt.rejected] == [(f"IM{n:04}", "cannot_be_ordered") for n in range(6)]
    assert "3 locations hold more than one" in receipt.rejected[0].detail
    [prediction] = run_all()
    assert (prediction.state, prediction.outcome, prediction.scan.frames) == ("refused", "refused", 6)
    assert prediction.gate is not None
    assert prediction.gate["reason"] == "cannot_be_ordered" and prediction.gate["message"] == receipt.rejected[0].detail
    assert not SliceResult.objects.exists()
    again = receive(user, *part(1), *part(2))
    assert [(one.name, one.code) for one in again.rejected] == [(one.name, one.code) for one in receipt.rejected]
    assert Slice.objects.count() == 6 and Prediction.objects.get().state == "refused"


def test_a_later_slice_that_nothing_tells_apart_takes_the_result_back_and_says_so(user: Any) -> None:
    receive(user, *part(1))
    run_all()
    receipt = receive(user, part(2)[1])
    assert [(one.name, one.code) for one in receipt.rejected] == [("IM0000", "cannot_be_ordered")]
    assert AuditEvent.objects.get(action="prediction.reopened").details["outcome"] == "tumor"
    [prediction] = run_all()
    assert prediction.gate is not None
    assert (prediction.state, prediction.gate["reason"]) == ("refused", "cannot_be_ordered")


def test_later_slices_may_show_which_part_a_slice_is_of(user: Any) -> None:
    one, two = part(1), part(2, numbered_from=10)
    for data in (one[1], two[0], two[1], one[0], two[2], one[2]):
        receive(user, data)
    assert [(row.state, row.scan.frames) for row in run_all()] == [("done", 3), ("done", 3)]


@pytest.mark.parametrize("requests", [1, 2, 4], ids=lambda n: f"{n} requests")
def test_one_uid_for_many_images_keeps_them_all(user: Any, requests: int) -> None:
    files = part(1, count=4, SOPInstanceUID=generate_uid())
    for start in range(0, 4, 4 // requests):
        assert receive(user, *files[start : start + 4 // requests]).rejected == []
    assert Scan.objects.get().frames == 4
    repeated = receive(user, *files)
    assert [accepted.duplicate_of for accepted in repeated.accepted] == [Scan.objects.get()]
    assert (Slice.objects.count(), repeated.accepted[0].files) == (4, 4)


def test_the_queries_for_a_slice_do_not_grow_with_its_series(user: Any) -> None:
    files = part(1, count=24)
    counts = []
    for start, end in ((0, 2), (2, 3), (3, 22), (22, 23)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            receive(user, *files[start:end])
        counts.append(len(queries))
    assert counts[1] == counts[3] <= 26
    assert counts[2] <= counts[1] + 18 + 2  # an audit row for each slice, and nothing else


def test_files_are_deleted_if_their_series_cannot_be_stored(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise DataError("too long")

    monkeypatch.setattr("diagnosis.intake.series_store._prediction", refuses)
    receipt = receive(user, *part(1), builders.png_bytes())
    assert [one.code for one in receipt.rejected] == ["not_stored"] * 3
    assert [accepted.name for accepted in receipt.accepted] == ["IM0003"]
    assert not Slice.objects.exists()
    kept = {str(name) for name in Scan.objects.values_list("file", "preview", "thumbnail").get()}
    assert stored_files() == kept


def tilted(number: int, orientation: list[float]) -> bytes:
    place: dict[str, Any] = {"ImagePositionPatient": [0, 0, 5 * number], "ImageOrientationPatient": orientation}
    return builders.dicom_bytes(builders.phantom(64, seed=number), **place, **COMMON)


def receive_two_tilted(user: Any) -> bytes:
    """Two stacks tilted 3.6 degrees from each other, which are one when the slice comes that this returns."""
    tilt, turn = math.radians(1.8), math.radians(1)
    for first, angle in ((0, tilt), (3, -tilt)):
        orientation = [1, 0, 0, 0, math.cos(angle), math.sin(angle)]
        receive(user, *(tilted(first + n, orientation) for n in range(3)))
    return tilted(6, [math.cos(turn), 0, math.sin(turn), 0, 1, 0])


@pytest.mark.parametrize("days", [0, 3650])
def test_a_slice_that_would_end_a_signed_reading_which_is_kept_is_refused(user: Any, settings: Any, days: int) -> None:
    settings.SIGNED_REVIEW_DAYS = days
    between = receive_two_tilted(user)
    _, prediction = run_all()
    review = transitions.sign(prediction, reader=user, opinion=Opinion(finding="no_tumor"))
    stored = stored_files()
    receipt = receive(user, between)
    assert [one.code for one in receipt.rejected] == (["reading_kept"] if days else [])
    assert Review.objects.filter(pk=review.pk).exists() == bool(days)
    assert [scan.frames for scan in Scan.objects.order_by("id")] == ([3, 3] if days else [7])
    assert not days or stored_files() == stored


@pytest.mark.parametrize("judged", [True, False])
def test_a_scan_that_loses_all_slices_goes_with_its_files(
    user: Any, judged: bool, django_capture_on_commit_callbacks: Any
) -> None:
    between = receive_two_tilted(user)
    if judged:
        run_all()
    gone = Scan.objects.order_by("id")[1]
    own = str(gone.file.name)
    with django_capture_on_commit_callbacks(execute=True):
        assert receive(user, between).rejected == []
    [scan] = Scan.objects.all()
    assert (scan.frames, scan.slices.count()) == (7, 7)
    assert list(DiscardedFile.objects.values_list("name", flat=True)) == [own]
    assert purge.delete_files() == 1
    assert not default_storage.exists(own)
    for row in scan.slices.all():
        assert all(default_storage.exists(str(file.name)) for file in (row.file, row.preview, row.thumbnail))
    assert AuditEvent.objects.get(action="prediction.discarded").details["scan"] == gone.pk
    assert [row.state for row in run_all()] == ["done"]


def test_a_slice_of_a_series_that_an_earlier_version_stored_joins_it(user: Any) -> None:
    files = part(1, EchoTime=90)
    receive(user, *files[:2])
    Slice.objects.update(facts=None)
    Scan.objects.update(stack="64x64 e90")
    receive(user, *files, *part(2, EchoTime=20))
    assert sorted(Scan.objects.values_list("frames", "stack")) == [(3, "64x64 EchoTime 20"), (3, "64x64 EchoTime 90")]
    assert [row.state for row in run_all()] == ["done", "done"]


def test_a_file_whose_frames_cannot_be_ordered_is_named_and_not_stored(user: Any) -> None:
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    planes = np.stack([builders.phantom(64, seed=n) for n in range(2)])
    receipt = receive(user, builders.enhanced_bytes(planes, [place, place]))
    assert ([one.code for one in receipt.rejected], receipt.accepted) == (["cannot_be_ordered"], [])


def test_frames_left_out_of_a_repeated_file_are_named_again(user: Any) -> None:
    def file(*frames: tuple[int, str]) -> bytes:
        groups = [
            {"ImagePositionPatient": [0, 0, 5.0 * place], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
            | {"ComplexImageComponent": component}
            for place, component in frames
        ]
        planes = [builders.phantom(64, seed=place + 50 * (component == "PHASE")) for place, component in frames]
        return builders.enhanced_bytes(np.stack(planes), groups, SeriesInstanceUID="1.2.3.4")

    receive(user, file((0, "MAGNITUDE"), (1, "MAGNITUDE")))
    [accepted] = receive(user, file((0, "PHASE"), (0, "MAGNITUDE"), (1, "PHASE"), (1, "MAGNITUDE"))).accepted
    assert accepted.duplicate_of == accepted.scan
    assert accepted.notes[0].startswith("Left out: 2 frames show no anatomy")


@pytest.mark.parametrize("reference", ["CA-1", ""])
def test_a_series_in_the_trash_gets_no_slices(user: Any, reference: str) -> None:
    one, two = part(1), part(1, count=4)
    receive(user, *one, reference="CA-1")
    Scan.objects.update(deleted=timezone.now())
    receipt = receive(user, *two, reference=reference)
    if reference:
        assert [rejected.code for rejected in receipt.rejected] == ["in_trash"] * 4
        assert Slice.objects.count() == 3
    else:
        assert receipt.accepted[0].scan.case.reference != "CA-1"
