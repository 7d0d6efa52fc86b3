"""Intake: each file judged alone, nothing stored twice, nothing left behind."""

import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.utils import timezone

from diagnosis import intake
from diagnosis.inference import broker
from diagnosis.intake import store
from diagnosis.intake.decoded import Decoded
from diagnosis.intake.limits import MemoryBudget
from diagnosis.models import AuditEvent, Case, Prediction, Scan
from ml import readers
from ml.readers import archives
from tests import builders
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db


def upload(data: bytes, name: str = "a.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def receive(user: Any, *files: SimpleUploadedFile, **kwargs: Any) -> intake.Receipt:
    return intake.receive(user=user, files=files, **kwargs)


def test_a_good_file_becomes_case_scan_prediction_message_and_audit_row(
    user: Any, model_version: Any, sent: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    data = builders.png_bytes(compress_type=zlib.Z_RLE)  # as de-identification encodes it
    with django_capture_on_commit_callbacks(execute=True):
        receipt = receive(user, upload(data, "axial_12.png"))
    [accepted] = receipt.accepted
    scan = accepted.scan
    assert scan.case.owner == user
    assert (scan.name, scan.format, scan.size, scan.width, scan.height) == ("axial_12.png", "PNG", len(data), 256, 256)
    with scan.file.open() as stored:
        assert stored.read() == data
    assert scan.file.name is not None and "axial" not in scan.file.name
    assert accepted.prediction.state == "queued"
    assert accepted.prediction.model_version == model_version
    assert sent == [accepted.prediction.pk]
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {"case.opened", "scan.uploaded"}


BAD = {
    "empty": (b"", "empty"),
    "text as png": (b"this is no image at all\n" * 9, "text"),
    "html": (b"<!DOCTYPE html><html><script>alert(1)</script></html>", "markup"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "markup"),
    "polyglot": (builders.polyglot("GIF"), "active_content"),
    "truncated": (builders.jpeg_bytes()[:2000], "truncated"),
    "bomb": (builders.bomb_png(), "too_many_pixels"),
}


@pytest.mark.parametrize("data, code", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_rejected_with_its_rule_and_the_others_are_taken(user: Any, data: bytes, code: str) -> None:
    receipt = receive(user, upload(data, "bad.png"), upload(builders.png_bytes(), "good.png"))
    assert [(r.name, r.code) for r in receipt.rejected] == [("bad.png", code)]
    assert receipt.rejected[0].detail
    assert [a.scan.name for a in receipt.accepted] == ["good.png"]
    assert AuditEvent.objects.filter(action="scan.rejected").count() == 1


def test_decoded_pixels_are_freed_before_the_database_is_asked(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an upload waits for its turn to write, others decode: each would hold up to a hundred megabytes."""
    decoded: list[weakref.ref[Any]] = []
    read, accept = readers.read, store.accept

    def watched_read(*args: Any, **kwargs: Any) -> Any:
        image = read(*args, **kwargs)
        decoded.append(weakref.ref(image.pixels))
        return image

    def accept_without_pixels(*args: Any, **kwargs: Any) -> Any:
        assert decoded and all(pixels() is None for pixels in decoded)
        return accept(*args, **kwargs)

    monkeypatch.setattr("diagnosis.intake.decoding.readers.read", watched_read)
    monkeypatch.setattr("diagnosis.intake.store.accept", accept_without_pixels)
    assert receive(user, upload(builders.png_bytes())).accepted


@pytest.mark.parametrize("slices", [None, ()])
def test_a_file_of_which_nothing_is_left_to_judge_is_rejected(
    user: Any, monkeypatch: pytest.MonkeyPatch, slices: tuple[Any, ...] | None
) -> None:
    """Neither accepted nor rejected, it would count as stored for whoever sent it."""
    found = [] if slices is None else [Decoded("frames", b"", "DICOM", slices)]
    monkeypatch.setattr("diagnosis.intake.decoding._from_dicom", lambda *_: found)
    receipt = receive(user, upload(builders.dicom_bytes(builders.phantom(96))))
    assert [one.code for one in receipt.rejected] == ["no_slices"] and not receipt.accepted
    assert not Scan.objects.exists()


def test_an_upload_of_nothing_is_not_too_large(user: Any) -> None:
    receipt = receive(user)
    assert (receipt.case, receipt.accepted, receipt.rejected, receipt.all_too_large) == (None, [], [], False)


def test_an_upload_of_bad_files_only_opens_no_case(user: Any) -> None:
    receipt = receive(user, upload(b"no"), reference="CA-1")
    assert receipt.case is None
    assert not Case.objects.exists()


def test_a_file_that_is_too_large_is_rejected_with_its_name_and_the_limit(user: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_MB = 1
    receipt = receive(user, upload(b"\x89PNG" + b"0" * 1_048_577, "big.png"), oversized=["bigger.png"])
    assert [(r.name, r.code) for r in receipt.rejected] == [("big.png", "too_large"), ("bigger.png", "too_large")]
    assert "1 MB" in receipt.rejected[0].detail


def test_a_duplicate_links_the_earlier_scan_and_runs_nothing(
    user: Any, model_version: Any, sent: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = receive(user, upload(builders.png_bytes()))
        second = receive(user, upload(builders.png_bytes(compress_level=1), "copy.png"))
    assert second.accepted[0].duplicate_of == first.accepted[0].scan
    assert second.accepted[0].prediction == first.accepted[0].prediction
    assert (Scan.objects.count(), Prediction.objects.count(), Case.objects.count(), len(sent)) == (1, 1, 1, 1)
    assert second.case == first.case


def test_a_duplicate_within_one_upload_is_one_scan(user: Any, model_version: Any) -> None:
    receipt = receive(user, upload(builders.png_bytes()), upload(builders.png_bytes(), "b.png"), reference="CA-1")
    assert [a.duplicate_of is None for a in receipt.accepted] == [True, False]
    assert Scan.objects.count() == 1


def test_a_duplicate_in_another_case_is_stored_there_and_links_the_earlier_scan(user: Any, model_version: Any) -> None:
    first = receive(user, upload(builders.png_bytes()), reference="CA-1")
    second = receive(user, upload(builders.png_bytes()), reference="CA-2")
    assert second.accepted[0].scan.case.reference == "CA-2"
    assert second.accepted[0].duplicate_of == first.accepted[0].scan


def test_new_files_do_not_follow_a_duplicate_into_its_case(user: Any) -> None:
    old = receive(user, upload(builders.png_bytes()), reference="CA-1").case
    new = builders.png_bytes(builders.phantom(seed=7))
    receipt = receive(user, upload(builders.png_bytes()), upload(new))
    assert [a.scan.case == old for a in receipt.accepted] == [True, False]
    assert receipt.case == receipt.accepted[1].scan.case


def test_an_image_of_another_person_is_not_a_duplicate(user: Any, other_user: Any, model_version: Any) -> None:
    receive(other_user, upload(builders.png_bytes()))
    assert receive(user, upload(builders.png_bytes())).accepted[0].duplicate_of is None


@pytest.mark.parametrize("state, runs", [("failed", 2), ("canceled", 2), ("done", 1), ("refused", 1), ("running", 1)])
def test_a_duplicate_runs_again_only_if_its_run_failed_or_was_canceled(
    user: Any, model_version: Any, state: str, runs: int
) -> None:
    scan = receive(user, upload(builders.png_bytes())).accepted[0].scan
    Prediction.objects.all().delete()
    PredictionFactory(scan=scan, model_version=model_version, state=state)
    receive(user, upload(builders.png_bytes()))
    assert Prediction.objects.count() == runs


def test_a_duplicate_runs_again_under_a_new_model(user: Any, model_version: Any) -> None:
    receive(user, upload(builders.png_bytes()))
    model_version.active = False
    model_version.save()
    newer = ModelVersionFactory(active=True)
    assert receive(user, upload(builders.png_bytes())).accepted[0].prediction.model_version == newer
    assert (Scan.objects.count(), Prediction.objects.count()) == (1, 2)


def test_files_go_into_the_named_case_of_their_owner(user: Any, other_user: Any) -> None:
    CaseFactory(owner=other_user, reference="CA-1")
    mine = CaseFactory(owner=user, reference="CA-1")
    assert receive(user, upload(builders.png_bytes()), reference=" CA-1 ").accepted[0].scan.case == mine


@pytest.mark.parametrize("reference", ["<script>", "a b", "é", "../x", "x" * 65, "-x"])
def test_a_reference_that_is_not_pseudonymous_is_an_error(user: Any, reference: str) -> None:
    with pytest.raises(ValidationError) as error:
        receive(user, upload(builders.png_bytes()), reference=reference)
    assert "case" in error.value.message_dict


def test_a_failed_insert_leaves_no_file_behind(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("database is gone")

    monkeypatch.setattr(Prediction, "save", fail)
    with pytest.raises(RuntimeError):
        receive(user, upload(builders.png_bytes()))
    assert not Scan.objects.exists()
    folders = default_storage.listdir("scans")[0]
    assert [default_storage.listdir(f"scans/{folder}")[1] for folder in folders] == [[] for _ in folders]


def has_all_files(scan: Scan) -> bool:
    return all(default_storage.exists(str(file.name)) for file in (scan.file, scan.preview, scan.thumbnail))


@pytest.mark.django_db(transaction=True)
def test_a_message_that_cannot_be_made_costs_no_file(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are committed by then, and the sweep sends what was not sent."""

    def fail(*_: Any, **__: Any) -> None:
        raise AttributeError("'NoneType' object has no attribute 'send_command'")

    monkeypatch.setattr(broker, "send", fail)
    receipt = receive(user, upload(builders.png_bytes()))
    assert has_all_files(receipt.accepted[0].scan)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "data", [builders.png_bytes(), builders.dicom_series(1)[0]], ids=["image", "slice of a series"]
)
def test_a_commit_whose_answer_was_lost_costs_no_file(data: bytes, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = connection._commit  # type: ignore[attr-defined]
    lost: list[bool] = []

    def committed() -> None:
        commit()
        if Scan.objects.exists() and not lost:
            lost.append(True)
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", committed)
    with pytest.raises(OperationalError):
        receive(user, upload(data))
    assert has_all_files(Scan.objects.get())


def test_reading_notes_are_kept(user: Any) -> None:
    accepted = receive(user, upload(builders.gif_bytes(frames=3), "a.gif")).accepted[0]
    assert "3 images" in accepted.scan.notes[0]


def test_factories_make_valid_rows(db: None) -> None:
    for state in Prediction.State.values:
        PredictionFactory(state=state, scan=ScanFactory()).full_clean(exclude=["model_version"])


def test_each_file_waits_for_memory_before_it_is_read(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    inside = False
    monkeypatch.setattr(archives, "HEAD", 512)  # tells an archive from a file, and is read before

    class Recorded(MemoryBudget):
        @contextmanager
        def held(self, wanted: int) -> Iterator[None]:
            nonlocal inside
            held.append(wanted)
            inside = True
            yield
            inside = False

    class Watched(SimpleUploadedFile):
        def read(self, *args: Any) -> bytes:
            assert inside or args == (512,)
            return bytes(super().read(*args))

    monkeypatch.setattr(intake, "_memory", Recorded(1))
    files = [builders.png_bytes(builders.phantom(96, seed=seed)) for seed in range(2)]
    receipt = receive(user, *(Watched(f"{n}.png", data) for n, data in enumerate(files)))
    assert len(receipt.accepted) == 2 and not inside
    assert held == [len(data) for data in files]


def trash(row: Any) -> None:
    row.deleted = timezone.now()
    row.save()


@pytest.mark.parametrize("what", ["case", "scan"])
def test_an_image_that_lies_in_the_trash_of_the_case_is_told(what: str, user: Any) -> None:
    [first] = receive(user, upload(builders.png_bytes()), reference="CA-1").accepted
    trash(first.scan if what == "scan" else first.scan.case)
    receipt = receive(user, upload(builders.png_bytes()), reference="CA-1")
    assert [rejected.code for rejected in receipt.rejected] == ["in_trash"]
    assert "CA-1 has this image in the trash" in receipt.rejected[0].detail
    assert Scan.objects.count() == 1


def test_a_case_that_lies_in_the_trash_takes_nothing(user: Any) -> None:
    trash(CaseFactory(owner=user, reference="CA-1"))
    receipt = receive(user, upload(builders.png_bytes()), reference="CA-1")
    assert [rejected.code for rejected in receipt.rejected] == ["case_in_trash"]
    assert not Scan.objects.exists()


def test_an_image_in_the_trash_is_no_duplicate_elsewhere(user: Any) -> None:
    [first] = receive(user, upload(builders.png_bytes()), reference="CA-1").accepted
    trash(first.scan)
    for reference in ("CA-2", ""):
        [again] = receive(user, upload(builders.png_bytes()), reference=reference).accepted
        assert again.scan.case.reference != "CA-1"
    assert receive(user, upload(builders.png_bytes())).accepted[0].duplicate_of == again.duplicate_of
