"""`manage.py create_token USERNAME`: a token for the HTTP API, for scripts.

Only someone who can run commands on the server gets one, and each is audited. The site keeps no key, so each call makes
a new token; earlier ones stay valid.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from diagnosis.access import tokens
from diagnosis.access.refusals import Refused
from diagnosis.models.api_token import ApiToken, Scope

NAME = "command line"


class Command(BaseCommand):
    """Prints the token and nothing else, so that a script can read it."""

    help = "Make an API token for a user, and print it. It is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default=NAME, help=f"what it is for (default: {NAME}, numbered)")
        parser.add_argument(
            "--scope", action="append", choices=Scope.values, help="what it allows; repeat for several (default: all)"
        )
        parser.add_argument("--days", type=int, help="days until it expires (default: never)")
        parser.add_argument("--rotate", action="store_true", help="revoke the user's tokens of this name first")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no user {options['username']!r}. "
                "Add one in the admin, or: .venv/bin/python manage.py createsuperuser"
            )
        if not user.is_active:
            raise CommandError(f"The account {options['username']!r} is deactivated, so its token would not work.")
        scopes = options["scope"] or Scope.values
        try:
            with transaction.atomic():
                same = [one for one in tokens.of(user) if _is_numbered(one, options["name"])]
                for token in same if options["rotate"] else ():
                    tokens.revoke(token, actor=None)
                name = _free(options["name"], [] if options["rotate"] else same)
                _, key = tokens.create(user, name=name, scopes=scopes, days=options["days"])
        except Refused as error:
            raise CommandError(error.message) from None
        self.stdout.write(key)


def _is_numbered(token: ApiToken, name: str) -> bool:
    rest = token.name.removeprefix(name)
    return token.name.startswith(name) and (not rest or rest.strip().isdecimal())


def _free(name: str, same: list[ApiToken]) -> str:
    taken = {one.name for one in same}
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return next(one for one in (name, *numbered) if one not in taken)
