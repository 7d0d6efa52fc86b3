"""Walking through the worklist: from a row to its result, to the next one, and back; and new rows that appear."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.access import pagination
from diagnosis.models import Prediction, Scan
from diagnosis.worklist import tabs as worklist_tabs
from tests.diagnosis.views.test_history import follow
from tests.factories import CaseFactory

Make = Callable[..., Prediction]


def test_rows_carry_their_list_and_reading(as_user: Client, make: Make) -> None:
    row = make(name="axial_7.png")
    body = as_user.get("/history/?q=axial&sort=scan").content.decode()
    assert f'href="/predictions/{row.pk}/?list=q%3Daxial%26sort%3Dscan"' in body
    assert 'reading-unread">Unread<' in body and "0 of 1 read" in body
    assert 'class="cell-state"' not in body


def test_the_way_back_leads_to_the_row_wherever_the_list_has_it(
    as_user: Client, make: Make, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnosis.worklist.saved_views.PAGE_SIZES", (4,))
    case = CaseFactory(owner=user)
    rows = [make(case=case, name=f"{n:02}.png") for n in range(12)]
    for n, shown in ((0, [0, 1, 2, 3]), (2, [0, 1, 2, 3]), (7, [5, 6, 7, 8]), (11, [9, 10, 11])):
        response = as_user.get(f"/history/?sort=scan&at={rows[n].pk}")
        assert [row.pk for row in response.context["page"]] == [rows[m].pk for m in shown]
        assert f'data-row="{rows[n].pk}" class="here"' in response.content.decode()
    second = follow(as_user, "?sort=scan", "next")
    kept = as_user.get(f"/history/{second}&at={rows[5].pk}").context["page"]
    assert [row.pk for row in kept] == [row.pk for row in rows[4:8]]


def test_new_rows_come_with_the_filters_of_the_list(as_user: Client, make: Make, other_user: User) -> None:
    opened = as_user.get("/history/?q=axial").context["shown_at"].isoformat()
    Prediction.objects.update(created="2024-01-01T00:00:00Z")
    make(name="axial_new.png")
    make(name="coronal_new.png")
    make(owner=other_user, name="axial_hidden.png")
    found = as_user.get("/history/new/", {"q": "axial", "since": opened})
    assert [row.scan.name for row in found.context["rows"]] == ["axial_new.png"]
    assert "?list=q%3Daxial" in found.content.decode() and "data-shown-at" in found.content.decode()
    for nonsense in ("", "soon", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00"):
        assert as_user.get("/history/new/", {"since": nonsense}).status_code == 200


def test_rows_come_by_themselves_only_where_the_list_is_at_its_newest(as_user: Client, make: Make) -> None:
    make()
    for query, come in (("", True), ("?sort=-when", True), ("?sort=case", False), ("?before=", True)):
        assert as_user.get(f"/history/{query}").context["rows_come"] is come


def test_u_leads_to_the_next_unread_scan(as_user: Client, make: Make, other_user: User) -> None:
    first, second = make(name="a.png"), make(name="b.png")
    there = as_user.get(f"/history/unread/?list=sort%3Dscan&from={first.pk}")
    assert there["Location"] == f"/predictions/{second.pk}/?list=sort%3Dscan"
    assert as_user.get("/history/unread/?list=q%3Dnothing")["Location"] == "/history/?q=nothing"
    assert as_user.get(f"/history/unread/?from={make(owner=other_user).pk}").status_code == 404


def test_the_result_page_walks_the_list_it_was_opened_from(as_user: Client, make: Make) -> None:
    for name in ("b.png", "a.png", "c.png"):
        make(name=name)
    a, b, c = Prediction.objects.order_by("scan_name")
    body = as_user.get(f"/predictions/{b.pk}/?list=sort%3Dscan").content.decode()
    assert f'rel="prev" href="/predictions/{a.pk}/?list=sort%3Dscan"' in body
    assert f'rel="next" href="/predictions/{c.pk}/?list=sort%3Dscan"' in body
    assert f'rel="up" href="/history/?sort=scan&amp;at={b.pk}#row-{b.pk}"' in body
    assert "0 of 3 read" in body and 'rel="next-unread"' in body
    assert 'rel="next"' not in as_user.get(f"/predictions/{b.pk}/").content.decode()  # alone in its case


def test_progress_is_told_where_it_can_be_counted(as_user: Client, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [make() for _ in range(4)]
    Scan.objects.filter(pk=rows[0].scan_id).update(reading="read")
    for query in ("", "?reading=unread", "?outcome=tumor"):
        assert "1 of 4 read" in as_user.get(f"/history/{query}").content.decode()
    monkeypatch.setattr(pagination, "COUNT_LIMIT", 2)
    monkeypatch.setattr(worklist_tabs, "COUNT_LIMIT", 2)
    body = as_user.get("/history/").content.decode()
    assert "of 3 read" not in body and 'rel="next-unread"' in body
