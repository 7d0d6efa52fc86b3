"""`manage.py backup TARGET`: database, files and keys of a running site in a new folder."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brainscan.backup import making
from brainscan.backup.manifest import BackupError
from diagnosis.access import key_rotation

_KEYS = "SECRET_KEY, SECRET_KEY_FALLBACKS and DEID_SECRET"


class Command(BaseCommand):
    help = "Backs the whole site up into TARGET, a new folder, while it runs. The folder holds its secrets: lock it up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", type=Path)
        parser.add_argument(
            "--without-keys",
            action="store_true",
            help=f"Leave {_KEYS} out. A restore then needs them in the environment.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = making.make(options["target"], with_keys=not options["without_keys"])
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from None
        for name in made.missing:
            self.stderr.write(f"missing from the storage, or changed there: {name}")
        if names := key_rotation.unopened():
            self.stderr.write(key_rotation.lost(names))
        self.stdout.write(f"Backed up: {made.files:,} files, {made.bytes / 1e6:,.1f} MB, and the database.")
        self.stdout.write(
            f"{_KEYS} are in secrets.json."
            if made.with_keys
            else f"{_KEYS} are not in it: a restore needs them in the environment, so keep them elsewhere."
        )
