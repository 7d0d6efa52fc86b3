"""The second factor of a login: an authenticator app, and recovery codes for when it is lost."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class SecondFactor(models.Model):
    """A person's authenticator app. `diagnosis.access.second_factor` writes it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="second_factor"
    )
    seed = models.CharField(max_length=64, help_text="The app's secret follows from it and SECRET_KEY.")
    last_step = models.BigIntegerField(help_text="Time step of the last code taken; no code is taken twice.")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created",)
        verbose_name = "second factor"
        constraints = (models.CheckConstraint(condition=~Q(seed=""), name="second_factor_has_seed"),)

    def __str__(self) -> str:
        return f"Second factor of {self.user}"


class RecoveryCode(models.Model):
    """One that is left; each is used once, and goes. Of the code only its hash is kept."""

    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the code, in hexadecimal.")

    def __str__(self) -> str:
        return f"Recovery code of {self.factor.user}"
