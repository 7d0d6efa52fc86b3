"""The first account: somebody has to be able to sign in to a fresh site, and no password may be known beforehand."""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser

from brainscan.launcher.errors import LaunchError

USERNAME = "admin"


def prepare(*, password: str) -> None:
    """See that a site without a superuser has `admin`.

    With `password` (ADMIN_PASSWORD) the account gets it, now and at every start. Without one a new account has none
    until `one_time_password` gives it one, so that a start cut short locks nobody out.
    """
    users = get_user_model().objects
    account: AbstractUser | None = users.filter(username=USERNAME).first()
    if account is None:
        if password or not users.filter(is_superuser=True).exists():
            users.create_superuser(username=USERNAME, password=password or None)
        return
    if not account.is_superuser and (password or not users.filter(is_superuser=True).exists()):
        raise LaunchError(
            f"The account {USERNAME!r} exists but is no administrator. "
            "Make another: .venv/bin/python manage.py createsuperuser"
        )
    if password and not account.check_password(password):
        account.set_password(password)
        account.save(update_fields=["password"])


def one_time_password() -> str | None:
    """A new random password for an `admin` that never had one, to be shown once; None if the account is in use.

    Only its hash is stored.
    """
    account = get_user_model().objects.filter(username=USERNAME, last_login=None, is_superuser=True).first()
    if account is None or account.has_usable_password():
        return None
    password = secrets.token_urlsafe(12)
    account.set_password(password)
    account.save(update_fields=["password"])
    return password
