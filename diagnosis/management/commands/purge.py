"""`manage.py purge`: purge by hand what beat purges once an hour."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from diagnosis.cases import purge, retention
from diagnosis.cases.failures import Failures, Unfinished
from diagnosis.models import DiscardedFile


class Command(BaseCommand):
    help = "Deletes for good what has been in the trash for TRASH_DAYS. Without --yes it only says what that would be."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="Delete it.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["yes"]:
            failures = Failures()
            expired, done = retention.expire(failures), purge.purge(failures)
            self.stdout.write(
                f"{expired} expired cases moved to the trash. "
                f"Deleted {done.cases} cases, {done.scans} scans and {done.files} files."
            )
            try:
                failures.report()
            except Unfinished as error:
                raise CommandError(str(error)) from None
            return
        now = timezone.now()
        for case in retention.expired(now):
            self.stdout.write(f"to the trash: case {case.reference} of {case.owner.get_username()}")
        for case in purge.due_cases(now).select_related("owner"):
            self.stdout.write(f"to delete: case {case.reference} of {case.owner.get_username()}")
        for scan in purge.due_scans(now):
            self.stdout.write(f"to delete: scan {scan.name} of case {scan.case.reference}")
        if files := DiscardedFile.objects.count():
            self.stdout.write(f"to delete: {files} files that an earlier purge left behind")
        self.stdout.write("Nothing was changed. Run it again with --yes to do so.")
