"""Lists and reports as downloads: who gets them, what is in them, and what the audit trail keeps."""

import base64
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pypdf import PdfReader

from diagnosis.models import AuditEvent, Prediction, ReadingPolicy
from diagnosis.reports.contents import NOTICE
from diagnosis.reviews import transitions
from diagnosis.reviews.opinions import Opinion
from tests.factories import CaseFactory, PredictionFactory

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

    def test_exports_hold_only_visible_rows(self, as_user: Client, make: Make, other_user: User, reader: User) -> None:
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
        with django_assert_max_num_queries(8):
            text(as_user.get(LIST))


def policy_of(person: User, *, mode: str) -> None:
    group = Group.objects.create(name="study")
    ReadingPolicy.objects.create(group=group, mode=mode)
    person.groups.add(group)


REPORTS = ("/predictions/{}/report/", "/predictions/{}/fhir/")


class TestReports:
    @pytest.mark.parametrize("address", REPORTS)
    def test_only_who_may_see_the_case_gets_one_and_each_is_audited(
        self, as_user: Client, make: Make, other_user: User, address: str
    ) -> None:
        mine, theirs = make(), make(owner=other_user)
        response = as_user.get(address.format(mine.pk))
        assert response.status_code == 200
        assert response["Content-Disposition"].startswith(f'attachment; filename="report-{mine.pk}.')
        assert response["X-Content-Type-Options"] == "nosniff"
        as_user.head(address.format(mine.pk))
        [event] = AuditEvent.objects.filter(action="report.downloaded")
        assert (event.actor, event.target_id) == ("ada", str(mine.pk))
        assert as_user.get(address.format(theirs.pk)).status_code == 404
        assert as_user.post(address.format(mine.pk)).status_code == 405
        assert Client().get(address.format(mine.pk)).status_code == 302

    def test_the_fhir_resource_has_the_pdf_in_it(self, as_user: Client, make: Make) -> None:
        response = as_user.get(f"/predictions/{make().pk}/fhir/")
        assert response["Content-Type"] == "application/fhir+json"
        assert base64.b64decode(response.json()["presentedForm"][0]["data"]).startswith(b"%PDF-")

    @pytest.mark.parametrize("address", REPORTS)
    def test_there_is_none_while_the_scan_is_analyzed(self, as_user: Client, make: Make, address: str) -> None:
        running = make(state="running")
        response = as_user.get(address.format(running.pk), follow=True)
        assert response.redirect_chain == [(f"/predictions/{running.pk}/", 302)]
        assert "The scan is still being analyzed." in response.content.decode()
        assert "/report/" not in response.content.decode()

    def test_the_reading_is_in_it(self, as_user: Client, make: Make, reader: User) -> None:
        prediction = make()
        opinion = Opinion(finding="tumor", comment="Ring with edema.")
        transitions.sign(prediction, reader=reader, opinion=opinion)
        said = PdfReader(io.BytesIO(as_user.get(f"/predictions/{prediction.pk}/report/").content)).pages[0]
        assert "Ring with edema." in said.extract_text()
        case = PdfReader(io.BytesIO(as_user.get(f"/cases/{prediction.scan.case_id}/report/").content))
        assert "Ring with edema." in case.pages[1].extract_text()

    def test_blind_readers_get_nothing_before_they_commit(
        self, as_user: Client, user: User, make: Make, other_user: User, django_assert_max_num_queries: Any
    ) -> None:
        policy_of(user, mode="blind_first")
        done = make(name="hidden.png")
        for address in REPORTS:
            assert as_user.get(address.format(done.pk)).status_code == 302
            assert as_user.get("/api/v1" + address.format(done.pk)).json()["code"] == "not_read_yet"
        pages = PdfReader(io.BytesIO(as_user.get(f"/cases/{done.scan.case_id}/report/").content)).pages
        said = "".join(page.extract_text() for page in pages)
        assert "Read the scan first" in said and "Tumor likely" not in said and "93 %" not in said
        assert sum(len(page.images) for page in pages) == 1
        assert not AuditEvent.objects.filter(action="report.downloaded", target_type="prediction").exists()
        make()
        with django_assert_max_num_queries(9):
            hidden = json.loads(text(as_user.get(f"{LIST}?format=json&q=hidden")))[0]
        assert {hidden[name] for name in ("outcome", "uncertain", "tumor_probability", "likely_type")} == {None}
        assert hidden["problem"].startswith("Read the scan first")
        transitions.commit(done, reader=user, opinion=Opinion(finding="no_tumor"))
        assert as_user.get(REPORTS[0].format(done.pk)).content.startswith(b"%PDF-")
        assert json.loads(text(as_user.get(f"{LIST}?format=json&q=hidden")))[0]["outcome"] == "tumor"

    def test_a_case_has_the_newest_result_of_each_scan(self, as_user: Client, make: Make) -> None:
        first = make(name="first.png", state="failed")
        PredictionFactory(scan=first.scan)
        make(name="second.png", case=first.scan.case, state="queued")
        response = as_user.get(f"/cases/{first.scan.case_id}/report/")
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(response.content)).pages]
        assert len(pages) == 3
        assert "Tumor likely" in pages[1] and "still being analyzed" in pages[2]
        seen = AuditEvent.objects.filter(action="report.downloaded").values_list("target_type", "target_id")
        newest = Prediction.objects.exclude(pk=first.pk).values_list("pk", flat=True)
        assert {*seen} == {("case", str(first.scan.case_id)), *(("prediction", str(pk)) for pk in newest)}

    def test_a_long_case_comes_in_parts(
        self, as_user: Client, make: Make, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
    ) -> None:
        monkeypatch.setattr("diagnosis.reports.exports.SCANS_A_FILE", 2)
        case = make(name="0.png").scan.case
        for n in (1, 2):
            make(case=case, name=f"{n}.png")
        address = f"/cases/{case.pk}/report/"
        with django_assert_max_num_queries(10 + 2 * 1):  # an audit row for each scan
            first = as_user.get(address)
        assert first["Content-Disposition"] == f'attachment; filename="report-case-{case.pk}-part-1.pdf"'
        assert len(PdfReader(io.BytesIO(first.content)).pages) == 3
        pages = PdfReader(io.BytesIO(as_user.get(f"{address}?part=2").content)).pages
        assert "part 2 of 2: scans 3 to 3 of 3" in " ".join(pages[0].extract_text().split())
        for part in ("3", "0", "-1", "x", "9" * 30):
            assert as_user.get(f"{address}?part={part}").status_code == 404

    def test_an_empty_case_has_a_report(self, as_user: Client, user: User, other_user: User) -> None:
        assert as_user.get(f"/cases/{CaseFactory(owner=user).pk}/report/").status_code == 200
        assert as_user.get(f"/cases/{CaseFactory(owner=other_user).pk}/report/").status_code == 404

    def test_pages_link_to_them(self, as_user: Client, make: Make) -> None:
        done = make()
        page = as_user.get(f"/predictions/{done.pk}/").content.decode()
        assert all(f'href="{address.format(done.pk)}"' in page for address in REPORTS)
        assert (
            f'href="/cases/{done.scan.case_id}/report/"' in as_user.get(f"/cases/{done.scan.case_id}/").content.decode()
        )


