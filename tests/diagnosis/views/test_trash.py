"""Deleting on a page that asks first, and the trash."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from diagnosis.cases import trash
from diagnosis.models import AuditEvent, Case, Prediction, Review, Scan

Make = Callable[..., Prediction]


@pytest.fixture
def scan(make: Make) -> Scan:
    return make(name="axial.png").scan


def text(response: Any) -> str:
    return str(response.content.decode())


def test_the_page_says_what_goes_and_changes_nothing(as_user: Client, scan: Scan, user: User) -> None:
    at = timezone.now()
    Review.objects.create(
        scan=scan, reader=user, mode="open", state="signed", finding="tumor", pixel_sha256=scan.pixel_sha256,
        committed=at, signed=at, signed_by=user,
    )  # fmt: skip
    body = text(as_user.get(f"/cases/{scan.case_id}/delete/"))
    for part in ("1 scan", "1 result", "1 reading", "1 of them signed", "30 days"):
        assert part in body
    assert "signed" in text(as_user.get(f"/scans/{scan.pk}/delete/"))
    assert Case.objects.get().deleted is None


@pytest.mark.parametrize("kind", ["cases", "scans"])
def test_delete_then_restore(kind: str, as_user: Client, scan: Scan) -> None:
    pk = scan.case_id if kind == "cases" else scan.pk
    response = as_user.post(f"/{kind}/{pk}/delete/", follow=True)
    assert "is in the trash" in text(response)
    assert as_user.get(f"/scans/{scan.pk}/").status_code == 404
    assert as_user.get(f"/scans/{scan.pk}/preview/").status_code == 404
    listed = text(as_user.get(f"/trash/?show={kind}"))
    assert f"/{kind}/{pk}/restore/" in listed and "Deleted by ada" in listed
    assert "is restored" in text(as_user.post(f"/{kind}/{pk}/restore/", follow=True))
    assert as_user.get(f"/scans/{scan.pk}/", follow=True).status_code == 200


def test_the_trash_says_until_when(as_user: Client, scan: Scan, settings: Any) -> None:
    settings.TRASH_DAYS = 10
    trash.delete_case(scan.case, actor=scan.case.owner)
    Case.objects.update(deleted=timezone.now().replace(year=2030, month=1, day=2))
    assert "2030-01-12" in text(as_user.get("/trash/"))


def test_what_the_sites_retention_deleted_is_told(as_user: Client, scan: Scan) -> None:
    trash.delete_case(scan.case, actor=None)
    assert "Deleted by the site" in text(as_user.get("/trash/"))


@pytest.mark.parametrize("kind", ["cases", "scans"])
def test_a_second_click_lands_where_the_first_did(kind: str, as_user: Client, scan: Scan) -> None:
    pk = scan.case_id if kind == "cases" else scan.pk
    for action, said, done in (("delete", "is in the trash", "deleted"), ("restore", "is restored", "restored")):
        first, second = (as_user.post(f"/{kind}/{pk}/{action}/", follow=True) for _ in range(2))
        assert second.redirect_chain == first.redirect_chain
        assert second.status_code == 200 and said in text(second)
        assert AuditEvent.objects.filter(action=f"{kind[:-1]}.{done}").count() == 1


def test_who_may_not_change_a_case_is_not_told_that_it_is_restored(client: Client, scan: Scan, request: Any) -> None:
    for who, status in (("other_user", 404), ("reader", 403)):
        client.force_login(request.getfixturevalue(who))
        for address in (f"/cases/{scan.case_id}/restore/", f"/scans/{scan.pk}/restore/"):
            assert client.post(address).status_code == status


def test_a_stale_tab_is_told(as_user: Client, scan: Scan, user: User) -> None:
    trash.delete_scan(scan, actor=user)
    assert as_user.get(f"/scans/{scan.pk}/delete/").status_code == 404
    Scan.objects.update(deleted=timezone.now() - timedelta(days=1))
    Case.objects.update(deleted=timezone.now())
    assert as_user.post(f"/scans/{scan.pk}/restore/").status_code == 404


@pytest.mark.parametrize(("who", "status"), [("other_user", 404), ("reader", 403)])
def test_users_without_permission(who: str, status: int, client: Client, scan: Scan, user: User, request: Any) -> None:
    client.force_login(request.getfixturevalue(who))
    for address in (f"/cases/{scan.case_id}/delete/", f"/scans/{scan.pk}/delete/"):
        assert client.get(address).status_code == client.post(address).status_code == status
    trash.delete_scan(scan, actor=user)
    assert client.post(f"/scans/{scan.pk}/restore/").status_code == 404
    trash.delete_case(scan.case, actor=user)
    assert client.post(f"/cases/{scan.case_id}/restore/").status_code == 404
    assert "No cases in the trash" in text(client.get("/trash/"))


def test_forms_need_their_token(scan: Scan, user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post(f"/cases/{scan.case_id}/delete/").status_code == 403
    assert client.get(f"/cases/{scan.case_id}/restore/").status_code == 405


@pytest.mark.parametrize("kind", ["cases", "scans"])
def test_a_long_trash_is_turned_page_by_page(
    kind: str, as_user: Client, make: Make, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnosis.views.trash.ROWS_A_PAGE", 2)
    scans = [make().scan for _ in range(3)]
    for scan in scans:
        if kind == "cases":
            trash.delete_case(scan.case, actor=user)
        else:
            trash.delete_scan(scan, actor=user)
    deleted = [scan.case_id if kind == "cases" else scan.pk for scan in reversed(scans)]
    first = as_user.get("/trash/", {"show": kind}).context
    second = as_user.get("/trash/", {"show": kind, "after": first["page"].next_cursor}).context
    assert [[row.pk for row, _ in context["rows"]] for context in (first, second)] == [deleted[:2], deleted[2:]]
    assert (first["page"].previous_cursor, second["page"].next_cursor) == ("", "")


def test_a_page_whose_rows_have_left_is_not_called_empty(
    as_user: Client, make: Make, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnosis.views.trash.ROWS_A_PAGE", 2)
    cases = [make().scan.case for _ in range(3)]
    for case in cases:
        trash.delete_case(case, actor=user)
    cursor = as_user.get("/trash/").context["page"].next_cursor
    as_user.post(f"/cases/{cases[0].pk}/restore/")
    response = as_user.get("/trash/", {"after": cursor})
    assert [row.pk for row, _ in response.context["rows"]] == [cases[2].pk, cases[1].pk]
    assert "No cases in the trash" not in text(response)


def test_the_trash_costs_the_same_whatever_its_length(
    as_user: Client, make: Make, user: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(60):
        make()
    for case in Case.objects.all():
        trash.delete_case(case, actor=user)
    with django_assert_max_num_queries(9):
        as_user.get("/trash/")
