"""Revokes a person's API tokens when the password changes."""

from typing import Any

from diagnosis.access import sessions, tokens
from diagnosis.access.users import User


class TokenRevocationValidator:
    """A password validator that accepts every password, because Django tells validators when one was changed.

    A new password is meant to shut others out, so the API tokens end along with the other sessions.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Never raises."""

    def get_help_text(self) -> str:
        return "Changing it ends other sessions and the API tokens."

    def password_changed(self, password: str, user: Any = None) -> None:
        if user is not None and user.pk:
            shut_out(user)


def shut_out(user: User) -> None:
    """End all tokens and sessions of this person."""
    tokens.revoke_all(user)
    sessions.forget(user)
