"""Who sends a request with a token."""

from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed

from diagnosis.access import selectors
from diagnosis.access.users import Person


class Tokens(TokenAuthentication):
    """DRF's tokens; their person comes with `reads_all`, in the same query, as a session's does."""

    def authenticate_credentials(self, key: str) -> tuple[Person, Token]:
        known = Token.objects.select_related("user").annotate(reads_all=selectors.is_reader("user"))
        token = known.filter(key=key).first()
        if token is None:
            raise AuthenticationFailed("Invalid token.")
        if not token.user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        token.user.reads_all = token.reads_all
        return token.user, token
