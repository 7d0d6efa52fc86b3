"""Series on their way in: slices find each other, archives come apart, no patient comes with them."""

import hashlib
import itertools
from datetime import timedelta
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from pydicom.uid import generate_uid

from diagnosis import intake
from diagnosis.inference import pipeline, series, transitions
from diagnosis.intake import previews
from diagnosis.intake.decoding import decode
from diagnosis.models import AuditEvent, Case, Prediction, Scan, Slice
from ml.readers import read
from tests import builders
from tests.fakes import fake_model
from tests.ml.readers.volumes.test_mgh import mgh
from tests.ml.readers.volumes.test_nrrd import nrrd

pytestmark = pytest.mark.django_db


def receive(user: Any, *files: bytes, **kwargs: Any) -> intake.Receipt:
    uploads = [SimpleUploadedFile(f"IM{number:04}", data) for number, data in enumerate(files)]
    return intake.receive(user=user, files=uploads, **kwargs)


def test_the_files_of_a_series_become_one_scan_ordered_by_position(user: Any, sent: list[int]) -> None:
    files = builders.dicom_series(5)
    receipt = receive(user, *[files[n] for n in (3, 0, 4, 1, 2)], reference="CA-1")
    [accepted] = receipt.accepted
    assert (accepted.files, accepted.duplicate_of, receipt.rejected) == (5, None, [])
    [scan] = Scan.objects.all()
    assert (scan.frames, scan.name, scan.letters, scan.format) == (5, "Series 5, axial", "RLAP", "DICOM")
    series.arrange(scan)
    rows = list(scan.slices.order_by("index"))
    assert [row.along for row in rows] == [0, 5, 10, 15, 20]
    assert (scan.spacing, scan.preview.name) == (5, rows[2].preview.name)
    with rows[1].file.open() as stored:
        assert (read(stored.read()).pixels == read(files[1]).pixels).all()
    [prediction] = Prediction.objects.all()
    assert prediction.not_before is not None
    assert scan.size == sum(row.file.size for row in rows)


def test_slices_uploaded_one_by_one_extend_one_scan_and_one_run(user: Any) -> None:
    for data in builders.dicom_series(3):
        receive(user, data)
    assert (Scan.objects.count(), Slice.objects.count(), Prediction.objects.count()) == (1, 3, 1)
    assert [e.action for e in AuditEvent.objects.order_by("id")] == [
        *("case.opened", "scan.uploaded", "scan.extended", "scan.extended")
    ]


def test_the_same_series_again_stores_nothing(user: Any) -> None:
    files = builders.dicom_series(3)
    receive(user, *files, reference="CA-1")
    [accepted] = receive(user, *files).accepted
    assert accepted.duplicate_of == accepted.scan
    assert (Scan.objects.count(), Slice.objects.count(), Prediction.objects.count()) == (1, 3, 1)


def test_in_another_case_the_series_is_stored_again(user: Any) -> None:
    files = builders.dicom_series(3)
    [first] = receive(user, *files, reference="CA-1").accepted
    [second] = receive(user, *files, reference="CA-2").accepted
    assert (second.duplicate_of, second.scan.frames) == (None, 3)
    assert second.scan.case.reference == "CA-2" and first.scan.case.reference == "CA-1"


def test_slices_never_extend_a_scan_of_another_person(user: Any, other_user: Any) -> None:
    files = builders.dicom_series(4)
    receive(user, *files[:2])
    receive(other_user, *files[2:])
    assert sorted(Scan.objects.values_list("case__owner__username", "frames")) == [("ada", 2), ("grace", 2)]


def test_two_patients_whose_series_share_a_uid_are_two_scans_in_two_cases(user: Any) -> None:
    same: dict[str, Any] = {"SeriesInstanceUID": generate_uid()}
    one, other = (builders.dicom_series(3, thickness=mm, PatientID=f"20261{mm}", **same) for mm in (5, 7))
    receive(user, *one)
    receive(user, *other[:1])
    receive(user, *other)
    receive(user, *one, *other, reference="CA-9")
    assert set(Scan.objects.values_list("frames", flat=True)) == {3}
    assert [case.scans.count() for case in Case.objects.order_by("id")] == [1, 1, 2]


