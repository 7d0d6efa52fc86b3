"""`manage.py pull_study --accession N --user NAME`: fetch a study's MR images from the archive."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis import intake
from diagnosis.access.users import User
from diagnosis.dicom import retrieve
from diagnosis.dicom.errors import PacsError


class Command(BaseCommand):
    help = "Fetch a study's MR images from the archive that DICOMWEB_URL names, into a case of USER."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--accession", required=True, help="Accession number, or - to read it from standard input.")
        parser.add_argument("--user", required=True, help="Who owns the case.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError("There is no active account of that name.")
        # Every user of a machine can see the arguments of its processes, but not their standard input.
        accession = sys.stdin.readline() if options["accession"] == "-" else options["accession"]
        try:
            receipt = retrieve.fetch_study(user=user, accession=accession)
        except PacsError as error:
            raise CommandError(error.message) from None
        except (intake.Busy, intake.NoRoom) as error:
            raise CommandError(str(error)) from None
        for rejected in receipt.rejected:
            self.stderr.write(f"{rejected.name}: {rejected.detail}")
        if receipt.case is None:
            raise CommandError("No image of the study was accepted; the lines above say why.")
        images = sum(accepted.files for accepted in receipt.accepted)
        self.stdout.write(f"{receipt.case.reference}: {images} images in {len(receipt.accepted)} scans")
