"""What a changed password ends."""

from typing import Any

from rest_framework.authtoken.models import Token

from diagnosis.access import audit


class TokenRevocationValidator:
    """A password validator that takes any password; Django tells it when one was changed. Whoever changes a password
    means to shut others out, so the person's API token ends as their other sessions do."""

    def validate(self, password: str, user: Any = None) -> None:
        """Never raises."""

    def get_help_text(self) -> str:
        return "Changing it ends other sessions and the API token."

    def password_changed(self, password: str, user: Any = None) -> None:
        if user is not None and user.pk and Token.objects.filter(user=user).delete()[0]:
            audit.record("token.revoked", target=user)
