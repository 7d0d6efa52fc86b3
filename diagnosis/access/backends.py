"""Loads the user of a session, with what the rules about visibility need."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from diagnosis.access import selectors
from diagnosis.access.users import User


class UserBackend(ModelBackend):
    """Django's own backend; its one query for the user also annotates `selectors.user_columns`."""

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.annotate(**selectors.user_columns("pk")).filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