def test_a_series_goes_on_whose_first_slices_an_earlier_version_stored(user: Any) -> None:
    """It rounded numbers that are names: Patient ID 202617 to 2.026e+05."""
    series_uid = generate_uid()
    files = builders.dicom_series(4, PatientID="202617", SeriesInstanceUID=series_uid)
    receive(user, *files[:2])
    for row in Slice.objects.all():
        assert row.facts is not None
        del row.facts["exact"]
        row.facts["labels"] |= {"PatientID": "#2026e05", "SeriesNumber": "1.234e+04"}
        row.save()
    receive(user, files[2])
    receive(user, files[3])
    assert list(Scan.objects.values_list("frames", flat=True)) == [4]
    receive(user, *builders.dicom_series(2, PatientID="202618", SeriesInstanceUID=series_uid))
    assert [case.scans.get().frames for case in Case.objects.order_by("id")] == [4, 2]


def test_images_that_come_again_with_a_corrected_patient_id_are_known(user: Any) -> None:
    same: dict[str, Any] = {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid()}
    same |= {"SOPInstanceUID": generate_uid()}
    first, corrected = (builders.dicom_series(3, PatientID=one, **same) for one in ("202617", "202618"))
    receive(user, *first)
    [again] = receive(user, *corrected).accepted
    assert again.duplicate_of == again.scan
    assert (Scan.objects.count(), Slice.objects.count()) == (1, 3)


