"""The app's start: audit signals, system checks, and the database's triggers around each `migrate`."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class DiagnosisConfig(AppConfig):
    """Cases, scans, predictions and what people do with them."""

    name = "diagnosis"
    verbose_name = "Diagnosis support"

    def ready(self) -> None:
        from diagnosis import checks, signals  # noqa: F401  (importing registers them)
        from diagnosis.models import owner_triggers

        pre_migrate.connect(owner_triggers.before_migrate, sender=self)
        post_migrate.connect(owner_triggers.after_migrate, sender=self)
