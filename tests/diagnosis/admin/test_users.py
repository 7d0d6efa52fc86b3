"""Users in the admin: nobody gives themselves rights."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from diagnosis.models import AuditEvent, LoginSession
from tests.factories import PredictionFactory, token_key

pytestmark = pytest.mark.django_db

USERS = "/admin/auth/user/"


def form(person: User, **changes: object) -> dict[str, object]:
    """What the page of a person sends."""
    moment = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    return {"username": person.username, "is_active": "on"} | moment | changes


def test_a_superuser_hands_out_rights(as_admin: Client, user: User) -> None:
    reader = Group.objects.get(name="reader")
    response = as_admin.post(f"{USERS}{user.pk}/change/", form(user, is_staff="on", groups=[reader.pk]))
    assert response.status_code == 302
    user.refresh_from_db()
    assert user.is_staff
    assert list(user.groups.all()) == [reader]
    assert AuditEvent.objects.filter(action="admin.changed", actor="root").exists()


def test_the_audit_trail_says_which_rights_were_given_and_taken(as_admin: Client, user: User) -> None:
    reader, may_view = Group.objects.get(name="reader"), Permission.objects.get(codename="view_scan")
    page = f"{USERS}{user.pk}/change/"
    given = {"is_staff": "on", "groups": [reader.pk], "user_permissions": [may_view.pk]}
    for sent in (given, given | {"first_name": "Ada"}, {}):
        assert as_admin.post(page, form(user, **sent)).status_code == 302
    events = AuditEvent.objects.filter(action="user.rights_changed").order_by("id")
    assert {(event.actor, event.target_id) for event in events} == {("root", str(user.pk))}
    assert [event.details for event in events] == [
        {"staff": True, "groups": ["reader"], "permissions": ["view_scan"]},
        {"staff": False, "groups": [], "permissions": []},
    ]


def test_the_audit_trail_says_which_rights_a_group_was_given_and_lost(as_admin: Client) -> None:
    may_view = Permission.objects.get(codename="view_scan")
    as_admin.post("/admin/auth/group/add/", {"name": "staff", "permissions": [may_view.pk]})
    page = f"/admin/auth/group/{Group.objects.get(name='staff').pk}/change/"
    for sent in ({"permissions": [may_view.pk]}, {}):
        assert as_admin.post(page, {"name": "staff"} | sent).status_code == 302
    events = AuditEvent.objects.filter(action="group.rights_changed").order_by("id")
    assert [event.details["permissions"] for event in events] == [["view_scan"], []]
    assert {(event.actor, event.target) for event in events} == {("root", "staff")}


def test_sessions_and_tokens_of_a_deactivated_account_do_not_go_on_once_it_is_active_again(
    as_admin: Client, user: User
) -> None:
    person, key = Client(), token_key(user)
    person.post("/login/", {"username": "ada", "password": "correct horse battery"})
    assert person.get("/history/").status_code == 200
    page = f"{USERS}{user.pk}/change/"
    for active in ({"is_active": ""}, {}):
        assert as_admin.post(page, form(user, **active)).status_code == 302
    user.refresh_from_db()
    assert user.is_active
    assert person.get("/history/")["Location"].startswith("/login/")
    headers = {"Authorization": f"Token {key}"}
    assert Client().get("/api/v1/predictions/", headers=headers).status_code == 401
    assert AuditEvent.objects.get(action="session.ended").details["reason"] == "deactivated"


def test_superusers_do_not_deactivate_or_demote_themselves(as_admin: Client, admin: User) -> None:
    sent = form(admin, is_active="", is_staff="", is_superuser="", first_name="Ada")
    assert as_admin.post(f"{USERS}{admin.pk}/change/", sent).status_code == 302
    admin.refresh_from_db()
    assert (admin.first_name, admin.is_active, admin.is_staff, admin.is_superuser) == ("Ada", True, True, True)


def test_staff_cannot_give_rights_to_anybody(as_staff: Callable[..., Client], user: User) -> None:
    client = as_staff("view_user", "change_user")
    myself = User.objects.get(pk=client.session["_auth_user_id"])
    rights = {
        "is_staff": "on",
        "is_superuser": "on",
        "user_permissions": [Permission.objects.get(codename="delete_user").pk],
        "groups": [Group.objects.get(name="reader").pk],
    }
    for person in (myself, user):
        assert client.post(f"{USERS}{person.pk}/change/", form(person, first_name="A", **rights)).status_code == 302
        person.refresh_from_db()
        assert person.first_name == "A"
        assert not person.is_superuser
        assert not person.groups.exists()
        assert not person.has_perm("auth.delete_user")


def test_staff_cannot_touch_superusers(as_staff: Callable[..., Client], admin: User) -> None:
    client = as_staff("view_user", "change_user", "delete_user")
    assert client.post(f"{USERS}{admin.pk}/change/", form(admin, username="mine")).status_code == 403
    new = {"password1": "let me in 123", "password2": "let me in 123"}
    assert client.post(f"{USERS}{admin.pk}/password/", new).status_code == 403
    assert client.post(f"{USERS}{admin.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(USERS, {"action": "delete_selected", "_selected_action": [admin.pk], "post": "yes"})
    assert User.objects.get(pk=admin.pk).username == "root"


def test_a_user_with_cases_is_removed_by_handing_them_over(as_admin: Client, user: User, other_user: User) -> None:
    case = PredictionFactory(scan__case__owner=user).scan.case
    assert f"{USERS}{user.pk}/remove/" in as_admin.get(f"{USERS}{user.pk}/change/").content.decode()
    assert as_admin.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    page = f"{USERS}{user.pk}/remove/"
    assert "owns 1 case," in as_admin.get(page).content.decode()
    assert "Choose an active account" in as_admin.post(page, {"delete": "True"}).content.decode()
    response = as_admin.post(page, {"to": other_user.pk, "delete": "True"}, follow=True)
    assert "ada is deleted. 1 cases now belong to grace." in response.content.decode()
    case.refresh_from_db()
    assert case.owner == other_user


def test_only_superusers_remove_accounts(as_staff: Callable[..., Client], user: User) -> None:
    client = as_staff("view_user", "change_user", "delete_user")
    assert client.get(f"{USERS}{user.pk}/remove/").status_code == 403
    assert client.post(f"{USERS}{user.pk}/remove/", {"delete": "True"}).status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


NEW = {"password1": "another one 77", "password2": "another one 77", "usable_password": "true"}
NONE = {"usable_password": "false", "unset-password": "1"}


@pytest.mark.parametrize("sent", [NEW, NONE])
def test_who_gets_another_password_or_none_is_shut_out(as_admin: Client, user: User, sent: dict[str, str]) -> None:
    key, client = token_key(user), Client()
    client.force_login(user)
    assert as_admin.post(f"{USERS}{user.pk}/password/", sent).status_code == 302
    user.refresh_from_db()
    assert user.has_usable_password() == (sent == NEW)
    assert Client().get("/api/v1/cases/", headers={"authorization": f"Token {key}"}).status_code == 401
    assert client.get("/history/").status_code == 302
    assert not LoginSession.objects.filter(user=user).exists()


@pytest.mark.parametrize("sent", [NEW, NONE])
def test_an_administrator_who_changes_their_own_password_there_keeps_a_session_that_is_listed(
    as_admin: Client, admin: User, sent: dict[str, str]
) -> None:
    assert as_admin.post(f"{USERS}{admin.pk}/password/", sent).status_code == 302
    assert LoginSession.objects.get(user=admin).session_key == as_admin.session.session_key
    assert "(this session)" in as_admin.get("/sessions/").content.decode()


def test_a_password_that_is_refused_ends_nothing(as_admin: Client, admin: User) -> None:
    before = LoginSession.objects.get()
    assert as_admin.post(f"{USERS}{admin.pk}/password/", NEW | {"password2": "another"}).status_code == 200
    assert LoginSession.objects.get() == before
