"""Removing the second factor of somebody who lost it: by superusers, in the admin or on the server."""

import time

import pyotp
import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from diagnosis.access import app_secret, second_factor
from diagnosis.models import AuditEvent, Passkey, SecondFactor

LIST = "/admin/diagnosis/secondfactor/"
SEED = "5eed" * 16


@pytest.fixture
def factor(user: User) -> SecondFactor:
    second_factor.add(user, seed=SEED, code=pyotp.TOTP(app_secret.secret(SEED)).generate_otp(int(time.time()) // 30))
    return user.second_factor


@pytest.fixture
def as_staff(client: Client, other_user: User) -> Client:
    """Logged in as staff with every permission, but no superuser."""
    other_user.is_staff = True
    other_user.save()
    other_user.user_permissions.set(Permission.objects.all())
    client.post("/login/", {"username": "grace", "password": "correct horse battery"})
    return client


def test_a_superuser_removes_it_and_sees_no_secret(client: Client, admin: User, factor: SecondFactor) -> None:
    client.post("/login/", {"username": "root", "password": "correct horse battery"})
    pages = client.get(LIST).content.decode() + client.get(f"{LIST}{factor.pk}/change/").content.decode()
    assert "ada" in pages
    assert SEED not in pages and app_secret.secret(SEED) not in pages
    assert client.post(f"{LIST}add/", {}).status_code == 403
    deletion = {"action": "delete_selected", "_selected_action": factor.pk, "post": "yes"}
    assert client.post(LIST, deletion).status_code == 302
    assert AuditEvent.objects.get(action="second_factor.removed").actor == "root"


def test_staff_with_every_permission_do_not(as_staff: Client, factor: SecondFactor) -> None:
    assert as_staff.post(f"{LIST}{factor.pk}/delete/", {"post": "yes"}).status_code == 403
    assert SecondFactor.objects.exists()


def test_the_command(factor: SecondFactor) -> None:
    call_command("remove_second_factor", "ada")
    assert AuditEvent.objects.get(action="second_factor.removed").target == "ada"
    for name, message in (("ada", "has no second factor"), ("nobody", "no user")):
        with pytest.raises(CommandError, match=message):
            call_command("remove_second_factor", name)


class TestPasskeys:
    LIST = "/admin/diagnosis/passkey/"

    @pytest.fixture
    def passkey(self, factor: SecondFactor) -> Passkey:
        return Passkey.objects.create(factor=factor, name="Laptop", host="localhost", credential_id="aWQ")

    def test_a_superuser_removes_one(self, client: Client, admin: User, passkey: Passkey) -> None:
        client.post("/login/", {"username": "root", "password": "correct horse battery"})
        page = client.get(self.LIST).content.decode() + client.get(f"{self.LIST}{passkey.pk}/change/").content.decode()
        assert "ada" in page and "Laptop" in page
        assert client.post(f"{self.LIST}add/", {}).status_code == 403
        deletion = {"action": "delete_selected", "_selected_action": passkey.pk, "post": "yes"}
        assert client.post(self.LIST, deletion).status_code == 302
        assert AuditEvent.objects.get(action="passkey.removed").actor == "root"
        assert SecondFactor.objects.get().has_app

    def test_removing_the_second_factor_takes_them_along(self, client: Client, admin: User, passkey: Passkey) -> None:
        client.post("/login/", {"username": "root", "password": "correct horse battery"})
        assert client.post(f"{LIST}{passkey.factor.pk}/delete/", {"post": "yes"}).status_code == 302
        assert not Passkey.objects.exists()

    def test_staff_with_every_permission_do_not(self, as_staff: Client, passkey: Passkey) -> None:
        assert as_staff.post(f"{self.LIST}{passkey.pk}/delete/", {"post": "yes"}).status_code == 403
        assert Passkey.objects.exists()
