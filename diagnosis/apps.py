"""The app's start: audit signals and system checks."""

from django.apps import AppConfig


class DiagnosisConfig(AppConfig):
    """Cases, scans, predictions and what people do with them."""

    name = "diagnosis"
    verbose_name = "Diagnosis support"

    def ready(self) -> None:
        from diagnosis import checks, signals  # noqa: F401  (importing registers them)
