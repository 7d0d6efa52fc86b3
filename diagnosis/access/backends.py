"""Checks passwords within the lockout's limits, and loads a session's user with what the visibility rules need."""

from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import QuerySet
from django.http import HttpRequest

from diagnosis.access import lockout, selectors
from diagnosis.access.oidc import accounts
from diagnosis.access.users import User


class UserBackend(ModelBackend):
    """Django's own backend; its one query for the user also annotates `selectors.user_columns`."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """As Django's, within the limits of `lockout` and OIDC_LOCAL_LOGIN, on every page. Raises lockout.Locked."""
        if username is None or password is None:
            return None
        with lockout.attempt(username=username) as attempt:
            user = super().authenticate(request, username=username, password=password, **kwargs)
            if user is not None and not accounts.may_log_in_here(user):
                user = None
            attempt.succeeded = user is not None
        return user

    def get_user(self, user_id: Any) -> User | None:
        user = _with_columns().filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


@cache
def _with_columns() -> QuerySet[User]:
    """All users, to filter. Made once, as every request of a session loads one."""
    return User.objects.annotate(**selectors.user_columns("pk"))
