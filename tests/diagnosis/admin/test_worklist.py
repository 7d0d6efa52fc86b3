"""Assignments and saved views in the admin can be read and not changed."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.access import sharing
from diagnosis.access.sharing import Assignee
from diagnosis.worklist import saved_views
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


def test_administrators_read_them(client: Client, admin: User, user: User, other_user: User) -> None:
    case = CaseFactory(owner=user, reference="CA-9")
    made = sharing.assign(case, to=Assignee(user=other_user), actor=user)
    view = saved_views.save(user, name="Urgent", query="reading=unread")
    client.force_login(admin)
    listed = client.get("/admin/diagnosis/assignment/").content.decode()
    assert "CA-9" in listed and "grace" in listed
    assert "Urgent" in client.get("/admin/diagnosis/savedview/?q=ada").content.decode()
    for address in (f"assignment/{made.pk}", f"savedview/{view.pk}"):
        assert client.get(f"/admin/diagnosis/{address}/change/").status_code == 200
        assert client.post(f"/admin/diagnosis/{address}/delete/", {"post": "yes"}).status_code == 403