class TestPrint:
    def test_a_print_names_case_scan_day_and_person(self, as_user: Client, make: Make) -> None:
        done = make(name="<i>axial</i>.png")
        head = re.compile(r'<div class="print-head" aria-hidden="true">(.*?)</div></div>')
        [said] = head.findall(as_user.get(f"/predictions/{done.pk}/").content.decode())
        day = f"{done.scan.created:%Y-%m-%d}"
        assert f"Case {done.case_reference}, scan &lt;i&gt;axial&lt;/i&gt;.png, uploaded {day}" in said
        assert "as ada saw it, 20" in said
        [said] = head.findall(as_user.get(f"/cases/{done.scan.case_id}/").content.decode())
        assert f"Case {done.case_reference}" in said
        [said] = head.findall(as_user.get("/history/").content.decode())
        assert "Worklist" in said

    def test_a_print_says_whether_a_reader_signed(self, as_user: Client, user: User, make: Make) -> None:
        done = make()
        unsigned = '<p class="print-only">Not signed, or not by enough readers: no finding holds yet.</p>'
        assert unsigned in as_user.get(f"/predictions/{done.pk}/").content.decode()
        transitions.sign(done, reader=user, opinion=Opinion(finding="tumor"))
        page = as_user.get(f"/predictions/{done.pk}/").content.decode()
        assert unsigned not in page
        assert '<span class="screen-only">You</span><span class="print-only">ada</span>' in page

    def test_every_page_of_it_has_number_and_notice(self) -> None:
        style = (Path(__file__).resolve().parents[3] / "static" / "css" / "print.css").read_text()
        assert NOTICE in style
        assert 'content: "page " counter(page) " of " counter(pages)' in style
        assert re.search(r"\.print-head \{\s+display: table-header-group", style)
