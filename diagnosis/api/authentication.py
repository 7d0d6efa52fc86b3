"""Token authentication."""

from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed

from diagnosis.access import reading_policy, selectors
from diagnosis.access.users import User


class Tokens(TokenAuthentication):
    """DRF's tokens. Their user comes with `is_reader` and the reading policy, in one query, as a session's does."""

    def authenticate_credentials(self, key: str) -> tuple[User, Token]:
        rules = {"is_reader": selectors.in_reader_group("user"), **reading_policy.columns("user")}
        token = Token.objects.select_related("user").annotate(**rules).filter(key=key).first()
        if token is None:
            raise AuthenticationFailed("Invalid token.")
        if not token.user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        for name in rules:
            setattr(token.user, name, getattr(token, name))
        return token.user, token
