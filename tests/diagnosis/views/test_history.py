"""The worklist: what it shows, filters, sorts and pages, and what that costs."""

import html
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.access import ownership, pagination
from diagnosis.models import Prediction
from diagnosis.models.prediction import State
from diagnosis.worklist import query as worklist_query
from diagnosis.worklist import tabs as worklist_tabs
from tests.factories import CaseFactory, ModelVersionFactory

Make = Callable[..., Prediction]


def names(client: Client, query: str = "") -> list[str]:
    response = client.get(f"/history/{query}")
    assert response.status_code == 200
    return [row.scan.name for row in response.context["page"]]


def follow(client: Client, query: str, direction: str) -> str:
    """The query behind the link to the next or the previous page; empty without one."""
    body = client.get(f"/history/{query}").content.decode()
    found = re.search(rf'rel="{direction}-page" href="([^"]+)"', body)
    return html.unescape(found[1]) if found else ""


@pytest.mark.parametrize(("rows", "counted", "most"), [(5, 1000, 14), (60, 1000, 14), (60, 2, 15)])
def test_the_page_costs_few_queries_whatever_its_length(
    as_user: Client,
    make: Make,
    user: User,
    rows: int,
    counted: int,
    most: int,
    django_assert_max_num_queries: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worklist_tabs, "COUNT_LIMIT", counted)
    states = list(State)
    for n in range(rows):
        make(case=CaseFactory(owner=user), state=states[n % len(states)], model_version=ModelVersionFactory())
    for place in ("", follow(as_user, "?q=axial&sort=-score", "next").replace("?", "&"), "&before="):
        with django_assert_max_num_queries(most):
            as_user.get(f"/history/?q=axial&sort=-score{place}")


def test_users_see_their_own_predictions(as_user: Client, make: Make, other_user: User) -> None:
    make(name="mine.png")
    make(owner=other_user, name="theirs.png")
    assert names(as_user) == ["mine.png"]


def test_readers_see_all_and_may_change_nothing(client: Client, reader: User, make: Make) -> None:
    make(name="mine.png", state=State.FAILED)
    client.force_login(reader)
    body = client.get("/history/").content.decode()
    assert "mine.png" in body and "/retry/" not in body


def test_tabs_filter_and_count(as_user: Client, make: Make) -> None:
    make(name="a.png")
    make(name="b.png", outcome="no_tumor", tumor_probability=0.1)
    make(name="c.png", state=State.FAILED)
    make(name="d.png", state=State.QUEUED)
    make(name="e.png", uncertain=True, tumor_probability=0.52)
    response = as_user.get("/history/?outcome=tumor&uncertain=false")
    shown = response.context["tabs"]
    assert [t.label for t in (*shown.reading, *shown.status) if t.current] == ["Tumor"]
    counts = {t.tab.worklist_status: t.count for t in shown.status}
    assert counts == {"active": 1, "tumor": 1, "uncertain": 1, "no_tumor": 1, "refused": 0, "failed": 1}
    assert shown.reading[0].count == 5
    assert names(as_user, "?outcome=tumor&uncertain=false") == ["a.png"]
    assert names(as_user, "?uncertain=true") == names(as_user, "?outcome=uncertain") == ["e.png"]
    assert names(as_user, "?state=queued&state=running") == ["d.png"]


