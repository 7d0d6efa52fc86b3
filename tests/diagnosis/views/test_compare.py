"""Two scans of a case side by side."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import AuditEvent, Prediction
from diagnosis.models.prediction import State
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
