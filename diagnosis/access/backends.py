"""Who is logged in, with what every page needs to know of them."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from diagnosis.access import selectors
from diagnosis.access.users import User


class UserBackend(ModelBackend):
    """Django's accounts; a session's person comes with `is_reader`, in the same query."""

    def get_user(self, user_id: Any) -> User | None:
        person = User.objects.annotate(is_reader=selectors.in_reader_group("pk")).filter(pk=user_id).first()
        return person if person is not None and self.user_can_authenticate(person) else None
