"""`manage.py register_model PATH`: register a model artifact. With `--default`, the one that every start registers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnosis.inference import model_versions
from diagnosis.models import ModelVersion
from ml.contracts import ModelUnavailable


class Command(BaseCommand):
    """`model_versions` verifies, registers and audits."""

    help = "Verify a model artifact and register it; with --activate, use it for every prediction from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("path", nargs="?", metavar="PATH", help="artifact folder: manifest.json and weights")
        source.add_argument(
            "--default",
            action="store_true",
            help="the one that ML_MODEL names, or else the shipped one; only warns",
        )
        parser.add_argument("--activate", action="store_true", help="use it from now on")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = model_versions.register_default() if options["default"] else self._register(options["path"])
        except ModelUnavailable as error:
            if not options["default"]:
                raise CommandError(error.message) from error
            # The site starts anyway; its pages and /health/ready say that it cannot predict.
            self.stderr.write(self.style.WARNING(f"Warning: {error.message} The site starts, and predicts nothing."))
            return
        if options["activate"]:
            model_versions.activate(version=version)
        version.refresh_from_db(fields=["active"])
        self.stdout.write(f"{version} is registered{' and active' if version.active else ''}.")

    def _register(self, path: str) -> ModelVersion:
        return model_versions.register(path=path)
