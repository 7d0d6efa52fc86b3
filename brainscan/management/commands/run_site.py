"""`manage.py run_site`: run the whole site on this machine, as `make run` does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brainscan.launcher.errors import LaunchError


class Command(BaseCommand):
    """A thin shell around `brainscan.launcher`."""

    help = "Start the whole site: embedded Valkey, web, worker and beat. DATA_DIR, PORT and ADMIN_PASSWORD apply."
    requires_system_checks: list[str] = []  # migrations have not run yet; the programs run the checks when they start

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="load three sample cases first")

    def handle(self, *args: Any, demo: bool, **options: Any) -> None:
        from brainscan.launcher import site

        try:
            site.run(demo=demo)
        except LaunchError as error:
            raise CommandError(str(error)) from error
