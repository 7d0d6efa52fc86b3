"""`manage.py create_token USERNAME`: a token for the HTTP API, for scripts.

Only someone who can run commands on the server gets one, and each time it is shown is audited.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from rest_framework.authtoken.models import Token

from diagnosis.access import audit


class Command(BaseCommand):
    """Prints the token and nothing else, so that a script can read it."""

    help = "Print the API token of a user; makes one if there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--rotate", action="store_true", help="replace the token; the old one is void at once")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no user {options['username']!r}. "
                "Add one in the admin, or: .venv/bin/python manage.py createsuperuser"
            )
        if not user.is_active:
            raise CommandError(f"The account {options['username']!r} is deactivated, so its token would not work.")
        with transaction.atomic():
            rotated = options["rotate"] and bool(Token.objects.filter(user=user).delete()[0])
            token, created = Token.objects.get_or_create(user=user)
            audit.record("token.rotated" if rotated else "token.created" if created else "token.shown", target=user)
        self.stdout.write(token.key)