@pytest.mark.parametrize(
    "other",
    [{"EchoTime": 90}, {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, {"SeriesInstanceUID": generate_uid()}],
    ids=lambda tags: next(iter(tags)),
)
def test_slices_of_another_contrast_direction_or_series_are_another_scan(user: Any, other: dict[str, Any]) -> None:
    common: dict[str, Any] = {"SeriesInstanceUID": generate_uid(), "ImagePositionPatient": [0, 0, 0], "EchoTime": 20}
    common |= {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    receive(user, builders.dicom_bytes(builders.phantom(96), **common))
    receive(user, builders.dicom_bytes(builders.phantom(96, seed=1), **(common | other)))
    assert list(Scan.objects.values_list("frames", flat=True)) == [1, 1]


def test_a_second_slice_at_a_position_starts_another_scan(user: Any) -> None:
    uid: dict[str, Any] = {"SeriesInstanceUID": generate_uid(), "ImagePositionPatient": [0, 0, 0]}
    uid |= {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    receipt = receive(user, *[builders.dicom_bytes(builders.phantom(96, seed=n), **uid) for n in (0, 1)])
    assert receipt.rejected == []
    assert [a.scan.frames for a in receipt.accepted] == [1, 1]
    assert Scan.objects.values("series_uid").distinct().count() == 1


def test_missing_slices_are_noted(user: Any) -> None:
    files = builders.dicom_series(7)
    del files[3]
    receive(user, *files)
    scan = Scan.objects.get()
    series.arrange(scan)
    assert "Slices are missing in 1 place." in scan.notes


def test_a_volume_is_one_scan_of_many_slices(user: Any) -> None:
    [accepted] = receive(user, builders.nifti_bytes(6)).accepted
    scan = accepted.scan
    assert (scan.frames, scan.format, scan.spacing, scan.letters, scan.is_multi_file) == (
        6,
        "NIfTI-1",
        5,
        "RLAP",
        False,
    )
    assert list(scan.slices.values_list("index", "frame", "file")) == [(n, n, "") for n in range(6)]
    assert accepted.prediction.not_before is None
    assert receive(user, builders.nifti_bytes(6)).accepted[0].duplicate_of == scan


def test_other_volumes_are_stored_as_nifti_and_known_again(user: Any) -> None:
    """NRRD and MGH with the voxels of a NIfTI volume show the same slices, so they are the same scan."""
    [first] = receive(user, builders.nifti_bytes(6)).accepted
    volume = nib.Nifti1Image.from_bytes(builders.nifti_bytes(6))
    voxels = np.asarray(volume.dataobj)
    for data in (nrrd(voxels, volume.affine, packed=True), mgh(voxels, volume.affine)):
        [again] = receive(user, data).accepted
        assert again.duplicate_of == first.scan
    [other] = receive(user, nrrd(voxels[:, ::-1], volume.affine)).accepted
    assert (other.scan.format, other.scan.letters, other.scan.frames) == ("NIfTI-1", "RLAP", 6)
    with other.scan.file.open("rb") as stored:
        assert stored.read()[344:347] == b"n+1"


def test_with_case_by_patient_scans_of_one_patient_go_into_one_case(user: Any, settings: Any) -> None:
    settings.CASE_BY_PATIENT = True
    for number, patient in enumerate(["4711", "4711", "0815"]):
        receive(user, *builders.dicom_series(2, PatientID=patient, EchoTime=number + 1))
    assert sorted(case.scans.count() for case in Case.objects.all()) == [1, 2]
    assert not Case.objects.filter(reference__contains="4711").exists()
    receive(user, *builders.dicom_series(2, PatientID="4711"), reference="CA-9")
    assert Case.objects.get(reference="CA-9").scans.count() == 1


def test_without_case_by_patient_each_upload_opens_a_case(user: Any) -> None:
    for _ in range(2):
        receive(user, *builders.dicom_series(2))
    assert Case.objects.count() == 2


def test_text_in_an_image_must_be_confirmed(user: Any) -> None:
    files = builders.dicom_series(1, BurnedInAnnotation="YES")
    receipt = receive(user, *files)
    assert [(r.code, r.confirmable) for r in receipt.rejected] == [("lettering", True)]
    assert not Scan.objects.exists() and not Case.objects.exists()
    receive(user, *files, confirmed=True)
    assert AuditEvent.objects.get(action="scan.uploaded").details["confirmed_without_names"] is True


@pytest.fixture
def runs_at_once(model_version: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A series waits for no further slices, and a fake model calls it a tumor."""
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(0.9))
    monkeypatch.setattr("diagnosis.intake.series.DEBOUNCE", timedelta(0))


@pytest.mark.usefixtures("runs_at_once")
def test_a_slice_that_arrives_after_the_result_reopens_the_run(user: Any) -> None:
    files = builders.dicom_series(3)
    [accepted] = receive(user, *files[:2]).accepted
    pipeline.run(prediction_id=accepted.prediction.pk)
    assert Prediction.objects.get().state == "done"
    receive(user, files[2])
    [again] = Prediction.objects.all()
    assert (again.pk, again.state, again.outcome, again.series) == (accepted.prediction.pk, "queued", "", None)
    assert AuditEvent.objects.get(action="prediction.reopened").details["outcome"] == "tumor"
    pipeline.run(prediction_id=again.pk)
    summary = Prediction.objects.get().series
    assert summary is not None and summary["accepted"] == 3


@pytest.mark.usefixtures("runs_at_once")
def test_a_copied_result_is_no_longer_a_copy_once_another_slice_arrives(user: Any, other_user: Any) -> None:
    files = builders.dicom_series(3)
    [first] = receive(user, *files[:2]).accepted
    pipeline.run(prediction_id=first.prediction.pk)
    [second] = receive(other_user, *files[:2]).accepted
    Prediction.objects.filter(pk=second.prediction.pk).update(owner=user)  # as when the case is handed over
    pipeline.run(prediction_id=second.prediction.pk)
    assert Prediction.objects.get(pk=second.prediction.pk).reused_from == first.prediction
    receive(other_user, files[2])
    again = Prediction.objects.get(pk=second.prediction.pk)
    assert (again.state, again.reused_from, again.tumor_probability) == ("queued", None, None)
    pipeline.run(prediction_id=again.pk)
    again.refresh_from_db()
    assert again.series is not None
    assert (again.state, again.reused_from, again.series["accepted"]) == ("done", None, 3)


def test_slices_may_arrive_in_any_order(user: Any) -> None:
    for order in itertools.islice(itertools.permutations(range(3)), 0, 6, 2):
        files = builders.dicom_series(3)
        receive(user, *[files[n] for n in order])
    scans = Scan.objects.all()
    assert len(scans) == 3
    for scan in scans:
        series.arrange(scan)
        assert [row.along for row in scan.slices.order_by("index")] == [0, 5, 10]


def test_contrasts_of_a_diffusion_series_are_separate_scans_in_any_order(user: Any) -> None:
    uid: dict[str, Any] = {"SeriesInstanceUID": generate_uid()}
    plain, weighted = (builders.dicom_series(4, **uid, DiffusionBValue=value) for value in (0, 1000))
    receive(user, *[weighted[0], plain[0], plain[1], weighted[1], weighted[2], plain[2], plain[3], weighted[3]])
    assert sorted(Scan.objects.values_list("frames", "stack")) == [
        (4, "96x96 DiffusionBValue 0"),
        (4, "96x96 DiffusionBValue 1000"),
    ]


def test_blank_slices_in_two_directions_are_two_scans(user: Any) -> None:
    common: dict[str, Any] = {"SeriesInstanceUID": generate_uid(), "ImagePositionPatient": [0, 0, 0]}
    blank = np.zeros((96, 96), np.uint8)
    ways = ([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1])
    receipt = receive(
        user, *[builders.dicom_bytes(blank, ImageOrientationPatient=way, **common) for way in ways], reference="CA-1"
    )
    assert (len(receipt.accepted), receipt.rejected) == (2, [])


def test_windows_that_are_not_numbers_are_dropped(user: Any) -> None:
    files = builders.dicom_series(1, WindowCenter="nan", WindowWidth="100")
    [accepted] = receive(user, *files).accepted
    assert accepted.scan.windows == []


def test_a_file_that_the_database_refuses_does_not_stop_the_others(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = builders.png_bytes(), builders.png_bytes(builders.phantom(96))
    accept = intake.store.accept

    def refusing(decoded: Any, *, context: Any, name: str) -> Any:
        if name == "IM0000":
            raise IntegrityError("no")
        return accept(decoded, context=context, name=name)

    monkeypatch.setattr("diagnosis.intake.store.accept", refusing)
    receipt = receive(user, bad, good)
    assert [r.code for r in receipt.rejected] == ["not_stored"]
    assert len(receipt.accepted) == 1


def test_numbers_that_may_be_dates_are_not_shown(user: Any) -> None:
    files = builders.dicom_series(1, EchoTime=19700131, WindowCenter=19700131, WindowWidth=5)
    [accepted] = receive(user, *files).accepted
    told = f"{accepted.scan.name} {accepted.scan.stack} {accepted.scan.windows}"
    assert "1970" not in told and "1.97" not in told


def test_other_files_do_not_follow_a_slice_into_its_old_case(user: Any) -> None:
    files = builders.dicom_series(2)
    receive(user, files[0], reference="OLD")
    receipt = receive(user, files[1], builders.png_bytes())
    assert [a.scan.case.reference == "OLD" for a in receipt.accepted] == [True, False]


def test_a_canceled_run_stays_canceled_when_more_slices_arrive(user: Any) -> None:
    files = builders.dicom_series(3)
    [accepted] = receive(user, *files[:2]).accepted
    transitions.cancel(prediction=accepted.prediction, actor=user)
    [again] = receive(user, files[2]).accepted
    assert (again.prediction.pk, Prediction.objects.get().state) == (accepted.prediction.pk, "canceled")


def test_no_more_images_are_handed_out_than_were_asked_for(user: Any) -> None:
    files = builders.dicom_series(3, BurnedInAnnotation="YES")
    assert [bool(one.image) for one in receive(user, *files).rejected] == [False] * 3
    assert [bool(one.image) for one in receive(user, *files, images=2).rejected] == [True, True, False]


def test_a_confirmation_holds_for_the_files_that_it_names(user: Any) -> None:
    files = builders.dicom_series(2, BurnedInAnnotation="YES")
    named = frozenset({hashlib.sha256(files[1]).hexdigest()})
    receipt = receive(user, *files, confirmed=named)
    assert len(receipt.accepted) == 1
    [rejected] = receipt.rejected
    assert rejected.sha256 == hashlib.sha256(files[0]).hexdigest()


@pytest.mark.parametrize("which", [0, 3, 5])
def test_text_on_any_frame_of_a_secondary_capture_is_found(
    user: Any, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    planes = np.stack([builders.phantom(96, seed=n) for n in range(6)])
    planes[which, 0, 0] = 255  # a mark by which the fake model recognizes the page
    monkeypatch.setattr("diagnosis.intake.decoding._has_text", lambda image: bool(image.pixels[0, 0] > 200))
    data = builders.dicom_bytes(planes, SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2", Modality="OT")
    [rejected] = receive(user, data, images=1).rejected
    assert rejected.code == "lettering"
    shown = decode(data, name="x")[0].slices[which].preview
    assert rejected.image == previews.jpeg(shown), "the image is that of the frame with text"
