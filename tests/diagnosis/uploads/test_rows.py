"""Writes of the upload list: each file has its row once, whatever happens to its page, its answer or its session."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from diagnosis import intake
from diagnosis.models import AuditEvent, Prediction, UploadPreview, UploadRow
from diagnosis.models.prediction import State
from diagnosis.models.upload_row import UploadState
from diagnosis.uploads import rows
from diagnosis.uploads.rows import Announced
from tests import builders

pytestmark = pytest.mark.django_db


def send(user: User, *files: tuple[str, bytes], key: uuid.UUID | None = None, **options: Any) -> list[UploadRow]:
    """Send files in one upload and record it; the rows that show it."""
    uploads = [SimpleUploadedFile(name, content) for name, content in files]
    receipt = intake.receive(user=user, files=uploads, reference="CA-1", images=60, **options)
    return rows.record(user, key=key or uuid.uuid4(), file_name=files[0][0], reference="CA-1", receipt=receipt)


def image(seed: int = 0) -> bytes:
    return builders.png_bytes(builders.phantom(96, seed=seed))


def states(user: User) -> list[tuple[str, str]]:
    return [(row.name, row.state) for row in UploadRow.objects.filter(user=user)]


def test_announced_files_are_listed_in_their_order_before_they_arrive(user: User) -> None:
    rows.announce(user, files=[Announced(uuid.uuid4(), f"{n}.png", 10) for n in range(3)], reference="CA-1")
    assert states(user) == [(f"{n}.png", "waiting") for n in range(3)]
    assert {row.reference for row in UploadRow.objects.all()} == {"CA-1"}


def test_a_file_that_arrives_takes_the_row_that_announced_it(user: User) -> None:
    keys = [uuid.uuid4() for _ in range(3)]
    rows.announce(user, files=[Announced(key, f"{n}.png", 10) for n, key in enumerate(keys)], reference="CA-1")
    [row] = send(user, ("1.png", image()), key=keys[1])
    assert (row.state, row.prediction, row.size) == (UploadState.TAKEN, Prediction.objects.get(), 10)
    assert states(user) == [("0.png", "waiting"), ("1.png", "taken"), ("2.png", "waiting")]


def test_an_announcement_that_comes_late_or_twice_changes_nothing(user: User) -> None:
    key = uuid.uuid4()
    send(user, ("a.png", image()), key=key)
    for _ in range(2):
        rows.announce(user, files=[Announced(key, "a.png", 10)], reference="CA-1")
    assert states(user) == [("a.png", "taken")]


def test_a_file_whose_answer_was_lost_ends_as_it_did_the_first_time(user: User) -> None:
    key = uuid.uuid4()
    send(user, ("a.png", image()), key=key)
    [row] = send(user, ("a.png", image()), key=key)
    assert row.state == UploadState.TAKEN
    assert UploadRow.objects.count() == Prediction.objects.count() == 1


def test_a_repeated_image_is_known_and_not_refused(user: User) -> None:
    send(user, ("a.png", image()))
    [row] = send(user, ("b.png", image()))
    assert (row.state, row.code, row.detail) == (UploadState.KNOWN, "", "")
    assert row.prediction == Prediction.objects.get()


def test_a_file_chosen_again_later_moves_up_instead_of_standing_twice(user: User) -> None:
    [before] = send(user, ("a.png", image()))
    send(user, ("b.png", image(1)))
    key = uuid.uuid4()
    [row] = send(user, ("a.png", image()), key=key)
    assert states(user) == [("a.png", "known"), ("b.png", "taken")]
    assert UploadRow.objects.first() == row == before, "an open page finds the row that it shows"
    assert row.key == key != before.key


def test_a_refused_file_keeps_its_reason(user: User) -> None:
    [row] = send(user, ("notes.txt", builders.TEXT))
    assert (row.state, row.code) == (UploadState.REFUSED, "text")
    assert "this is text" in row.detail


def test_an_archive_is_a_row_for_each_of_its_files(user: User) -> None:
    archive = builders.zipped({"a.png": image(), "b.png": image(1), "n.txt": builders.TEXT})
    send(user, ("study.zip", archive))
    assert states(user) == [("a.png", "taken"), ("b.png", "taken"), ("n.txt", "refused")]
    assert {row.file_name for row in UploadRow.objects.all()} == {"study.zip"}


def test_the_slices_of_a_series_share_a_row(user: User) -> None:
    moment, keys = timezone.now(), [uuid.uuid4() for _ in range(3)]
    rows.announce(user, files=[Announced(key, f"IM{n}", 10) for n, key in enumerate(keys)], reference="CA-1")
    UploadRow.objects.update(created=moment)
    found = [send(user, (f"IM{n}", content), key=keys[n])[0].pk for n, content in enumerate(builders.dicom_series(3))]
    assert len(set(found)) == 1
    [row] = UploadRow.objects.all()
    assert row.prediction is not None and row.prediction.scan.frames == 3


LETTERED = builders.dicom_series(2, BurnedInAnnotation="YES")


def test_a_question_keeps_its_image_until_it_is_answered(user: User) -> None:
    key = uuid.uuid4()
    archive = builders.zipped({f"IM{n}": content for n, content in enumerate(LETTERED)})
    asking = send(user, ("study.zip", archive), key=key)
    assert [row.code for row in asking] == ["lettering"] * 2
    assert all(bytes(one.data).startswith(b"\xff\xd8\xff") for one in UploadPreview.objects.all())
    assert UploadPreview.objects.count() == 2

    looked_at = rows.confirmed(user, ids=[asking[0].pk])
    ended = send(user, ("study.zip", archive), key=key, confirmed=looked_at)
    assert [(row.state, row.name) for row in ended] == [("taken", "IM0"), ("refused", "IM1")]
    assert [one.row for one in UploadPreview.objects.all()] == [ended[1]]
    event = AuditEvent.objects.get(action="scan.uploaded")
    assert event.details["confirmed_without_names"] is True

    rows.dismiss(user, ids=[ended[1].pk])
    assert not UploadPreview.objects.exists()


def test_an_image_that_was_taken_off_the_list_is_not_asked_about_again(user: User) -> None:
    key = uuid.uuid4()
    archive = builders.zipped({f"IM{n}": content for n, content in enumerate(LETTERED)})
    first, second = send(user, ("study.zip", archive), key=key)
    rows.dismiss(user, ids=[second.pk])
    send(user, ("study.zip", archive), key=key, confirmed=rows.confirmed(user, ids=[first.pk]))
    assert states(user) == [("IM0", "taken")]


def test_each_of_several_files_in_one_request_may_be_sent_again_alone(user: User) -> None:
    uploads = [SimpleUploadedFile(f"IM{n}", content) for n, content in enumerate(LETTERED)]
    receipt = intake.receive(user=user, files=uploads, reference="CA-1", images=60)
    first, _ = rows.record(user, key=uuid.uuid4(), file_name="", reference="CA-1", receipt=receipt)
    send(user, ("IM0", LETTERED[0]), key=first.key, confirmed=rows.confirmed(user, ids=[first.pk]))
    assert states(user) == [("IM0", "taken"), ("IM1", "refused")]


def test_answers_of_other_users_do_not_count(user: User, other_user: User) -> None:
    [row] = send(user, ("IM", LETTERED[0]))
    assert rows.confirmed(other_user, ids=[row.pk]) == frozenset()
    assert rows.confirmed(user, ids=[row.pk]) == {row.sha256}


def test_rows_are_dismissed_by_id_by_key_and_when_finished(user: User, other_user: User) -> None:
    first, second, third = (send(user, (f"{n}.png", image(n)))[0] for n in range(3))
    assert rows.dismiss(other_user, ids=[first.pk], keys=[first.key], finished=True) == 0
    assert rows.dismiss(user, ids=[first.pk]) == 1
    assert rows.dismiss(user, keys=[second.key]) == 1
    assert rows.dismiss(user, finished=True) == 0, "its prediction is still queued"
    assert third.prediction_id is not None
    Prediction.objects.filter(pk=third.prediction_id).update(state=State.CANCELED, finished=timezone.now())
    assert rows.dismiss(user, finished=True) == 1
    assert not AuditEvent.objects.filter(action__startswith="upload").exists()


def test_a_row_outlives_its_scan(user: User) -> None:
    [row] = send(user, ("a.png", image()))
    Prediction.objects.all().delete()
    row.refresh_from_db()
    assert (row.state, row.prediction) == (UploadState.TAKEN, None)


def test_a_full_list_drops_its_oldest_rows(user: User, other_user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROWS", 3)
    rows.announce(other_user, files=[Announced(uuid.uuid4(), "other", 1)], reference="")
    rows.announce(user, files=[Announced(uuid.uuid4(), f"old {n}", 1) for n in range(3)], reference="")
    rows.announce(user, files=[Announced(uuid.uuid4(), f"new {n}", 1) for n in range(2)], reference="")
    assert [name for name, _ in states(user)] == ["new 0", "new 1", "old 2"]
    assert states(other_user) == [("other", "waiting")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "lost"},
        {"state": "refused"},
        {"state": "refused", "code": "text"},
        {"state": "taken", "code": "text", "detail": "This is text."},
    ],
)
def test_the_database_refuses_a_row_that_makes_no_sense(user: User, wrong: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        UploadRow.objects.create(user=user, key=uuid.uuid4(), **wrong)


def test_the_database_refuses_a_second_row_of_a_part(user: User) -> None:
    key = uuid.uuid4()
    UploadRow.objects.create(user=user, key=key)
    with pytest.raises(IntegrityError), transaction.atomic():
        UploadRow.objects.create(user=user, key=key)
