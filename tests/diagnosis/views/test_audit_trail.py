"""The page of the audit trail, its export, and the same over the API."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from diagnosis.access import audit, audit_chain
from diagnosis.models import AuditEvent

pytestmark = pytest.mark.django_db
ADDRESSES = ("/audit/", "/audit/export/", "/api/v1/audit/")


@pytest.fixture
def as_admin(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


@pytest.mark.parametrize("address", ADDRESSES)
def test_users_without_permission_get_403(address: str, as_user: Client, reader: User, client: Client) -> None:
    assert as_user.get(address).status_code == 403
    client.force_login(reader)
    assert client.get(address).status_code == 403


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_changed_by_it(address: str, as_admin: Client) -> None:
    for verb in ("post", "put", "patch", "delete"):
        assert getattr(as_admin, verb)(address).status_code == 405


def test_the_page_lists_and_filters(as_admin: Client, user: User) -> None:
    audit.record("case.opened", actor=user, note="<script>")
    audit.record("case.closed")
    page = as_admin.get("/audit/?actor=ada").content.decode()
    assert "case.opened" in page and "case.closed" not in page
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "No matching events" in as_admin.get("/audit/?actor=nobody").content.decode()


def test_reading_it_is_an_event(as_admin: Client) -> None:
    as_admin.get("/audit/?actor=ada")
    as_admin.head("/audit/")
    [event] = AuditEvent.objects.filter(action="audit.viewed")
    assert (event.actor, event.details) == ("root", {"filters": {"actor": "ada"}})


def test_a_filter_that_cannot_be_read_says_so(as_admin: Client) -> None:
    audit.record("case.opened")
    page = as_admin.get("/audit/?at_after=never")
    assert (page.status_code, "Enter a valid date." in page.content.decode()) == (200, True)
    assert as_admin.get("/audit/export/?at_after=never").status_code == 400
    assert as_admin.get("/api/v1/audit/?at_after=never").status_code == 400


def test_pages_follow_each_other_in_few_queries(as_admin: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(120):
        audit.record("case.opened", number=number)
    with django_assert_max_num_queries(9):
        first = as_admin.get("/audit/")
    rows = list(first.context["page"])
    following = list(as_admin.get(f"/audit/?after={first.context['page'].next_cursor}").context["page"])
    assert [row.details.get("number") for row in (*rows, *following)][:120] == [*range(119, 19, -1)]


def test_the_export_is_safe_and_whole(as_admin: Client, user: User) -> None:
    user.username = "=HYPERLINK(1)"
    audit.record("case.opened", actor=user, target=user, note="ä")
    audit_chain.seal()
    answer = as_admin.get("/audit/export/?bom=false")
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    [row] = [row for row in rows if row["action"] == "case.opened"]
    event = AuditEvent.objects.get(action="case.opened")
    assert (row["actor"], row["target"]) == ("'=HYPERLINK(1)", "'=HYPERLINK(1)")
    assert (row["details"], row["position"], row["hash"]) == ('{"note": "ä"}', str(event.position), event.hash)
    assert AuditEvent.objects.filter(action="audit.exported", actor="root").count() == 1
    assert "audit.exported" not in [row["action"] for row in rows]  # the file ends before itself


def test_the_api_gives_the_same(as_admin: Client, user: User) -> None:
    event = audit.record("case.opened", actor=user, target=user)
    [row] = as_admin.get("/api/v1/audit/?action=case").json()["results"]
    assert (row["id"], row["actor"], row["target_type"], row["position"]) == (event.pk, "ada", "user", None)
    assert as_admin.get(row["url"]).json()["action"] == "case.opened"


def test_the_menu_offers_it_to_those_who_may(as_admin: Client, user: User) -> None:
    assert reverse("audit") in as_admin.get("/history/").content.decode()
    as_admin.force_login(user)
    assert reverse("audit") not in as_admin.get("/history/").content.decode()
