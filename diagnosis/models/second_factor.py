"""The second factor of a login: an authenticator app, passkeys, and recovery codes for when they are lost."""

from datetime import UTC, datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

STEP = 30
"""Seconds for which an app shows a code."""


class SecondFactor(models.Model):
    """What a person has: an authenticator app, passkeys, or both. No row: none of them.

    `diagnosis.access.second_factor` and `passkeys` write it.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="second_factor"
    )
    seed = models.CharField(
        max_length=64, blank=True, default="", help_text="The app's secret follows from it and SECRET_KEY."
    )
    last_step = models.BigIntegerField(
        null=True, blank=True, help_text="Time step of the last code taken; no code is taken twice."
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created",)
        verbose_name = "second factor"
        constraints = (
            models.CheckConstraint(
                condition=Q(seed="", last_step=None) | (~Q(seed="") & Q(last_step__isnull=False)),
                name="second_factor_app_is_whole",
            ),
        )

    def __str__(self) -> str:
        return f"Second factor of {self.user}"

    @property
    def has_app(self) -> bool:
        return bool(self.seed)

    @property
    def app_last_used(self) -> datetime | None:
        """When the app's last code was taken, to within a minute."""
        return None if self.last_step is None else datetime.fromtimestamp(self.last_step * STEP, UTC)


class RecoveryCode(models.Model):
    """One unused recovery code; using it deletes it. Only its hash is stored."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the code, in hexadecimal.")

    def __str__(self) -> str:
        return f"Recovery code of {self.factor.user}"
