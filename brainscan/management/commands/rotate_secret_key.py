"""`manage.py rotate_secret_key`: a new key in DATA_DIR, while the site stands still."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from brainscan.launcher import key_rotation
from brainscan.launcher.errors import LaunchError
from diagnosis.access import audit


class Command(BaseCommand):
    help = (
        "Make a new SECRET_KEY in DATA_DIR. The old one goes into DATA_DIR/secret_key_fallbacks, so that sessions and "
        "authenticator apps stay valid; UIDs and pseudonyms stay as they are. Stop the site first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS"):
            if os.environ.get(name):
                raise CommandError(
                    f"{name} is set in the environment, so this site has no key in DATA_DIR. Set a new SECRET_KEY "
                    "there, and the old one in front of SECRET_KEY_FALLBACKS."
                )
        try:
            key_rotation.rotate(
                settings.DATA_DIR,
                key=settings.SECRET_KEY,
                fallbacks=settings.SECRET_KEY_FALLBACKS,
                deid_secret=settings.DEID_SECRET,
            )
        except LaunchError as error:
            raise CommandError(str(error)) from None
        audit.record("secret_key.rotated")
        self.stdout.write("A new key is in place. Start the site, then run: manage.py move_authenticator_apps")
