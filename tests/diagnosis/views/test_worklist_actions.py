"""What people do on the worklist: bulk actions, saved views, page size, assigning a case. All work as plain forms."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client

from diagnosis.access import sharing
from diagnosis.access.sharing import Assignee
from diagnosis.models import Assignment, Case, Prediction, SavedView
from tests.factories import CaseFactory

Make = Callable[..., Prediction]


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_bulk_action_says_what_was_done_and_what_was_not(
    as_user: Client, make: Make, model_version: Any, other_user: User
) -> None:
    failed = make(name="failed.png", state="failed", model_version=model_version)
    done, hidden = make(name="done.png"), make(owner=other_user, name="hidden.png")
    body = {"action": "retry", "id": [failed.pk, done.pk, hidden.pk, "x"], "next": "/history/?sort=case"}
    response = as_user.post("/history/bulk/", body)
    assert response.headers["Location"] == "/history/?sort=case"
    assert said(response) == [
        "1 scan queued again.",
        "1 scan not queued again. There is no such scan, or you may not see it.",
        "1 scan not queued again: done.png."
        " Only a failed or canceled run whose scan has no other result can be retried.",
    ]


def test_many_that_were_left_are_named_in_part(as_user: Client, make: Make) -> None:
    ids = [make(name=f"{n}.png").pk for n in range(8)]
    response = as_user.post("/history/bulk/", {"action": "cancel", "id": ids, "next": "//elsewhere.example/"})
    [text] = said(response)
    assert response.headers["Location"] == "/history/" and text.startswith("8 scans not canceled: 0.png, 1.png, ")
    assert " and 3 more. " in text


def test_a_bulk_action_on_nothing_says_so(as_user: Client) -> None:
    for action in ("retry", "export-csv", "nonsense"):
        assert said(as_user.post("/history/bulk/", {"action": action}))
    assert as_user.get("/history/bulk/").status_code == 405


def test_the_selected_rows_are_exported_in_the_order_of_their_list(
    as_user: Client, make: Make, other_user: User
) -> None:
    rows = [make(name=name) for name in ("b.png", "a.png", "c.png")]
    hidden = make(owner=other_user, name="hidden.png")
    ids = [rows[0].pk, rows[1].pk, hidden.pk]
    answer: Any = as_user.post("/history/bulk/", {"action": "export-csv", "id": ids, "list": "sort=scan"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert [row["scan"] for row in csv.DictReader(io.StringIO(text))] == ["a.png", "b.png"]


def test_views_are_saved_shown_renamed_and_deleted(as_user: Client, make: Make, other_user: User) -> None:
    make(name="a.png")
    make(name="b.png", state="failed")
    saved = as_user.post("/history/views/", {"name": "Broken", "query": "state=failed&sort=case"})
    assert saved.headers["Location"] == "/history/?state=failed&sort=case"
    [tab] = as_user.get(saved.headers["Location"]).context["tabs"].saved
    assert (tab.label, tab.count, tab.current) == ("Broken", 1, True)
    [tab] = as_user.get("/history/").context["tabs"].saved
    assert not tab.current
    address = f"/history/views/{tab.view.pk}/"
    as_user.post(address, {"name": "Defects"})
    assert SavedView.objects.get().name == "Defects"
    assert said(as_user.post("/history/views/", {"name": "Defects", "query": ""})) == [
        "You have a view called Defects already."
    ]
    stranger = Client()
    stranger.force_login(other_user)
    assert stranger.post(address, {"delete": "yes"}).status_code == 404
    as_user.post(address, {"delete": "yes"})
    assert not SavedView.objects.exists()


def test_the_page_size_is_remembered(as_user: Client, make: Make) -> None:
    as_user.post("/history/rows/", {"size": "50"})
    assert (50, True) in as_user.get("/history/").context["page_sizes"]
    assert said(as_user.post("/history/rows/", {"size": "7"})) == ["A page has 25, 50 or 100 rows."]


@pytest.fixture
def case(user: User) -> Case:
    case: Case = CaseFactory(owner=user)
    return case


def test_the_owner_assigns_a_case_and_withdraws_it(
    as_user: Client, client: Client, case: Case, other_user: User
) -> None:
    assert as_user.post(f"/cases/{case.pk}/assign/", {"user": "grace"}).headers["Location"] == f"/cases/{case.pk}/"
    body = as_user.get(f"/cases/{case.pk}/").content.decode()
    made = Assignment.objects.get()
    assert "Withdraw it from grace" in body
    client.force_login(other_user)
    body = client.get(f"/cases/{case.pk}/").content.decode()
    assert "Give back" in body and "assign-user" not in body
    assert client.post(f"/cases/{case.pk}/assign/", {"group": "reader"}).status_code == 403
    assert client.post(f"/cases/{case.pk}/assign/{made.pk}/").headers["Location"] == "/history/"
    assert client.get(f"/cases/{case.pk}/").status_code == 404


def test_an_unknown_name_is_told(as_user: Client, case: Case) -> None:
    assert said(as_user.post(f"/cases/{case.pk}/assign/", {"user": "nobody"})) == [
        "There is no active user called nobody."
    ]


def test_only_its_own_case_leads_to_an_assignment(as_user: Client, case: Case, user: User, other_user: User) -> None:
    elsewhere = CaseFactory(owner=user)
    made = sharing.assign(elsewhere, to=Assignee(user=other_user), actor=user)
    assert as_user.post(f"/cases/{case.pk}/assign/{made.pk}/").status_code == 404
    assert Assignment.objects.exists()
