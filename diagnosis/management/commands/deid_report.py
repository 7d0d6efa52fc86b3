"""What was kept of the files of a case: to show to whoever answers for the patients' data."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.models import Case, Scan


class Command(BaseCommand):
    help = "Tells, for each scan of a case, what was kept of its file, and what was not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("case", help="reference of the case")
        parser.add_argument("--owner", help="user name; needed where several people have a case of that name")

    def handle(self, *args: Any, **options: Any) -> None:
        cases = Case.objects.filter(reference=options["case"])
        if options["owner"]:
            cases = cases.filter(owner__username=options["owner"])
        found = list(cases.select_related("owner"))
        if not found:
            raise CommandError(f"There is no case {options['case']}.")
        if len(found) > 1:
            owners = ", ".join(case.owner.get_username() for case in found)
            raise CommandError(f"Several people have a case {options['case']}: name one with --owner ({owners}).")
        for scan in found[0].scans.order_by("id"):
            self.stdout.write("\n".join(_told(scan)))


def _told(scan: Scan) -> Iterable[str]:
    yield f"scan {scan.pk}: {scan.name}, {scan.format}, {scan.frames} slice{'s' * (scan.frames != 1)}"
    known = scan.deidentified
    if not known:
        yield "  taken before files were de-identified: kept as it was uploaded"
        return
    yield f"  method   {known['method']}"
    if "kept" in known:
        yield f"  kept     {', '.join(known['kept'])}"
        yield f"  dropped  {known['dropped']} elements"
    elif known.get("dropped"):
        yield f"  dropped  {', '.join(known['dropped'])}"
    if scan.series_uid:
        yield f"  series   {scan.series_uid}"
