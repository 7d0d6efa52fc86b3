"""The C-STORE listener on loopback: what is stored, and the status of each refusal."""

import io
import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, generate_uid

from diagnosis import intake
from diagnosis.cases import naming, trash
from diagnosis.dicom import c_store
from diagnosis.dicom.supported_contexts import SOP_CLASSES
from diagnosis.intake.limits import UploadSlots
from diagnosis.models import AuditEvent, Case, Scan
from ml.readers.dicom import object_type
from tests.builders import dicom_dataset, dicom_file, phantom
from tests.diagnosis.dicom.conftest import NAME
from tests.diagnosis.dicom.sender import Start, associate

Mr = Callable[..., bytes]

pytestmark = pytest.mark.django_db(transaction=True)


def series(mr: Mr, count: int, **tags: Any) -> list[bytes]:
    """Slices of one series, 5 mm apart."""
    place = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    same = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()} | place
    return [mr(n, ImagePositionPatient=[0, 0, 5 * n], **(same | tags)) for n in range(count)]


def store(port: int, *files: bytes) -> list[int]:
    """The status of each object, sent in one association."""
    association = associate(port)
    assert association.is_established
    statuses = [association.send_c_store(dcmread(io.BytesIO(data))).Status for data in files]
    association.release()
    return statuses


def test_the_sop_classes_are_those_of_the_readers() -> None:
    assert {str(name) for name in SOP_CLASSES} == set(object_type.MR_CLASSES) | set(object_type.CAPTURE_CLASSES)


def test_an_echo_is_answered(start: Start) -> None:
    association = associate(start())
    assert association.send_c_echo().Status == 0x0000
    association.release()


def test_a_series_is_stored_before_it_is_answered(start: Start, user: User, mr: Mr) -> None:
    assert store(start(), *series(mr, 3)) == [0, 0, 0]
    scan = Scan.objects.get(case__owner=user)
    assert (scan.frames, scan.format) == (3, "DICOM")
    [event] = AuditEvent.objects.filter(action="association.used")
    assert (event.actor, event.address, event.details) == ("ada", "127.0.0.1", {"sender": "MR1"})


def test_slices_find_their_series_across_associations(start: Start, mr: Mr) -> None:
    port = start()
    assert [store(port, data) for data in series(mr, 3)] == [[0]] * 3
    assert Scan.objects.get().frames == 3


def test_slices_follow_a_case_that_is_renamed_while_they_arrive(start: Start, user: User, mr: Mr) -> None:
    port, files = start(), series(mr, 3)
    assert store(port, *files[:2]) == [0, 0]
    naming.rename(Case.objects.get(), reference="CA-renamed", actor=user)
    assert store(port, files[2]) == [0]
    scan = Scan.objects.get()
    assert (scan.frames, scan.case.reference) == (3, "CA-renamed")


def test_a_study_that_is_sent_again_after_its_case_was_deleted_opens_another(start: Start, user: User, mr: Mr) -> None:
    port, files = start(), series(mr, 2)
    assert store(port, *files) == [0, 0]
    trash.delete_case(Case.objects.get(), actor=user)
    assert store(port, *files) == [0, 0]
    assert Case.objects.filter(deleted=None).get().scans.get().frames == 2


def test_one_uid_for_many_images_loses_none(start: Start, mr: Mr) -> None:
    files, port = series(mr, 3, SOPInstanceUID=generate_uid()), start()
    assert [store(port, *files), store(port, *files)] == [[0] * 3] * 2
    assert Scan.objects.get().frames == 3


def test_an_image_that_cannot_be_ordered_is_told_to_its_sender(start: Start, mr: Mr) -> None:
    same = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid(), "SOPInstanceUID": generate_uid()}
    files = [
        mr(seed, ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], **same) for seed in (1, 2)
    ]
    assert store(start(), *files) == [0, 0xC000]


def test_series_of_one_study_share_a_case_and_studies_do_not(start: Start, mr: Mr) -> None:
    first, second = generate_uid(), generate_uid()
    files = [mr(n, StudyInstanceUID=study) for n, study in enumerate([first, second, first])]
    assert store(start(), *files) == [0, 0, 0]
    assert sorted(case.scans.count() for case in Case.objects.all()) == [1, 2]


