"""`manage.py load_demo`: three simulated cases, predicted for real, so that a new site has something to look at."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis import demo, intake
from diagnosis.access.users import User
from diagnosis.models import Case
from ml.average_brain import Volume


class Command(BaseCommand):
    """The files go through intake like any upload. Running it again adds nothing."""

    help = "Add three simulated sample cases (an average brain, twice with a lesion painted in) for a user."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", default="admin", metavar="USERNAME", help="who will own them (default: admin)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}. Name another with --user.")
        self._refuse_real_cases(user)
        try:
            volume = demo.load_template()
        except demo.TemplateMissing as error:
            raise CommandError(str(error)) from error
        for sample in demo.SAMPLES:
            self._load(sample, volume, user)

    def _refuse_real_cases(self, user: User) -> None:
        """Simulated images must never be mixed with somebody's real ones."""
        references = [sample.reference for sample in demo.SAMPLES]
        taken = Case.objects.filter(owner=user, reference__in=references, simulated=False).first()
        if taken is not None:
            raise CommandError(f"{user} has a case of their own called {taken.reference}; nothing was added.")

    def _load(self, sample: demo.Sample, volume: Volume, user: User) -> None:
        files = [ContentFile(data, name=name) for name, data in demo.files(sample, volume)]
        receipt = intake.receive(user=user, files=files, reference=sample.reference, simulated=True)
        if receipt.rejected:
            raise CommandError(f"{receipt.rejected[0].name} was not accepted: {receipt.rejected[0].detail}")
        duplicates = sum(accepted.duplicate_of == accepted.scan for accepted in receipt.accepted)
        self.stdout.write(f"{sample.reference}: {len(receipt.accepted) - duplicates} added, {duplicates} there before.")
