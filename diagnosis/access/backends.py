"""Who is logged in, with what every page needs to know of them."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from diagnosis.access import selectors
from diagnosis.access.users import Person


class Accounts(ModelBackend):
    """Django's accounts; a session's person comes with `reads_all`, in the same query."""

    def get_user(self, user_id: Any) -> Person | None:
        person = Person.objects.annotate(reads_all=selectors.is_reader("pk")).filter(pk=user_id).first()
        return person if person is not None and self.user_can_authenticate(person) else None
