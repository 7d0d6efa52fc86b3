"""The audit trail in the admin: read by those who may, changed by nobody."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from diagnosis.access import audit
from diagnosis.admin.base import Listed
from diagnosis.models import AuditEvent, ReadingPolicy
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/diagnosis/auditevent/"


@pytest.fixture
def event(user: User) -> AuditEvent:
    return audit.record("case.opened", actor=user, target=CaseFactory(reference="CASE-77"), note="<b>seen</b>")


def test_a_superuser_can_neither_add_change_nor_delete(as_admin: Client, event: AuditEvent) -> None:
    before = AuditEvent.objects.values().get(pk=event.pk)
    assert as_admin.get(f"{LIST}add/").status_code == 403
    assert as_admin.post(f"{LIST}add/", {"action": "x.y"}).status_code == 403
    assert as_admin.post(f"{LIST}{event.pk}/change/", {"actor": "mallory", "action": "x.y"}).status_code == 403
    assert as_admin.post(f"{LIST}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    as_admin.post(LIST, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    as_admin.post(
        LIST, {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": event.pk, "form-0-actor": "mallory"}
    )
    assert AuditEvent.objects.values().get(pk=event.pk) == before
    assert not AuditEvent.objects.filter(action="x.y").exists()


def test_even_with_every_permission_staff_cannot_change_it(as_staff: Callable[..., Client], event: AuditEvent) -> None:
    client = as_staff("view_auditevent", "add_auditevent", "change_auditevent", "delete_auditevent")
    assert client.get(f"{LIST}{event.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{event.pk}/change/", {"actor": "mallory"}).status_code == 403
    assert client.post(f"{LIST}{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_it_is_found_by_person_object_action_and_date(as_admin: Client, event: AuditEvent) -> None:
    audit.record("scan.uploaded")
    for query in ({"q": "ada"}, {"q": "CASE-77"}, {"action": "case.opened", "at__gte": "2000-01-01 00:00:00+00:00"}):
        rows = as_admin.get(LIST, query).context["cl"].queryset
        assert [row.pk for row in rows] == [event.pk], query


def test_details_are_shown_escaped(as_admin: Client, event: AuditEvent) -> None:
    page = as_admin.get(f"{LIST}{event.pk}/change/").content.decode()
    assert "&lt;b&gt;seen" in page


def test_the_number_of_queries_does_not_grow(
    as_admin: Client, event: AuditEvent, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        audit.record("case.opened")
    with django_assert_max_num_queries(12):
        as_admin.get(LIST)


@pytest.mark.parametrize("count", [1, 2])
def test_each_row_that_is_deleted_in_the_admin_leaves_one_here(as_admin: Client, count: int) -> None:
    policies = [ReadingPolicy.objects.create(group=Group.objects.create(name=f"study {n}")) for n in range(count)]
    ids = [row.pk for row in policies]
    chosen = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    as_admin.post("/admin/diagnosis/readingpolicy/", chosen)
    assert not ReadingPolicy.objects.exists()
    rows = AuditEvent.objects.filter(action="admin.deleted", actor="root").order_by("pk")
    assert sorted(row.details["object_id"] for row in rows) == ids


def test_all_pages_share_what_audits_deletions() -> None:
    assert [model for model, page in admin.site._registry.items() if not isinstance(page, Listed)] == []