def test_a_compressed_object_is_stored(start: Start) -> None:
    dataset = dicom_dataset(phantom(64), StudyInstanceUID=generate_uid())
    compressed = dcmread(io.BytesIO(dicom_file(dataset, syntax=JPEG2000Lossless)))
    association = associate(start(), syntax=JPEG2000Lossless)
    assert association.send_c_store(compressed).Status == 0x0000
    association.release()


def test_rejections_are_answered_and_audited(start: Start, mr: Mr) -> None:
    damaged = dcmread(io.BytesIO(mr(PatientName="Doe^Jane")))
    damaged.PixelData = damaged.PixelData[:100]
    stream = io.BytesIO()
    damaged.save_as(stream)
    spine = mr(1, BodyPartExamined="LSPINE")
    assert store(start(), stream.getvalue(), spine, mr(2)) == [0xC000, 0xC000, 0]
    events = AuditEvent.objects.filter(action="scan.rejected")
    assert sorted(event.details["code"] for event in events) == ["dicom_truncated", "not_brain"]
    assert all("Doe" not in str(event.details) for event in events)
    assert {event.address for event in events} == {"127.0.0.1"}


def test_an_object_with_other_uids_than_its_message_is_a_mismatch(start: Start, mr: Mr) -> None:
    dataset = dcmread(io.BytesIO(mr()))
    association = associate(start())
    original = association.dimse.send_msg

    def renamed(primitive: Any, context_id: int) -> None:
        primitive.AffectedSOPInstanceUID = "1.2.3.4"
        original(primitive, context_id)

    association.dimse.send_msg = renamed
    status = association.send_c_store(dataset).Status
    association.release()
    assert status == 0xA900


def test_an_oversized_object_is_dropped_and_the_next_is_stored(start: Start, mr: Mr) -> None:
    port = start(max_object_bytes=20_000)
    large = dicom_dataset(phantom(512))
    assert store(port, dicom_file(large), mr()) == [0xA700, 0]


def test_nothing_is_stored_for_an_inactive_account(start: Start, user: User, mr: Mr) -> None:
    user.is_active = False
    user.save()
    assert store(start(), mr()) == [0x0124]


def test_without_a_database_the_status_is_out_of_resources(
    start: Start, mr: Mr, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: Any, **options: Any) -> None:
        raise OperationalError

    monkeypatch.setattr("diagnosis.intake.receive", gone)
    assert store(start(), mr()) == [0xA700]


def test_an_unexpected_error_is_a_processing_failure_and_is_not_quoted(
    start: Start, mr: Mr, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(data: bytes) -> None:
        raise RuntimeError("Doe^Jane")

    monkeypatch.setattr(c_store, "identify", broken)
    assert store(start(), mr()) == [0x0110]
    assert "RuntimeError" in caplog.text and "Doe" not in caplog.text


def test_nothing_of_the_patient_is_kept_or_logged(start: Start, mr: Mr, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    study = generate_uid()
    assert store(start(), mr(0, StudyInstanceUID=study), mr(1, StudyInstanceUID=study)[:-500]) == [0, 0xC000]
    told = caplog.text + repr(list(AuditEvent.objects.values())) + repr(list(Scan.objects.values()))
    assert NAME not in told and study not in told
    for scan in Scan.objects.all():
        with scan.file.open() as file:
            stored = file.read()
        assert NAME.encode() not in stored and study.encode() not in stored


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DICOM_PORT": 0}, "DICOM_PORT"),
        ({"DICOM_USER": "nobody"}, "DICOM_USER"),
        ({"DICOM_ALLOWED_AES": ["A@"]}, "DICOM_ALLOWED_AES"),
        ({"DICOM_BIND": "192.0.2.1"}, "DICOM_BIND"),
    ],
)
def test_the_command_says_what_is_missing(user: User, settings: Any, changes: dict[str, Any], said: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    good = {"DICOM_PORT": free, "DICOM_USER": "ada", "DICOM_ALLOWED_AES": ["MR1"], "DICOM_BIND": "127.0.0.1"}
    for name, value in (good | changes).items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match=said):
        call_command("dicom_listener")


def test_without_a_free_slot_the_status_is_out_of_resources(
    start: Start, mr: Mr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_slots", UploadSlots(0))
    assert store(start(), mr()) == [0xA700]
    assert not Scan.objects.exists()
