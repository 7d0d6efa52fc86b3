"""What a new password may not be, beyond Django's own rules: breached, used before, or the site's name and little else.

Django asks these wherever a person sets a password: on the site's page, in the admin, and by `changepassword` and
`createsuperuser`.
"""

from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.password_validation import get_default_password_validators, validate_password
from django.core.exceptions import ValidationError

from diagnosis.access import audit, breached_passwords, password_history
from diagnosis.access.users import User

_log = structlog.get_logger(__name__)

_BESIDE_A_WORD = 8
"""Characters that a password needs apart from a word of the site."""


class SiteWordsValidator:
    """Refuses the name of the product, of the site's hosts, and PASSWORD_WORDS, with a few characters around them."""

    def validate(self, password: str, user: Any = None) -> None:
        plain = password.casefold()
        for word in site_words():
            if word in plain and len(plain.replace(word, "")) < _BESIDE_A_WORD:
                raise ValidationError(
                    f"This password is little more than “{word}”, which everybody here knows.", "site_word"
                )

    def get_help_text(self) -> str:
        return "It can’t be the name of this site or of your institution with a few characters around it."


class BreachedPasswordValidator:
    """Refuses passwords known from breaches, where the administrator has named a file or a service to look in.

    A password that could not be looked up is accepted, and the audit trail says so: people must be able to change a
    stolen password at once, even while the service is down.
    """

    def validate(self, password: str, user: Any = None) -> None:
        try:
            breached = breached_passwords.is_breached(password)
        except breached_passwords.NotChecked as error:
            person = user if user is not None and user.pk else None
            _log.warning("password_not_checked", reason=str(error))
            audit.record("password.not_checked", target=person, reason=str(error))
            return
        if breached:
            raise ValidationError(
                "This password is known from a data breach of another site, so attackers try it. Choose another.",
                "password_breached",
            )

    def get_help_text(self) -> str:
        return "It can’t be one that is known from a data breach."


class PasswordHistoryValidator:
    """Refuses a person's last passwords, and keeps each new one."""

    def validate(self, password: str, user: Any = None) -> None:
        if user is not None and user.pk and password_history.was_used(user, password):
            raise ValidationError(
                f"This is one of the last {settings.PASSWORD_HISTORY} passwords of this account. Choose another.",
                "password_used_before",
            )

    def get_help_text(self) -> str:
        return f"It can’t be one of your last {settings.PASSWORD_HISTORY}." if settings.PASSWORD_HISTORY else ""

    def password_changed(self, password: str, user: Any = None) -> None:
        if user is not None and user.pk:
            password_history.keep(user)


def site_words() -> set[str]:
    """Words that everybody at this site knows: of four letters or more, in lower case."""
    hosts = [host for host in settings.ALLOWED_HOSTS if not host.replace(".", "").isdecimal() and ":" not in host]
    parts = {part.casefold() for host in hosts for part in host.split(".")}
    return {"brainscan"} | {word for word in parts | set(settings.PASSWORD_WORDS) if len(word) >= 4}


def check_given(password: str, user: User) -> None:
    """Check a password that the environment sets at every start, so it may come back. Raises ValidationError."""
    validators = get_default_password_validators()
    validate_password(password, user, [one for one in validators if not isinstance(one, PasswordHistoryValidator)])
