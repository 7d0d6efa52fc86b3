"""Authenticator apps outlive a change of SECRET_KEY, and are brought under the new one."""

import time
from typing import Any

import pyotp
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from diagnosis.access import app_secret, key_rotation, second_factor
from diagnosis.models import AuditEvent, SecondFactor
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
OF_BEFORE = "5eed" * 16
"""A seed as it was before seeds named their key."""


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "first" * 9, []


class App:
    """A person's app, which keeps what it was given whatever becomes of the site's keys."""

    def __init__(self, user: User, *, seed: str) -> None:
        self.user, self.secret = user, app_secret.secret(seed)
        second_factor.add(user, seed=seed, code=self.code())
        self.forget()

    def code(self) -> str:
        return pyotp.TOTP(self.secret).generate_otp(int(time.time()) // 30)

    def works(self) -> bool:
        self.forget()
        return second_factor.check(self.user, self.code())

    def forget(self) -> None:
        """Of which time the last code was; each is taken once."""
        SecondFactor.objects.filter(user=self.user).update(last_step=0)


def rotate(settings: Any, key: str) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    settings.SECRET_KEY = key * 9


@pytest.fixture(params=["named", "of before"])
def app(user: User, request: pytest.FixtureRequest) -> App:
    return App(user, seed=OF_BEFORE if request.param == "of before" else app_secret.new_seed())


def test_an_app_works_as_long_as_its_key_is_a_fallback(app: App, settings: Any) -> None:
    rotate(settings, "second")
    rotate(settings, "third")
    assert app.works()
    settings.SECRET_KEY_FALLBACKS = []
    assert not app.works()


def test_a_moved_app_needs_the_new_key_alone(app: App, settings: Any) -> None:
    for key in ("second", "third"):
        rotate(settings, key)
        assert key_rotation.move_apps() == key_rotation.Moved(moved=1, there_already=0, unopened=[])
        settings.SECRET_KEY_FALLBACKS = []
        assert app.works()
        assert key_rotation.move_apps() == key_rotation.Moved(moved=0, there_already=1, unopened=[])
    assert [row.details for row in AuditEvent.objects.filter(action="second_factor.apps_moved")] == [{"moved": 1}] * 2
    settings.SECRET_KEY = "first" * 9
    assert not app.works()


def test_apps_of_several_keys_are_moved_each_from_its_own(settings: Any) -> None:
    apps = [App(UserFactory(), seed=OF_BEFORE)]
    for key in ("second", "third"):
        rotate(settings, key)
        apps.append(App(UserFactory(), seed=app_secret.new_seed()))
    SecondFactor.objects.create(user=UserFactory())  # has passkeys alone
    assert key_rotation.move_apps() == key_rotation.Moved(moved=2, there_already=1, unopened=[])
    settings.SECRET_KEY_FALLBACKS = []
    assert all(app.works() for app in apps)


def test_the_database_holds_no_secret_of_a_moved_app(app: App, settings: Any) -> None:
    rotate(settings, "second")
    key_rotation.move_apps()
    seed = SecondFactor.objects.get().seed
    assert seed.startswith("sealed:") and app.secret not in seed
    SecondFactor.objects.update(seed=f"{seed[:-6]}AAAAA=")
    assert not app.works()


def test_the_command_names_whose_app_no_key_opens(user: User, settings: Any, capsys: Any) -> None:
    App(user, seed=app_secret.new_seed())
    call_command("move_authenticator_apps")
    assert capsys.readouterr().out == "Authenticator apps: 0 moved, 1 were there already.\n"
    settings.SECRET_KEY = "second" * 9
    with pytest.raises(CommandError, match=r"No key opens the authenticator app of: ada\."):
        call_command("move_authenticator_apps")
    assert not AuditEvent.objects.filter(action="second_factor.apps_moved").exists()