def test_a_tab_shows_what_it_counts(as_user: Client, make: Make) -> None:
    """It filters as the URL says, and counts by the state of each run."""
    for state in State:
        if state is not State.DONE:
            make(name=f"{state}.png", state=state)
    for outcome, score, uncertain in product(("tumor", "no_tumor"), (0.45, 0.55), (False, True)):
        make(name=f"{outcome}{score}{uncertain}.png", outcome=outcome, tumor_probability=score, uncertain=uncertain)
    seen = []
    for shown in as_user.get("/history/").context["tabs"].status:
        page = as_user.get(f"/history/?{shown.query}").context["page"]
        assert {row.worklist_status for row in page} == {shown.tab.worklist_status}
        assert len(page) == shown.count
        seen += [row.pk for row in page]
    assert sorted(seen) == sorted(Prediction.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("query", ["", "?state=failed", "?outcome=tumor"])
def test_counts_end_where_they_are_bounded(
    as_user: Client, make: Make, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    for number in range(5):
        make(name=f"{number}.png")
    make(name="failed.png", state=State.FAILED)
    exact = as_user.get(f"/history/{query}").context
    monkeypatch.setattr(pagination, "COUNT_LIMIT", 2)
    monkeypatch.setattr(worklist_tabs, "COUNT_LIMIT", 2)
    bounded = as_user.get(f"/history/{query}").context
    for group in ("reading", "status"):
        for before, after in zip(getattr(exact["tabs"], group), getattr(bounded["tabs"], group), strict=True):
            assert after.count == min(before.count, 3)
    assert (exact["count"], bounded["count"]) == {"": (6, 3), "?state=failed": (1, 1), "?outcome=tumor": (5, 3)}[query]


@pytest.mark.parametrize("query", ["?state=done", "?outcome=tumor"])
def test_a_selection_outside_all_tabs_is_counted_on_an_empty_site(as_user: Client, query: str) -> None:
    assert as_user.get(f"/history/{query}").context["count"] == 0


def test_an_uncertain_result_is_labeled_with_its_number(as_user: Client, make: Make) -> None:
    make(uncertain=True, tumor_probability=0.52)
    body = as_user.get("/history/").content.decode()
    assert "chip status-uncertain" in body and "chip status-tumor" not in body
    assert "0.52" in body and "glioma" in body


def test_tabs_keep_the_other_filters_and_the_form_keeps_the_tab(as_user: Client, make: Make) -> None:
    make(uncertain=True, trained_on=True)
    body = as_user.get("/history/?uncertain=true&trained_on=true").content.decode()
    assert 'name="uncertain" value="true"' in body and 'name="trained_on" value="true"' in body
    assert 'href="?trained_on=true&amp;outcome=tumor&amp;uncertain=false"' in body
    assert "Remove filter Seen in training" in body


def test_search_finds_case_and_file(as_user: Client, make: Make, user: User) -> None:
    make(name="knee.png")
    make(case=CaseFactory(owner=user, reference="CA-77"), name="other.png")
    assert names(as_user, "?q=KNEE") == ["knee.png"]
    assert names(as_user, "?q=ca-77") == ["other.png"]


def test_sorting_is_total_and_puts_rows_without_score_last(as_user: Client, make: Make) -> None:
    make(name="low.png", tumor_probability=0.6)
    make(name="none.png", state=State.FAILED)
    make(name="high.png", tumor_probability=0.9)
    assert names(as_user, "?sort=-score") == ["high.png", "low.png", "none.png"]
    assert names(as_user, "?sort=score") == ["low.png", "high.png", "none.png"]


NONSENSE = (
    "?sort=owner__password", "?after=x", "?before=WyJ4Iiwx", "?after=W10", "?after=W1tdLFtdXQ", "?after=%00%ff",
    "?after=WyIyMDI2LTAxLTAxIiwxXQ",  # a time without a zone
    "?after=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgMV0",  # before the first year
    "?after=WyI5OTk5LTEyLTMxVDIzOjU5OjU5LTE0OjAwIiwgMV0",  # after the last
    "?sort=when&after=WyIyMDI0LTAxLTAxVDAwOjAwOjAwKzIzOjU5OjU5LjUiLCAxXQ",  # half a second in the zone
    "?sort=score&after=WyJ4IiwxXQ",  # a word where a number belongs
    "?sort=scan&after=WyJcdWQ4MDAiLDFd", "?sort=scan&after=WyJcdTAwMDAiLDFd", "?after=" + "W1tb" * 800,
    "?created_after=soon", "?model=zz", "?uncertain=perhaps",
)  # fmt: skip


@pytest.mark.parametrize("query", NONSENSE)
def test_nonsense_in_the_url_is_harmless(as_user: Client, make: Make, query: str) -> None:
    make(name="a.png")
    assert names(as_user, query) == ["a.png"]


def test_pages_do_not_overlap_and_keep_the_filter(as_user: Client, make: Make, user: User) -> None:
    case = CaseFactory(owner=user)
    for n in range(30):
        make(case=case, name=f"axial_{n}.png")
    following = follow(as_user, "?q=axial", "next")
    first, second = names(as_user, "?q=axial"), names(as_user, following)
    assert len(first) == 25 and len(set(first) | set(second)) == 30
    assert "q=axial" in following


@pytest.mark.parametrize(
    "sort", [f"{sign}{key}" for key in worklist_query.ORDERS if key[0] != "-" for sign in ("", "-")]
)
@pytest.mark.slow
def test_every_order_leads_through_all_and_back(
    client: Client, admin: User, make: Make, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ties, and with rows that have no score."""
    monkeypatch.setattr("diagnosis.worklist.saved_views.PAGE_SIZES", (4,))
    client.force_login(admin)
    states = [State.DONE, State.FAILED, State.QUEUED, State.DONE]
    for n in range(13):
        score = {"tumor_probability": (0.5, 0.7)[n % 8 == 0]} if states[n % 4] == State.DONE else {}
        make(case=CaseFactory(reference=f"C-{n % 3}"), name=f"{n % 2}.png", state=states[n % 4], **score)

    def ids(query: str) -> list[int]:
        return [row.pk for row in client.get(f"/history/{query}").context["page"]]

    pages, query = [], f"?sort={sort}"
    queries = []
    while query:
        queries.append(query)
        pages.append(ids(query))
        query = follow(client, query, "next")
    assert [len(page) for page in pages] == [4, 4, 4, 1]
    seen = [row for page in pages for row in page]
    rows = {row.pk: row for row in Prediction.objects.all()}
    down = sort.startswith("-")

    def key(pk: int) -> Any:
        row = rows[pk]
        score = row.tumor_probability
        return {
            "when": row.created,
            "case": row.case_reference,
            "scan": row.scan_name,
            "state": row.state,
            "owner": row.owner.username,
            "score": (-1 if down else 2) if score is None else score,
            "triage": {"done": 0, "failed": 2, "queued": 3}[row.state],
        }[sort.removeprefix("-")]

    assert seen == sorted(rows, key=lambda pk: (key(pk), pk), reverse=down)
    for number in (3, 2, 1):
        query = follow(client, queries[number], "prev")
        assert ids(query) == pages[number - 1]
    assert ids(f"?sort={sort}&before=") == seen[-4:]
    assert not follow(client, f"?sort={sort}&before=", "next")
    assert not follow(client, f"?sort={sort}", "prev")


def test_counts_stop_where_they_no_longer_help(as_user: Client, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnosis.access.pagination.COUNT_LIMIT", 3)
    monkeypatch.setattr("diagnosis.templatetags.pages.COUNT_LIMIT", 3)
    for _ in range(6):
        make()
    make(state=State.FAILED)
    body = as_user.get("/history/").content.decode()
    assert body.count('<span class="count">3+</span>') == 3  # all, unread, tumor
    assert '<span class="count">1</span>' in body


def test_the_row_copies_case_and_scan(make: Make) -> None:
    row = make(name="axial.png")
    case = row.scan.case
    assert (row.owner, row.owner_name) == (case.owner, case.owner.username)
    assert (row.case_reference, row.scan_name) == (case.reference, "axial.png")


def test_the_row_follows_its_case_and_its_owner(make: Make, user: User, other_user: User) -> None:
    """A case that changed hands must not stay in its old owner's worklist."""
    row, beside = make(name="given.png"), make(name="kept.png")
    ownership.hand_over(row.scan.case, to=other_user)
    other_user.username = "renamed"
    other_user.save()
    row.refresh_from_db()
    assert (row.owner, row.owner_name) == (other_user, "renamed")
    beside.refresh_from_db()
    assert (beside.owner, beside.owner_name) == (user, user.username)


def test_filters_are_shown_and_can_be_removed(as_user: Client, make: Make) -> None:
    make()
    body = as_user.get("/history/?q=axial&created_after=2020-01-01").content.decode()
    assert 'href="/history/?created_after=2020-01-01"' in body
    assert "From 2020-01-01" in body


def test_a_state_outside_all_tabs_is_shown_and_can_be_removed(as_user: Client, make: Make) -> None:
    make(name="a.png")
    body = as_user.get("/history/?q=a&state=queued").content.decode()
    assert "State: Queued" in body
    assert 'href="/history/?q=a"' in body
    assert "State:" not in as_user.get("/history/?state=queued&state=running").content.decode()  # a tab of its own


def test_unreadable_filters_are_named_beside_valid_ones(as_user: Client, make: Make) -> None:
    make(name="a.png")
    body = as_user.get("/history/?q=a&created_after=soon").content.decode()
    assert "left out; Uploaded: Enter a valid date." in body
    assert "“a”" in body


def test_a_search_stays_within_one_text(as_user: Client, make: Make) -> None:
    row = make(name="axial.png")
    assert names(as_user, f"?q={row.case_reference}") == names(as_user, "?q=AXIAL") == ["axial.png"]
    assert not names(as_user, f"?q={row.case_reference}%0Aaxial")


def test_names_are_escaped(as_user: Client, make: Make) -> None:
    make(name="<script>alert(1)</script>.png")
    body = as_user.get("/history/?q=%3Cscript%3Ealert").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.png" in body and "<script>alert" not in body


def test_a_probability_is_only_called_so_when_calibrated(as_user: Client, make: Make) -> None:
    make(model_version=ModelVersionFactory(manifest={"calibration": None, "threshold": 0.5}))
    body = as_user.get("/history/").content.decode()
    assert "0.93" in body and "93 %" not in body
    make(model_version=ModelVersionFactory(manifest={"calibration": {"temperature": 1.2}, "threshold": 0.5}))
    assert "93 %" in as_user.get("/history/").content.decode()


def test_polls_only_while_something_is_in_progress(as_user: Client, make: Make) -> None:
    make()
    assert as_user.get("/history/").content.decode().count('id="poller"') == 1  # the template alone
    make(state=State.RUNNING)
    assert as_user.get("/history/").content.decode().count('id="poller"') == 2
