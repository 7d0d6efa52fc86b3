"""Revokes a user's API token when the password changes."""

from typing import Any

from rest_framework.authtoken.models import Token

from diagnosis.access import audit


class TokenRevocationValidator:
    """A password validator that accepts every password, because Django tells validators when one was changed.

    Whoever changes a password wants to shut others out, so the API token ends along with the other sessions.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Never raises."""

    def get_help_text(self) -> str:
        return "Changing it ends other sessions and the API token."

    def password_changed(self, password: str, user: Any = None) -> None:
        if user is not None and user.pk and Token.objects.filter(user=user).delete()[0]:
            audit.record("token.revoked", target=user)
