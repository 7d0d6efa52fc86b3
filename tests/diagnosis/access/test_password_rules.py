"""Breached and earlier passwords, and words of the site, are refused wherever a password is set."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from brainscan.launcher import account
from brainscan.launcher.errors import LaunchError
from diagnosis.access import breached_passwords
from diagnosis.access.breached_passwords import NotChecked
from diagnosis.models import AuditEvent, PasswordHistory
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
FIRST = "correct horse battery"
BREACHED = "swordfish of old 1977"
BREACHED_SAID = "known from a data breach"
USED_SAID = "one of the last"


@pytest.fixture(autouse=True)
def _breach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breached_passwords, "is_breached", lambda password: password == BREACHED)


def change(person: User, password: str) -> None:
    person.set_password(password)
    person.save()


def own_page(person: User, password: str) -> str:
    client = Client()
    client.force_login(person)
    fields = {"old_password": FIRST, "new_password1": password, "new_password2": password}
    return client.post("/password/", fields, follow=True).content.decode()


def admin_page(person: User, password: str) -> str:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    fields = {"password1": password, "password2": password, "usable_password": "true"}
    return client.post(f"/admin/auth/user/{person.pk}/password/", fields, follow=True).content.decode()


def command(person: User, password: str) -> str:
    """`changepassword` asks at a terminal, and gives up after three refusals."""
    errors = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("getpass.getpass", lambda prompt: password)
        try:
            call_command("changepassword", person.get_username(), stdout=errors, stderr=errors)
        except CommandError as error:
            errors.write(str(error))
    return errors.getvalue()


@pytest.mark.parametrize("road", [own_page, admin_page, command])
@pytest.mark.parametrize(("password", "said"), [(BREACHED, BREACHED_SAID), (FIRST, USED_SAID)])
def test_page_admin_and_command_refuse_breached_and_earlier_passwords(
    user: User, road: Callable[[User, str], str], password: str, said: str
) -> None:
    before = user.password
    assert said in road(user, password)
    user.refresh_from_db()
    assert user.password == before


@pytest.mark.parametrize("road", [own_page, admin_page, command])
def test_page_admin_and_command_store_a_new_password_and_its_history(
    user: User, road: Callable[[User, str], str]
) -> None:
    road(user, "a longer pass phrase 77")
    user.refresh_from_db()
    assert user.check_password("a longer pass phrase 77")
    newest = PasswordHistory.objects.filter(user=user).first()
    assert newest is not None and newest.encoded == user.password
    assert USED_SAID in road(user, FIRST)


def test_the_audit_trail_says_when_the_command_changed_a_password(user: User) -> None:
    assert BREACHED_SAID in command(user, BREACHED)
    command(user, "a longer pass phrase 77")
    event = AuditEvent.objects.get(action="password.changed")
    assert (event.target, event.details) == (user.get_username(), {"by": "changepassword"})


def test_a_new_account_in_the_admin(admin: User) -> None:
    client = Client()
    client.force_login(admin)
    fields = {"username": "new", "password1": BREACHED, "password2": BREACHED, "usable_password": "true"}
    assert BREACHED_SAID in client.post("/admin/auth/user/add/", fields).content.decode()
    assert not User.objects.filter(username="new").exists()


def test_a_superuser_made_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", BREACHED)
    made = {"interactive": False, "username": "new", "email": "new@example.org", "verbosity": 0}
    with pytest.raises(CommandError, match=BREACHED_SAID):
        call_command("createsuperuser", **made)
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a longer pass phrase 77")
    call_command("createsuperuser", **made)
    assert PasswordHistory.objects.get().user.get_username() == "new"
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "newer")
    call_command("createsuperuser", **(made | {"username": None}))
    call_command("createsuperuser", **(made | {"username": "\N{LATIN SMALL LIGATURE FI}ona"}))  # kept as fiona
    assert created_by_a_command() == ["new", "newer", "fiona"]


def test_a_superusers_password_is_not_like_the_name_that_the_environment_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "margarethe")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "margarethe1")
    with pytest.raises(CommandError, match="too similar"):
        call_command("createsuperuser", interactive=False, email="ada@example.org")


def created_by_a_command() -> list[str]:
    """Of whom the audit trail says so."""
    events = AuditEvent.objects.filter(action="user.created", details={"superuser": True}).order_by("id")
    return list(events.values_list("target", flat=True))


def test_without_a_terminal_no_superuser_is_made_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("createsuperuser", stdin=io.StringIO())
    assert "skipped" in capsys.readouterr().out
    assert created_by_a_command() == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_superuser_made_at_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Django's own command would ask whether to take the refused password all the same."""
    good = "a longer pass phrase 77"
    typed = iter([BREACHED, "", "new", good, "another one 123", good, good])
    monkeypatch.setattr("getpass.getpass", lambda prompt="": next(typed))
    UserFactory(username="new")
    answers = iter(["new", "bad name!", "newer", "new@example", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    call_command("createsuperuser", stdin=Terminal(), verbosity=0)
    assert list(typed) == list(answers) == []
    made = User.objects.get(username="newer")
    assert made.is_superuser and made.check_password(good)
    assert created_by_a_command() == ["newer"]
    errors = capsys.readouterr().err
    for said in ("already taken", "valid username", "valid email", BREACHED_SAID, "too short", "differ"):
        assert said in errors


def test_a_superuser_is_not_made_halfway(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(prompt: str = "") -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("getpass.getpass", interrupted)
    with pytest.raises(SystemExit):
        call_command("createsuperuser", stdin=Terminal(), username="new", email="new@example.org")
    with pytest.raises(CommandError, match="valid email"):
        call_command("createsuperuser", stdin=Terminal(), username="new", email="nowhere")
    assert not User.objects.exists()


def test_the_first_account() -> None:
    with pytest.raises(LaunchError, match=BREACHED_SAID):
        account.prepare(password=BREACHED)
    assert not User.objects.exists()
    for password in ("a pass phrase 77", "a pass phrase 78", "a pass phrase 77"):  # set at every start: it may return
        account.prepare(password=password)
    with pytest.raises(LaunchError, match="too short"):
        account.prepare(password="short")
    assert User.objects.get().check_password("a pass phrase 77")


def test_the_last_five_are_refused_and_the_sixth_is_not(user: User) -> None:
    passwords = [f"pass phrase number {number}" for number in range(6)]
    for password in passwords:
        change(user, password)
    for password in passwords[1:]:
        with pytest.raises(ValidationError, match="last 5"):
            validate_password(password, user)
    validate_password(passwords[0], user)
    assert PasswordHistory.objects.filter(user=user).count() == 5


def test_nobody_elses_password_counts(user: User, other_user: User) -> None:
    change(other_user, "pass phrase number 1")
    validate_password("pass phrase number 1", user)


def test_an_account_without_a_password_has_no_earlier_one() -> None:
    person, _ = User.objects.get_or_create(username="newcomer")
    assert (person.password, PasswordHistory.objects.count()) == ("", 0)
    person.set_password("correct horse battery")
    person.save()
    assert PasswordHistory.objects.get().encoded == person.password


def test_without_a_history_nothing_is_kept(user: User, settings: Any) -> None:
    change(user, "pass phrase number 1")
    settings.PASSWORD_HISTORY = 0
    change(user, "pass phrase number 2")
    assert not PasswordHistory.objects.exists()
    validate_password("pass phrase number 2", user)


def test_a_login_that_hashes_anew_is_no_change(user: User, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    assert user.check_password(FIRST)
    assert user.password.startswith("pbkdf2")
    assert PasswordHistory.objects.filter(user=user).count() == 1


def test_what_could_not_be_looked_up_is_taken_and_noted(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> bool:
        raise NotChecked("the service is away")

    monkeypatch.setattr(breached_passwords, "is_breached", away)
    assert "Your password is changed" in own_page(user, BREACHED)
    event = AuditEvent.objects.get(action="password.not_checked")
    assert (event.target_id, event.details) == (str(user.pk), {"reason": "the service is away"})


@pytest.mark.parametrize(
    ("password", "taken"),
    [
        ("brainscan2026", False),
        ("BrainScan!!!", False),
        ("scans-2026", False),
        ("charité 1710", False),
        ("brainscan correct horse", True),
        ("org example mri 77", True),  # of three letters, or in a name that is none of the site's
    ],
)
def test_passwords_made_of_the_sites_words_are_refused(settings: Any, password: str, taken: bool) -> None:
    settings.ALLOWED_HOSTS = ["scans.hospital.org", "10.0.0.7", "[::1]", "*"]
    settings.PASSWORD_WORDS = ["charité", "mri"]
    if taken:
        return validate_password(password)
    with pytest.raises(ValidationError) as refused:
        validate_password(password)
    assert refused.value.error_list[0].code == "site_word"
