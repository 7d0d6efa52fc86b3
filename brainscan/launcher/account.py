"""The first account, so that somebody can sign in to a fresh site; there is no default password."""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError

from brainscan.launcher.errors import LaunchError
from diagnosis.access import audit, password_rules

USERNAME = "admin"


def prepare(*, password: str) -> None:
    """Create the account `admin` if the site has no superuser.

    With a `password` (ADMIN_PASSWORD), `admin` gets that password at every start. Without one, a new account has no
    password until `one_time_password` sets it, so an interrupted start locks nobody out.
    Raises LaunchError if the account exists but is no administrator and the site needs one, or for a password that the
    site's rules refuse.
    """
    users = get_user_model().objects
    account: AbstractUser | None = users.filter(username=USERNAME).first()
    if account is None:
        if password or not users.filter(is_superuser=True).exists():
            _check(password, get_user_model()(username=USERNAME))
            made = users.create_superuser(username=USERNAME, password=password or None)
            audit.record_of_site("user.created", target=made, superuser=True)
        return
    if not account.is_superuser and (password or not users.filter(is_superuser=True).exists()):
        raise LaunchError(
            f"The account {USERNAME!r} exists but is no administrator. "
            "Make another: .venv/bin/python manage.py createsuperuser"
        )
    if password and not account.check_password(password):
        _check(password, account)
        account.set_password(password)
        account.save(update_fields=["password"])
        audit.record_of_site("password.changed", target=account, by="ADMIN_PASSWORD")


def _check(password: str, account: Any) -> None:
    if password:
        try:
            password_rules.check_given(password, account)
        except ValidationError as error:
            raise LaunchError(f"ADMIN_PASSWORD is refused. {' '.join(error.messages)}") from None


def one_time_password() -> str | None:
    """Set and return a random password, to be shown once, if `admin` has none and never logged in; else None.

    Only its hash is stored.
    """
    account = get_user_model().objects.filter(username=USERNAME, last_login=None, is_superuser=True).first()
    if account is None or account.has_usable_password():
        return None
    password = secrets.token_urlsafe(12)
    account.set_password(password)
    account.save(update_fields=["password"])
    audit.record_of_site("password.changed", target=account, by="one-time password")
    return password
