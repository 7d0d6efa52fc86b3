"""`manage.py check_integrity [--repair] [--json]`: whether rows, files and audit trail agree."""

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from diagnosis import integrity

_SHOWN = 5


class Command(BaseCommand):
    help = (
        "Compares rows, files, digests, states and audit rows. Changes nothing without --repair. "
        "Exit status: 0 if all is well or was mended, 1 if something is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="Mend what can be mended without a loss.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")
        parser.add_argument("--no-digests", action="store_true", help="Do not read the files, only look for them.")

    def handle(self, *args: Any, **options: Any) -> None:
        started, left, shown = time.monotonic(), 0, []
        for finding in integrity.check(digests=not options["no_digests"]):
            mended = integrity.repair(finding) if options["repair"] else 0
            left += len(finding.items) - mended
            shown.append(finding.as_dict() | {"mended": mended})
            if not options["json"]:
                self._say(finding, mended, repair=options["repair"])
        seconds = round(time.monotonic() - started, 2)
        if options["json"]:
            self.stdout.write(json.dumps({"whole": not left, "left": left, "seconds": seconds, "findings": shown}))
        else:
            self.stdout.write(f"{'All is well' if not left else f'{left} left'} ({seconds} s).")
        if left:
            sys.exit(1)

    def _say(self, finding: integrity.Finding, mended: int, *, repair: bool) -> None:
        some = ", ".join(finding.items[:_SHOWN]) + (", …" if len(finding.items) > _SHOWN else "")
        done = f" {mended} mended." if mended else " --repair mends it." if finding.mend and not repair else ""
        self.stdout.write(f"{len(finding.items)} × {finding.rule}: {finding.says} {some}.{done}")
