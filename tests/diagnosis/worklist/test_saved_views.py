"""Saved views and page sizes: what is kept, what is refused, and what the audit trail says."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from diagnosis.models import AuditEvent, SavedView
from diagnosis.worklist import saved_views
from diagnosis.worklist.saved_views import MAX_VIEWS, ViewRefused

pytestmark = pytest.mark.django_db


def refusal(call: Any, *args: Any, **named: Any) -> str:
    with pytest.raises(ViewRefused) as caught:
        call(*args, **named)
    return caught.value.code


def test_a_view_keeps_filter_and_order_but_no_page(user: User) -> None:
    view = saved_views.save(user, name="  Urgent   ones ", query="?reading=unread&sort=triage&q=&after=xy&at=3&since=1")
    assert (view.name, view.query) == ("Urgent ones", "reading=unread&sort=triage")
    assert saved_views.of(user) == [view]


def test_each_person_has_their_own(user: User, other_user: User) -> None:
    saved_views.save(user, name="Mine", query="")
    saved_views.save(other_user, name="Mine", query="")
    assert len(saved_views.of(user)) == len(saved_views.of(other_user)) == 1


def test_refusals(user: User) -> None:
    first = saved_views.save(user, name="One", query="")
    assert refusal(saved_views.save, user, name="One", query="") == "view_name_taken"
    assert refusal(saved_views.save, user, name=" ", query="") == "view_name"
    assert refusal(saved_views.save, user, name="a" * 41, query="") == "view_name"
    assert refusal(saved_views.save, user, name="a\0b", query="") == "view_name"
    assert refusal(saved_views.save, user, name="Long", query=f"q={'a' * 1000}") == "view_too_long"
    for number in range(MAX_VIEWS - 1):
        saved_views.save(user, name=f"View {number}", query="")
    assert refusal(saved_views.save, user, name="One more", query="") == "too_many_views"
    assert refusal(saved_views.rename, first, name="View 3") == "view_name_taken"
    assert SavedView.objects.filter(user=user).count() == MAX_VIEWS


def test_every_change_is_audited(user: User) -> None:
    view = saved_views.save(user, name="One", query="q=a")
    saved_views.rename(view, name="One")
    saved_views.rename(view, name="Two")
    saved_views.delete(view)
    saved_views.set_page_size(user, size=50)
    rows = AuditEvent.objects.order_by("id").values_list("action", "actor", "target", "details")
    assert list(rows) == [
        ("view.saved", "ada", "One", {"query": "q=a"}),
        ("view.renamed", "ada", "Two", {"former_name": "One"}),
        ("view.deleted", "ada", "Two", {"query": "q=a"}),
        ("worklist.page_size_chosen", "ada", "ada", {"size": 50}),
    ]


def test_a_person_has_25_rows_until_they_choose(user: User, other_user: User) -> None:
    for size in (100, 50):
        saved_views.set_page_size(user, size=size)
    assert (saved_views.page_size(user), saved_views.page_size(other_user)) == (50, 25)
    assert refusal(saved_views.set_page_size, user, size=30) == "page_size"
