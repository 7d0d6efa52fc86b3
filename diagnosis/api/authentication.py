"""Token authentication."""

from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed

from diagnosis.access import selectors
from diagnosis.access.users import User


class Tokens(TokenAuthentication):
    """DRF's tokens. Their user comes with `selectors.user_columns`, in one query, as a session's does."""

    def authenticate_credentials(self, key: str) -> tuple[User, Token]:
        columns = selectors.user_columns("user")
        token = Token.objects.select_related("user").annotate(**columns).filter(key=key).first()
        if token is None:
            raise AuthenticationFailed("Invalid token.")
        if not token.user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        for name in columns:
            setattr(token.user, name, getattr(token, name))
        return token.user, token
