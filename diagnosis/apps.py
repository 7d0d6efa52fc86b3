"""The app's configuration. Registers signal receivers and system checks when Django starts."""

from django.apps import AppConfig


class DiagnosisConfig(AppConfig):
    """Cases, scans, predictions, and what users do with them."""

    name = "diagnosis"
    verbose_name = "Diagnosis support"

    def ready(self) -> None:
        from diagnosis import checks, signals  # noqa: F401  (importing registers them)
