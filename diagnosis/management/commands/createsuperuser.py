"""`manage.py createsuperuser`: Django's, which without a terminal would take any password."""

import os
from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from diagnosis.access.users import User


class Command(createsuperuser.Command):
    """At a terminal Django checks by itself, and lets who sits there insist."""

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        if not options["interactive"] and password is not None:
            try:
                validate_password(password, User(username=options["username"] or ""))
            except ValidationError as error:
                raise CommandError(f"DJANGO_SUPERUSER_PASSWORD is refused. {' '.join(error.messages)}") from None
        super().handle(*args, **options)
