"""Two scans of a case side by side."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from diagnosis import intake
from diagnosis.models import AuditEvent, ModelVersion, Prediction, Slice
from diagnosis.models.prediction import State
from diagnosis.presentation import stack_center
from tests.builders import dicom_bytes, dicom_series, phantom
from tests.diagnosis.visibility import assert_visible
from tests.factories import CaseFactory

Make = Callable[..., Prediction]


@pytest.fixture
def three(make: Make, user: User) -> list[Prediction]:
    case = CaseFactory(owner=user)
    return [make(case=case, name=f"{name}.png") for name in ("first", "second", "third")]


def shown(client: Client, address: str) -> list[str]:
    return [one.scan.name for one in client.get(address).context["pair"]]


def address(rows: list[Prediction], **query: int) -> str:
    asked = "&".join(f"{name}={rows[index].scan_id}" for name, index in query.items())
    return f"/cases/{rows[0].scan.case_id}/compare/?{asked}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"a": 0, "b": 2}, ["first", "third"]),
        ({"a": 2, "b": 0}, ["third", "first"]),
        ({"a": 2}, ["third", "second"]),
        ({"a": 0}, ["first", "second"]),
        ({"b": 1}, ["third", "second"]),
        ({"b": 2}, ["second", "third"]),
        ({"a": 1, "b": 1}, ["second", "second"]),
        ({}, ["second", "third"]),
    ],
)
def test_which_scans_are_shown(
    as_user: Client, three: list[Prediction], query: dict[str, int], expected: list[str]
) -> None:
    assert shown(as_user, address(three, **query)) == [f"{name}.png" for name in expected]


def test_each_has_a_viewer_and_viewing_is_audited(as_user: Client, three: list[Prediction], user: User) -> None:
    body = as_user.get(address(three, a=0, b=2)).content.decode()
    for one in (three[0], three[2]):
        assert f'data-viewer="/predictions/{one.pk}/slices/"' in body
    viewed = AuditEvent.objects.filter(action="result.viewed", actor=user.username)
    assert {event.target_id for event in viewed} == {str(three[0].pk), str(three[2].pk)}


def test_case_and_result_lead_to_it(as_user: Client, three: list[Prediction], make: Make) -> None:
    place = f"/cases/{three[0].scan.case_id}/compare/"
    assert f'href="{place}"' in as_user.get(three[0].scan.case.get_absolute_url()).content.decode()
    assert f'href="{place}?a={three[1].scan_id}"' in as_user.get(three[1].get_absolute_url()).content.decode()
    alone = make(case=CaseFactory(owner=three[0].scan.case.owner))
    for page in (alone.get_absolute_url(), alone.scan.case.get_absolute_url()):
        assert "/compare/" not in as_user.get(page).content.decode()
    assert "fewer than two scans" in as_user.get(f"/cases/{alone.scan.case_id}/compare/").content.decode()


def test_scans_of_other_cases_are_not_found(as_user: Client, three: list[Prediction], make: Make) -> None:
    other = make(case=CaseFactory(owner=three[0].scan.case.owner))
    for asked in (str(other.scan_id), "0", "x", "9" * 30):
        assert as_user.get(f"/cases/{three[0].scan.case_id}/compare/?a={asked}").status_code == 404


def test_scans_of_a_visible_case_can_be_compared(
    client: Client, three: list[Prediction], user: User, other_user: User, reader: User
) -> None:
    assert_visible(client, address(three, a=0, b=1), to=(user, reader), not_to=other_user)


def test_it_costs_the_same_for_many_scans(
    as_user: Client, make: Make, user: User, django_assert_max_num_queries: Any
) -> None:
    for count in (2, 12):
        case = CaseFactory(owner=user)
        for _ in range(count):
            make(case=case, state=State.FAILED)
        with django_assert_max_num_queries(6):
            assert as_user.get(f"/cases/{case.pk}/compare/").status_code == 200


def test_the_page_tells_where_the_middles_of_slices_lie(
    as_user: Client, user: User, model_version: ModelVersion, make: Make
) -> None:
    tags: dict[str, Any] = {"ImageOrientationPatient": [0, 0.8, 0.6, 1, 0, 0]}
    data = [
        dicom_bytes(phantom(96, seed=at)[:, :80], SeriesInstanceUID="1.2.3", ImagePositionPatient=[0, 0, 5 * at],
                    PixelSpacing=[2, 1], **tags)
        for at in range(2)
    ]  # fmt: skip
    uploads = [SimpleUploadedFile(f"IM{at}", one) for at, one in enumerate(data)]
    prediction = intake.receive(user=user, files=uploads).accepted[0].prediction
    other = make(case=prediction.scan.case, name="other.png")
    page = as_user.get(address([prediction, other], a=0, b=1)).content.decode()
    assert page.count("data-center=") == 1
    # 79 columns to the back and the head, 95 rows of 2 mm to the left
    assert 'data-center="[95.0, 31.6, 23.7]"' in page


def test_a_stack_whose_file_is_missing_or_damaged_has_no_middle(
    user: User, model_version: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    data = dicom_series(2)
    uploads = [SimpleUploadedFile(f"IM{at}", one) for at, one in enumerate(data)]
    scan = intake.receive(user=user, files=uploads).accepted[0].scan
    assert stack_center.of_scan(scan) == [47.5, 47.5, 0]
    row = Slice.objects.filter(scan=scan).first()
    assert row is not None and row.file.name is not None
    with row.file.storage.open(row.file.name, "wb") as stored:
        stored.write(data[0][: data[0].index(b"\xe0\x7f\x10\x00") + 10])  # cut off within the length of PixelData
    assert stack_center.of_scan(scan) is None
    assert "a stored file cannot be read" in caplog.text
    row.file.delete(save=False)
    assert stack_center.of_scan(scan) is None
