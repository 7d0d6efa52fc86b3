"""Only superusers hand out rights: no permission of the admin, alone or with others, gives a person one they lack."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import get_resolver

from diagnosis.models import Assignment, ReadingPolicy
from tests.diagnosis.access.test_blinding_routes import routes
from tests.factories import CaseFactory, UserFactory
from tests.verification.security import tried

pytestmark = pytest.mark.django_db

RIGHTS = r"^admin:(auth_|diagnosis_(readingpolicy|assignment|apitoken))"


@pytest.fixture
def people(user: User, admin: User, reader: User) -> dict[str, User]:
    """A colleague, a superuser, a reader, and an account that is closed; a policy; a case that is assigned."""
    closed = UserFactory(username="left", is_active=False)
    ReadingPolicy.objects.create(group=Group.objects.get(name="reader"), mode="blind_first")
    Assignment.objects.create(case=CaseFactory(owner=user), user=reader, assigned_by=user)
    return {"colleague": user, "admin": admin, "reader": reader, "closed": closed}


def rights(*, without: User) -> dict[str, Any]:
    """Everything in the database that lets somebody do something; of new accounts only those that can log in."""
    accounts = {
        person.pk: (
            person.username, person.password, person.is_active, person.is_staff, person.is_superuser,
            sorted(person.groups.values_list("pk", flat=True)),
            sorted(person.user_permissions.values_list("pk", flat=True)),
        )
        for person in User.objects.all()
        if person == without or person.has_usable_password() or person.is_staff or person.groups.exists()
    }  # fmt: skip
    groups = {group.name: sorted(group.permissions.values_list("pk", flat=True)) for group in Group.objects.all()}
    policies = list(ReadingPolicy.objects.order_by("pk").values_list("group__name", "mode", "readings"))
    return {"accounts": accounts, "groups": groups, "policies": policies,
            "assigned": list(Assignment.objects.values_list("case", "user", "group"))}  # fmt: skip


def crafted(person: User) -> dict[str, Any]:
    """Every field by which a form of the admin could hand something out, whether or not the form shows it."""
    reader = Group.objects.get(name="reader")
    every = list(Permission.objects.values_list("pk", flat=True))
    return {
        "username": "dicom", "name": "reader of all", "first_name": "A", "email": "a@example.org", "is_active": "on",
        "is_staff": "on", "is_superuser": "on", "groups": [reader.pk], "user_permissions": every,
        "permissions": every, "password": "pbkdf2_sha256$1$a$b", "password1": "let me in 123",
        "password2": "let me in 123", "usable_password": "true", "set-password": "1", "old_password": "x",
        "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "user": person.pk, "group": reader.pk,
        "mode": "open", "readings": 1, "case": 1, "to": person.pk, "delete": "True", "rename": "on", "post": "yes",
        "action": "delete_selected", "_selected_action": [p.pk for p in User.objects.all()] + [reader.pk, 1],
        "select_across": "1", "index": "0", "_save": "1", "_saveasnew": "1", "_popup": "1", "_to_field": "id",
        "form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": person.pk, "form-0-is_superuser": "on",
        "User_groups-TOTAL_FORMS": "1", "User_groups-INITIAL_FORMS": "0", "User_groups-0-group": reader.pk,
        "User_groups-0-user": person.pk,
    }  # fmt: skip


def plainly(person: User) -> dict[str, Any]:
    """The same without what makes a copy of the row, or answers a popup."""
    return {name: value for name, value in crafted(person).items() if name not in ("_saveasnew", "_popup")}


def admin_addresses(ids: set[int], *, only: str = "^admin:") -> Iterator[str]:
    """The admin's addresses whose name matches, with each of these numbers in them."""
    for name, route in routes(get_resolver().url_patterns):
        if not re.search(only, name) or name in ("admin:logout", "admin:login"):
            continue
        path = re.sub(r"<path:object_id>|<id>|<int:\w+>|<path:url>", "{}", route)
        path = re.sub(r"\(\?P<app_label>.*", "auth/", path).lstrip("^").replace("^", "")
        yield from {"/" + path.format(*[number] * path.count("{}")) for number in ids}


def log_in(*permissions: Permission) -> tuple[Client, User]:
    person = UserFactory(is_staff=True)
    person.user_permissions.set(permissions)
    client = Client()
    client.force_login(person)
    return client, person


@pytest.mark.attack("rights")
@pytest.mark.parametrize("codename", ["change_user", "change_group"])
@pytest.mark.slow
def test_a_permission_alone_hands_out_no_right(people: dict[str, User], codename: str) -> None:
    """tests/verification asks every address of the admin with every permission."""
    client, person = log_in(Permission.objects.get(codename=codename))
    before = rights(without=person)
    for path in admin_addresses({people["reader"].pk, Group.objects.get(name="reader").pk}, only=RIGHTS):
        tried(bool(client.post(path, crafted(person))))
    assert rights(without=person) == before


@pytest.mark.attack("rights")
@pytest.mark.slow
def test_all_permissions_together_hand_out_no_right(people: dict[str, User]) -> None:
    client, person = log_in(*Permission.objects.all())
    before = rights(without=person)
    for path in admin_addresses({people["colleague"].pk, person.pk, Group.objects.get(name="reader").pk}):
        tried(bool(client.post(path, crafted(person))))
    assert rights(without=person) == before


