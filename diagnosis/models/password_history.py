"""Hashes of a person's earlier passwords, so that none is reused soon."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class PasswordHistory(models.Model):
    """One password of one person, the current one included. `diagnosis.access.password_history` writes it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="password_history")
    encoded = models.CharField(max_length=128, help_text="The hash, as the account itself holds it.")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = "earlier password"
        constraints = (models.CheckConstraint(condition=~Q(encoded=""), name="password_history_has_hash"),)

    def __str__(self) -> str:
        return f"Password of {self.user}"
