"""`manage.py move_authenticator_apps`: move people's authenticator apps to a new SECRET_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from diagnosis.access import key_rotation


class Command(BaseCommand):
    help = (
        "Bring people's authenticator apps from the keys of SECRET_KEY_FALLBACKS under SECRET_KEY, so that those can "
        "be dropped. Exit status 1 if there are apps that none of the keys opens."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = key_rotation.move_apps()
        self.stdout.write(f"Authenticator apps: {found.moved} moved, {found.there_already} were there already.")
        if found.unopened:
            raise CommandError(key_rotation.lost(found.unopened))
