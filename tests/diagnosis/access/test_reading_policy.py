"""Which reading policy applies to which reader."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.db import IntegrityError
from django.test import Client

from diagnosis.access import reading_policy
from diagnosis.access.backends import UserBackend
from diagnosis.models import AuditEvent, ReadingPolicy
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db


def policy(person: Any, *, mode: str = "open", readings: int = 1) -> None:
    group = Group.objects.create(name=f"group {Group.objects.count()}")
    ReadingPolicy.objects.create(group=group, mode=mode, readings=readings)
    person.groups.add(group)


def asked(person: Any) -> tuple[str, int]:
    """As looked up, which is what a request's user is loaded with, too."""
    loaded = UserBackend().get_user(person.pk)
    assert loaded is not None
    assert reading_policy.mode(loaded) == reading_policy.mode(person)
    return str(reading_policy.mode(person)), reading_policy.readings_required(person)


def test_without_a_groups_policy_the_settings_hold(user: Any, admin: Any, settings: Any) -> None:
    assert asked(user) == ("open", 1)
    settings.READING_MODE, settings.READINGS_REQUIRED = "blind_first", 2
    assert asked(user) == ("blind_first", 2)
    assert asked(admin) == ("open", 2)
    assert reading_policy.is_blind_first(AnonymousUser())


def test_a_groups_policy_goes_before_the_settings(user: Any, admin: Any, settings: Any) -> None:
    settings.READING_MODE, settings.READINGS_REQUIRED = "blind_first", 2
    policy(user)
    assert asked(user) == ("open", 1)
    policy(admin, mode="blind_first")
    assert asked(admin)[0] == "blind_first"


def test_the_strictest_of_several_holds(user: Any) -> None:
    policy(user, readings=2)
    policy(user, mode="blind_first")
    assert asked(user) == ("blind_first", 2)


@pytest.mark.parametrize("fields", [{"mode": "half"}, {"readings": 3}], ids=str)
def test_other_policies_are_refused_by_the_database(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        ReadingPolicy.objects.create(group=Group.objects.create(name="x"), **fields)


def test_a_request_of_a_blind_reader_costs_no_query_more(
    as_user: Client, user: Any, django_assert_max_num_queries: Any
) -> None:
    PredictionFactory.create_batch(4, scan__case__owner=user)
    with django_assert_max_num_queries(30) as open_page:
        as_user.get("/history/")
    policy(user, mode="blind_first")
    with django_assert_max_num_queries(len(open_page)):
        assert "Not read yet" in as_user.get("/history/").content.decode()


def test_administrators_set_policies_and_that_is_audited(client: Client, admin: Any) -> None:
    group = Group.objects.create(name="study")
    client.force_login(admin)
    fields = {"group": group.pk, "mode": "blind_first", "readings": 2}
    assert client.post("/admin/diagnosis/readingpolicy/add/", fields).status_code == 302
    assert ReadingPolicy.objects.get().readings == 2
    assert AuditEvent.objects.get(action="admin.added").details["model"] == "readingpolicy"
