"""Cases and scans in the admin: shown with their notes and labels, deleted nowhere here."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.cases import notes, trash
from diagnosis.models import Scan
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db

CASES, SCANS = "/admin/diagnosis/case/", "/admin/diagnosis/scan/"


@pytest.fixture
def scan(user: User) -> Scan:
    made: Scan = PredictionFactory(scan__case__owner=user, scan__case__reference="CA-1").scan
    return made


def test_notes_and_labels_are_shown(as_admin: Client, scan: Scan, user: User) -> None:
    notes.add_note(scan.case, author=user, text="<b>Compare</b>")
    notes.set_labels(scan.case, labels=["teaching"], actor=user)
    page = as_admin.get(f"{CASES}{scan.case_id}/change/").content.decode()
    assert "ada: &lt;b&gt;Compare" in page and "teaching" in page


def test_nothing_is_deleted_here(as_admin: Client, scan: Scan) -> None:
    for address, pk in ((CASES, scan.case_id), (SCANS, scan.pk)):
        assert as_admin.post(f"{address}{pk}/delete/", {"post": "yes"}).status_code == 403
        as_admin.post(address, {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})
    assert Scan.objects.get(case__deleted=None) == scan


def test_the_trash_is_not_listed(as_admin: Client, scan: Scan, user: User) -> None:
    assert scan.name in as_admin.get(SCANS).content.decode()
    trash.delete_case(scan.case, actor=user)
    for address in (CASES, SCANS):
        assert "CA-1" not in as_admin.get(address).content.decode()
