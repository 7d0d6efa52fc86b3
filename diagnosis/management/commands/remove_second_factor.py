"""`manage.py remove_second_factor USERNAME`: for people who have lost their devices and recovery codes."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.access import second_factor


class Command(BaseCommand):
    """Removes app, passkeys and recovery codes. First make sure that it is really that person who asks."""

    help = "Remove a person's second factor, so that the password alone logs in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        if not second_factor.remove(user, actor=None):
            raise CommandError(f"{options['username']} has no second factor.")
        self.stdout.write(f"{options['username']} no longer has a second factor.")
