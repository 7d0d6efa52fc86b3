"""`manage.py restore SOURCE`: a backup into an empty site, which is checked afterwards."""

import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brainscan.backup import restoring
from brainscan.backup.manifest import BackupError
from brainscan.launcher.errors import LaunchError
from diagnosis.access import key_rotation


class Command(BaseCommand):
    help = (
        "Restores the backup in SOURCE into an empty DATA_DIR, database and storage, then checks integrity and the "
        "audit trail. Exit status: 0 if all is well, 1 if something was found."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = restoring.restore(options["source"])
        except (BackupError, LaunchError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Restored the backup of {found.created}: {found.files:,} files and the database.")
        try:
            call_command("audit_verify", "--known", found.audit_head, stdout=self.stdout)
            call_command("check_integrity", stdout=self.stdout)
        except CommandError as error:
            self.stderr.write(str(error))
            sys.exit(1)
        if names := key_rotation.unopened():
            raise CommandError(key_rotation.lost(names))
