"""Counts of failed logins, by account and by address: what the lockout goes by."""

from django.db import models
from django.utils import timezone


class FailureKind(models.TextChoices):
    """What failures are counted for."""

    ACCOUNT = "account", "User name"
    ADDRESS = "address", "Address"
    CODE = "code", "User name, with the second factor"
    TOKEN_ADDRESS = "token_address", "Address, with API tokens"


class LoginFailures(models.Model):
    """Failures in a row of one user name, whether or not there is such an account, or of one address.

    `diagnosis.access.lockout` writes it.
    """

    failure_kind = models.CharField(max_length=16, choices=FailureKind.choices, db_column="kind")
    key = models.CharField(max_length=150, help_text="The user name as compared, or the address.")
    failures = models.PositiveIntegerField(default=0)
    last = models.DateTimeField(default=timezone.now, db_index=True)
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-last",)
        verbose_name = "failed logins"
        verbose_name_plural = "failed logins"
        constraints = (models.UniqueConstraint(fields=("failure_kind", "key"), name="login_failures_once"),)

    def __str__(self) -> str:
        return f"{self.get_failure_kind_display()} {self.key}"
