"""Token authentication, and what a token allows."""

from typing import Any

from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from diagnosis.access import lockout, tokens
from diagnosis.access.users import User
from diagnosis.models.api_token import ApiToken, Scope


class Tokens(TokenAuthentication):
    """Our tokens under DRF's header, `Authorization: Token …`."""

    def authenticate_credentials(self, key: str) -> tuple[User, ApiToken]:
        token = tokens.find(key)
        if token is None:
            _refuse_while_locked()
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        if not token.user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        tokens.note_use(token)
        return token.user, token


def _refuse_while_locked() -> None:
    """Count a wrong token against its address, or say how long to wait before the next one is looked at."""
    try:
        lockout.token_failed()
    except lockout.Locked as error:
        raise Throttled(error.seconds, error.message) from None


class WithinScope(BasePermission):
    """A token does what its scopes name: `read` for what changes nothing, else the view's `token_scope` or `change`.

    A session has all scopes.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        needed = Scope.READ if request.method in SAFE_METHODS else getattr(view, "token_scope", Scope.CHANGE)
        self.message = f"This token does not allow this: it needs the scope {needed.value}."
        self.code = "scope_missing"
        return needed in request.auth.scopes
