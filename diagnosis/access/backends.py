"""Loads the user of a session, with what the rules about visibility need."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from diagnosis.access import reading_policy, selectors
from diagnosis.access.users import User


class UserBackend(ModelBackend):
    """Django's own backend; its one query for the user also annotates `is_reader` and the reading policy."""

    def get_user(self, user_id: Any) -> User | None:
        known = User.objects.annotate(is_reader=selectors.in_reader_group("pk"), **reading_policy.columns("pk"))
        user = known.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
