"""`manage.py deid_report CASE`: what was kept of a case's files, for those responsible for the patients' data."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.models import Case, Scan


class Command(BaseCommand):
    help = "Show, for each scan of a case, what was kept of its file and what was dropped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("case", help="reference of the case")
        parser.add_argument("--owner", help="user name; needed where several people have a case of that name")

    def handle(self, *args: Any, **options: Any) -> None:
        cases = Case.objects.filter(reference=options["case"])
        if options["owner"]:
            cases = cases.filter(owner__username=options["owner"])
        matches = list(cases.select_related("owner"))
        if not matches:
            raise CommandError(f"There is no case {options['case']}.")
        if len(matches) > 1:
            owners = ", ".join(case.owner.get_username() for case in matches)
            raise CommandError(f"Several people have a case {options['case']}: name one with --owner ({owners}).")
        for scan in matches[0].scans.order_by("id"):
            self.stdout.write("\n".join(_lines(scan)))


def _lines(scan: Scan) -> Iterable[str]:
    yield f"scan {scan.pk}: {scan.name}, {scan.format}, {scan.frames} slice{'s' * (scan.frames != 1)}"
    report = scan.deidentified
    if not report:
        yield "  taken before files were de-identified: kept as it was uploaded"
        return
    yield f"  method   {report['method']}"
    if "kept" in report:
        yield f"  kept     {', '.join(report['kept'])}"
        yield f"  dropped  {report['dropped']} elements"
    elif report.get("dropped"):
        yield f"  dropped  {', '.join(report['dropped'])}"
    if "patient" in report:
        yield f"  patient  {report['patient']}, a keyed hash of the Patient ID"
    if scan.series_uid:
        yield f"  series   {scan.series_uid}"
