"""`manage.py unlock_login NAME`: ends a lockout after failed logins, even that of the only administrator."""

from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.access import lockout
from diagnosis.models import LoginFailures


class Command(BaseCommand):
    """Forgets the failures of a user name or of an address."""

    help = "Unlock a user name, or an address, after too many failed logins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name or address")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        keys = {name, lockout.normal(name)}
        with suppress(ValueError):
            keys.add(lockout.of_address(name))
        rows = list(LoginFailures.objects.filter(key__in=keys))
        if not rows:
            raise CommandError(f"No failed logins are known of {name!r}.")
        for row in rows:
            lockout.unlock(row, actor=None)
        self.stdout.write(f"{name} may log in again.")