def test_the_same_requests_of_a_superuser_do(people: dict[str, User]) -> None:
    """Or the tests above could not fail."""
    client, person = log_in()
    User.objects.filter(pk=person.pk).update(is_superuser=True)
    reader = Group.objects.get(name="reader")
    client.post(f"/admin/auth/user/{people['colleague'].pk}/password/", plainly(person))
    client.post(f"/admin/auth/user/{people['closed'].pk}/change/", plainly(person))
    client.post(f"/admin/auth/group/{reader.pk}/change/", plainly(person))
    policy = ReadingPolicy.objects.get()
    client.post(f"/admin/diagnosis/readingpolicy/{policy.pk}/change/", plainly(person))
    assert User.objects.get(username="ada").check_password("let me in 123")
    closed = User.objects.get(pk=people["closed"].pk)
    assert (closed.username, closed.is_active, closed.is_superuser) == ("dicom", True, True)
    assert reader.permissions.exists()
    policy.refresh_from_db()
    assert policy.mode == "open"


def test_staff_add_accounts_that_nobody_can_log_in_to(people: dict[str, User]) -> None:
    client, person = log_in(*Permission.objects.filter(codename__in=("add_user", "change_user", "view_user")))
    page = client.get("/admin/auth/user/add/").content.decode()
    assert 'name="username"' in page and 'name="password1"' not in page
    assert client.post("/admin/auth/user/add/", crafted(person) | {"username": "newcomer"}).status_code in (200, 302)
    new = User.objects.get(username="newcomer")
    assert not new.has_usable_password()
    assert not (new.is_staff or new.is_superuser or new.groups.exists() or new.user_permissions.exists())
    page = client.get(f"/admin/auth/user/{new.pk}/change/").content.decode()
    assert 'name="first_name"' in page and 'name="username"' not in page and "../password/" not in page


def test_the_group_of_readers_keeps_its_name(as_admin: Client) -> None:
    reader = Group.objects.get(name="reader")
    as_admin.post(f"/admin/auth/group/{reader.pk}/change/", {"name": "everybody"})
    assert as_admin.post(f"/admin/auth/group/{reader.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [reader.pk], "post": "yes"}
    as_admin.post("/admin/auth/group/", chosen)
    assert Group.objects.filter(pk=reader.pk, name="reader").exists()


class TestPasswordAgain:
    """Before accounts and rights change."""

    PAGES = ("auth/user/add/", "auth/user/{}/change/", "auth/user/{}/password/", "auth/user/{}/remove/",
             "auth/group/add/", "diagnosis/readingpolicy/add/")  # fmt: skip

    def age(self, client: Client, minutes: float) -> None:
        session = client.session
        session["confirmed_at"] -= minutes * 60
        session.save()

    @pytest.mark.attack("confirmation")
    @pytest.mark.parametrize("page", PAGES)
    def test_an_old_login_is_asked_to_confirm(self, as_admin: Client, user: User, page: str) -> None:
        path = "/admin/" + page.format(user.pk)
        before = rights(without=user)
        assert as_admin.get(path).status_code == 200
        self.age(as_admin, 16)
        assert as_admin.get(path)["Location"] == f"/confirm/?next={path}"
        assert as_admin.post(path, crafted(user))["Location"] == f"/confirm/?next={path}"
        assert rights(without=user) == before
        assert "Nothing was changed" in as_admin.get(f"/confirm/?next={path}").content.decode()

    def test_the_password_opens_the_page_again(self, as_admin: Client, user: User) -> None:
        path = f"/admin/auth/user/{user.pk}/change/"
        self.age(as_admin, 16)
        wrong = as_admin.post("/confirm/", {"password": "guess", "next": path})
        assert "This is not your password" in wrong.content.decode()
        assert as_admin.get(path).status_code == 302
        right = as_admin.post("/confirm/", {"password": "correct horse battery", "next": path})
        assert right["Location"] == path
        assert as_admin.get(path).status_code == 200

    def test_a_form_opened_in_time_can_be_sent(self, as_admin: Client, user: User) -> None:
        self.age(as_admin, 11)
        path = f"/admin/auth/user/{user.pk}/change/"
        assert as_admin.get(path).status_code == 302
        assert as_admin.post(path, plainly(user))["Location"] == "/admin/auth/user/"

    def test_lists_and_other_pages_do_not_ask(self, as_admin: Client) -> None:
        self.age(as_admin, 16)
        for path in ("/admin/auth/user/", "/admin/auth/group/", "/admin/diagnosis/case/", "/admin/"):
            assert as_admin.get(path).status_code == 200

    @pytest.mark.attack("confirmation")
    def test_bulk_actions_on_a_list_ask(self, as_admin: Client) -> None:
        self.age(as_admin, 16)
        chosen = {"action": "delete_selected", "_selected_action": [Group.objects.get(name="reader").pk]}
        assert as_admin.post("/admin/auth/group/", chosen)["Location"] == "/confirm/?next=/admin/auth/group/"

    @pytest.mark.attack("redirects")
    def test_it_leads_to_no_other_site(self, as_admin: Client) -> None:
        fields = {"password": "correct horse battery", "next": "https://evil.example/"}
        assert as_admin.post("/confirm/", fields)["Location"] == "/history/"
