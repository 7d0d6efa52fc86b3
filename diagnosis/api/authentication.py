"""Token authentication."""

from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed

from diagnosis.access import selectors
from diagnosis.access.users import User


class Tokens(TokenAuthentication):
    """DRF's tokens. Their user comes with `is_reader`, in the same query, as a session's does."""

    def authenticate_credentials(self, key: str) -> tuple[User, Token]:
        known = Token.objects.select_related("user").annotate(is_reader=selectors.in_reader_group("user"))
        token = known.filter(key=key).first()
        if token is None:
            raise AuthenticationFailed("Invalid token.")
        if not token.user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        token.user.is_reader = token.is_reader
        return token.user, token
