"""Changes of a case by its page, and what was done with it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.access import audit
from diagnosis.cases import moving, notes, trash
from diagnosis.models import AuditEvent, Case, CaseNote, Prediction, Scan
from tests.factories import CaseFactory

Make = Callable[..., Prediction]


@pytest.fixture
def case(user: User) -> Case:
    made: Case = CaseFactory(owner=user, reference="CA-1")
    return made


@pytest.fixture
def scan(make: Make, case: Case) -> Scan:
    return make(case=case, name="axial.png").scan


def text(response: Any) -> str:
    return str(response.content.decode())


def test_rename_and_label(as_user: Client, case: Case) -> None:
    body = text(as_user.post(f"/cases/{case.pk}/edit/", {"reference": "CA-2", "labels": "Teaching, b"}, follow=True))
    assert "<h1>CA-2</h1>" in body and "?label=teaching" in body
    assert 'value="b, teaching"' in text(as_user.get(f"/cases/{case.pk}/edit/"))
    assert "CA-2" in text(as_user.get("/cases/?label=teaching"))
    assert "No case" in text(as_user.get("/cases/?label=other"))


@pytest.mark.parametrize("field", ["reference", "labels"])
def test_a_stale_tab_changes_only_what_was_typed_there(field: str, as_user: Client, user: User, case: Case) -> None:
    address = f"/cases/{case.pk}/edit/"
    form = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', text(as_user.get(address))))
    notes.change(case, actor=user, reference="CA-2", labels=["teaching"])
    typed = {"reference": "CA-3", "labels": "follow up"}[field]
    assert as_user.post(address, form | {field: typed}).status_code == 302
    case.refresh_from_db()
    found = {"reference": case.reference, "labels": case.labels.get().text}
    assert found == {"reference": "CA-2", "labels": "teaching"} | {field: typed}


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"reference": "a b", "labels": "x"}, "reference"), ({"reference": "CA-5", "labels": "<"}, "labels")],
)
def test_a_refused_change_keeps_what_was_sent(sent: dict[str, str], field: str, as_user: Client, case: Case) -> None:
    response = as_user.post(f"/cases/{case.pk}/edit/", sent)
    assert response.status_code == 400
    assert response.context[f"{field}_error"] and response.context[field] == sent[field]
    case.refresh_from_db()
    assert case.reference == "CA-1"


def test_notes_are_listed_newest_first_and_escaped(as_user: Client, case: Case) -> None:
    for words in ("first", "<b>second</b>"):
        assert as_user.post(f"/cases/{case.pk}/notes/", {"text": words}).status_code == 302
    body = text(as_user.get(f"/cases/{case.pk}/"))
    assert body.index("&lt;b&gt;second") < body.index("first")


def test_a_note_that_is_too_long_is_not_lost(as_user: Client, case: Case) -> None:
    response = as_user.post(f"/cases/{case.pk}/notes/", {"text": "x" * 4001})
    assert response.status_code == 400
    assert "x" * 4001 in text(response) and "4,001" in text(response)
    assert not CaseNote.objects.exists()


def test_move(as_user: Client, case: Case, scan: Scan) -> None:
    url = f"/scans/{scan.pk}/move/"
    refused = as_user.post(url, {"case": "CA-9"})
    assert refused.status_code == 400 and "ada has no case CA-9" in text(refused)
    response = as_user.post(url, {"case": "CA-9", "open": "on"}, follow=True)
    assert "<h1>CA-9</h1>" in text(response) and "axial.png is in the case CA-9 now" in text(response)
    assert '<option value="CA-1">' in text(as_user.get(url))


@pytest.mark.parametrize(("who", "status"), [("other_user", 404), ("reader", 403)])
def test_users_without_permission(who: str, status: int, client: Client, case: Case, scan: Scan, request: Any) -> None:
    client.force_login(request.getfixturevalue(who))
    for address in (f"/cases/{case.pk}/edit/", f"/scans/{scan.pk}/move/"):
        assert client.get(address).status_code == client.post(address, {"case": "X"}).status_code == status
    note = client.post(f"/cases/{case.pk}/notes/", {"text": "hello"})
    assert note.status_code == (302 if who == "reader" else 404)
    assert client.get(f"/cases/{case.pk}/activity/").status_code == (200 if who == "reader" else 404)


def test_the_page_offers_changes_to_those_who_may(client: Client, case: Case, scan: Scan, reader: User) -> None:
    for person, offered in ((case.owner, True), (reader, False)):
        client.force_login(person)
        body = text(client.get(f"/cases/{case.pk}/"))
        for address in (f"/cases/{case.pk}/delete/", f"/scans/{scan.pk}/move/", f"/cases/{case.pk}/edit/"):
            assert (address in body) is offered


def test_activity_names_who_did_what(as_user: Client, case: Case, scan: Scan, user: User, other_user: User) -> None:
    run = scan.predictions.get()
    audit.record("scan.uploaded", actor=user, target=scan)
    audit.record("prediction.reopened", actor=user, target=run, outcome="tumor", tumor_probability=0.931)
    audit.record("result.viewed", actor=user, target=run)
    audit.record("case.assigned", actor=user, target=case, to="grace")
    audit.record("scan.uploaded", actor=other_user, target=CaseFactory(owner=other_user))
    entries = as_user.get(f"/cases/{case.pk}/activity/").context["entries"]
    assert [(e.actor, e.text, e.name) for e in entries] == [
        ("ada", "assigned the case to grace", ""),
        ("ada", "added slices, so that it is judged again, to", "axial.png"),
        ("ada", "uploaded", "axial.png"),
    ]
    shown = re.sub(r"<[^>]+>", "", text(as_user.get(f"/cases/{case.pk}/activity/")))
    assert "931" not in shown  # no result on a page that is not blinded


def test_of_a_scan_in_the_trash_only_how_it_came_there(as_user: Client, case: Case, scan: Scan, user: User) -> None:
    audit.record("scan.uploaded", actor=user, target=scan)
    audit.record("prediction.retried", actor=user, target=scan.predictions.get())
    trash.delete_scan(scan, actor=user)
    [entry] = as_user.get(f"/cases/{case.pk}/activity/").context["entries"]
    assert (entry.text, entry.name, entry.scan) == ("moved to the trash", "axial.png", None)
    trash.restore_scan(scan, actor=user)
    assert len(as_user.get(f"/cases/{case.pk}/activity/").context["entries"]) == 4


def test_old_rows_without_details_and_new_actions_are_sentences_too(as_user: Client, case: Case) -> None:
    audit.record("case.renamed", target=case)
    audit.record("case.turned_over", target=case)
    texts = [entry.text for entry in as_user.get(f"/cases/{case.pk}/activity/").context["entries"]]
    assert texts == ["turned over (case)", "renamed the case"]


def test_activity_names_no_case_that_the_person_may_not_see(
    client: Client, scan: Scan, user: User, other_user: User, admin: User, reader: User
) -> None:
    second, theirs = CaseFactory(owner=user, reference="CA-2"), CaseFactory(owner=other_user, reference="CA-3")
    moving.move(scan, to=second, actor=user)
    moving.move(scan, to=theirs, actor=admin)
    shown = {}
    for person in (other_user, reader):
        client.force_login(person)
        entries = client.get(f"/cases/{theirs.pk}/activity/").context["entries"]
        shown[person] = [entry.text for entry in entries]
    assert shown[other_user] == ["moved from another case to CA-3", "moved from another case to another case"]
    assert shown[reader] == ["moved from CA-2 to CA-3", "moved from CA-1 to CA-2"]


@pytest.mark.parametrize("count", [2, 120])
def test_activity_costs_the_same_whatever_its_length(
    as_user: Client, make: Make, case: Case, user: User, count: int, django_assert_max_num_queries: Any
) -> None:
    run = make(case=case)
    for _ in range(count):
        audit.record("prediction.retried", actor=user, target=run)
    notes.add_note(case, author=user, text="x")
    with django_assert_max_num_queries(9):
        page = as_user.get(f"/cases/{case.pk}/activity/")
    assert len(page.context["entries"]) == min(count + 1, 50)


def test_activity_tells_nobody_who_looked_or_was_turned_away(
    as_user: Client, case: Case, scan: Scan, reader: User, other_user: User
) -> None:
    run = scan.predictions.get()
    for person, status in ((reader, 200), (other_user, 404)):
        client = Client()
        client.force_login(person)
        for address in (f"/cases/{case.pk}/", f"/predictions/{run.pk}/", f"/predictions/{run.pk}/heatmap/"):
            assert client.get(address).status_code == status
    rows = set(AuditEvent.objects.values_list("action", "actor"))
    assert ("access.not_found", other_user.username) in rows
    assert {actor for _, actor in rows} >= {reader.username, other_user.username}
    assert as_user.get(f"/cases/{case.pk}/activity/").context["entries"] == []
