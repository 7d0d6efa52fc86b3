"""`manage.py audit_verify`: whether the audit trail is what was written, row by row."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.access import audit_chain
from diagnosis.access.audit_chain import Head


class Command(BaseCommand):
    help = "Checks the chain of the audit trail row by row. If it is broken: exit code 1, and the first wrong row."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--known",
            metavar="POSITION:HASH",
            action="append",
            default=[],
            help="A head that an earlier run printed: shows an end that was cut off, and a recomputed chain.",
        )
        parser.add_argument("--head", action="store_true", help="Print the head alone, to be kept somewhere else.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            known = [Head.parse(text) for text in options["known"]]
        except ValueError as error:
            raise CommandError(str(error)) from None
        audit_chain.seal()
        if options["head"]:
            self.stdout.write(str(audit_chain.head()))
            return
        verdict = audit_chain.verify(known=known)
        if verdict.broken:
            raise CommandError(f"The audit trail is broken. {verdict.sealed} rows are whole; then {verdict.broken}.")
        self.stdout.write(f"The audit trail is whole: {verdict.sealed} rows, {verdict.unsealed} not sealed yet.")
        self.stdout.write(f"Head: {verdict.head}")
