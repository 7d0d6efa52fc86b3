"""Lists and reports as downloads: who gets them, what is in them, and what the audit trail keeps."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import AuditEvent, Prediction

Make = Callable[..., Prediction]
LIST = "/history/export/"


def text(response: Any) -> str:
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode("utf-8-sig")


def scans(response: Any) -> list[str]:
    return [row["scan"] for row in csv.DictReader(io.StringIO(text(response), newline=""))]


class TestLists:
    def test_the_worklist_under_its_filters_and_in_its_order(self, as_user: Client, make: Make) -> None:
        for name in ("b.png", "c.png", "a.png"):
            make(name=name)
        make(name="failed.png", state="failed")
        assert scans(as_user.get(f"{LIST}?sort=scan&outcome=tumor")) == ["a.png", "b.png", "c.png"]
        assert len(scans(as_user.get(LIST))) == 4
        assert [row["scan"] for row in json.loads(text(as_user.get(f"{LIST}?format=json&state=failed")))] == [
            "failed.png"
        ]

    def test_pages_of_the_list_do_not_cut_it(self, as_user: Client, make: Make) -> None:
        for _ in range(3):
            make()
        cursor = as_user.get("/history/").context["page"].previous_cursor
        assert len(scans(as_user.get(f"{LIST}?after={cursor}"))) == 3

    def test_nobody_gets_rows_that_they_may_not_see(
        self, as_user: Client, make: Make, other_user: User, reader: User
    ) -> None:
        mine, theirs = make(name="mine.png"), make(owner=other_user, name="theirs.png")
        assert scans(as_user.get(LIST)) == ["mine.png"]
        assert scans(as_user.get(f"/cases/{mine.scan.case_id}/export/")) == ["mine.png"]
        assert as_user.get(f"/cases/{theirs.scan.case_id}/export/").status_code == 404
        assert Client().get(LIST).status_code == 302
        as_user.force_login(reader)
        assert set(scans(as_user.get(LIST))) == {"mine.png", "theirs.png"}

    @pytest.mark.parametrize("address", [LIST, "/cases/{}/export/"])
    def test_each_export_is_audited_and_a_download(self, as_user: Client, make: Make, address: str) -> None:
        case = make().scan.case
        response = as_user.get(f"{address.format(case.pk)}?q=axial&format=json")
        assert response["Content-Disposition"].startswith("attachment; filename=")
        assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("application/json", "nosniff")
        text(response)
        event = AuditEvent.objects.get(action="list.exported")
        assert (event.actor, event.details["format"], event.details["rows"]) == ("ada", "json", 1)
        assert event.target == ("" if address == LIST else case.reference)
        as_user.head(address.format(case.pk))
        assert AuditEvent.objects.filter(action="list.exported").count() == 1

    def test_a_filter_that_cannot_be_read_exports_nothing(self, as_user: Client, make: Make) -> None:
        make()
        response = as_user.get(f"{LIST}?created_after=2024-02-30&q=x")
        assert (response.status_code, response["Location"]) == (302, "/history/?created_after=2024-02-30&q=x")
        page = as_user.get(response["Location"]).content.decode()
        assert "Nothing was exported: a filter could not be read." in page
        assert not AuditEvent.objects.filter(action="list.exported").exists()

    @pytest.mark.parametrize("format", ["xlsx", "", "CSV"])
    def test_another_format_is_not_there(self, as_user: Client, make: Make, format: str) -> None:
        case = make().scan.case_id
        assert as_user.get(f"{LIST}?format={format}").status_code == 404
        assert as_user.get(f"/cases/{case}/export/?format={format}").status_code == 404
        assert as_user.post(LIST).status_code == 405

    def test_pages_link_to_them_with_their_filters(self, as_user: Client, make: Make) -> None:
        case = make().scan.case_id
        assert 'href="/history/export/?q=axial&amp;format=csv"' in as_user.get("/history/?q=axial").content.decode()
        assert f'href="/cases/{case}/export/?format=json"' in as_user.get(f"/cases/{case}/").content.decode()

    def test_more_rows_take_no_more_queries(
        self, as_user: Client, make: Make, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(4):
            make()
        with django_assert_max_num_queries(6):
            text(as_user.get(LIST))
