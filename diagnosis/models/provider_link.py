"""Which account belongs to which person at the identity provider."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class ProviderLink(models.Model):
    """One account, and the subject that the provider never gives to another person.

    `diagnosis.access.oidc.accounts` writes it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="provider_links", db_index=False
    )
    issuer = models.CharField(max_length=255, help_text="The provider's address, as it calls itself.")
    subject = models.CharField(max_length=255, help_text="The person's id at the provider.")
    called = models.CharField(max_length=150, blank=True, help_text="What the provider called the person last.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)
        verbose_name = "single sign-on link"
        constraints = (
            models.UniqueConstraint(fields=("user", "issuer"), name="provider_link_once_per_user"),
            models.UniqueConstraint(fields=("issuer", "subject"), name="provider_link_once_per_subject"),
            models.CheckConstraint(condition=~Q(issuer="") & ~Q(subject=""), name="provider_link_names_somebody"),
        )

    def __str__(self) -> str:
        return f"{self.user} at {self.issuer}"
