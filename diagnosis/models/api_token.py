"""API tokens for scripts. Only the hash of a key is stored, never the key."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Scope(models.TextChoices):
    """What a token allows. It never allows more than its owner may do."""

    READ = "read", "Read: see cases, scans and results, and download them"
    UPLOAD = "upload", "Upload: send scans, fetch studies from the archive"
    REVIEW = "review", "Review: write, sign and amend readings"
    CHANGE = "change", "Change: retry, cancel, rename, label, move, delete, assign, send"


class ApiToken(models.Model):
    """One token of one person. `diagnosis.access.tokens` writes it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens", db_index=False
    )
    name = models.CharField(max_length=60, help_text="What it is for, in its owner's words.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the key, in hexadecimal.")
    hint = models.CharField(max_length=4, help_text="The key's first characters, to tell tokens apart.")
    scopes = models.JSONField(default=list)
    created = models.DateTimeField(default=timezone.now, editable=False)
    expires = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    last_used = models.DateTimeField(null=True, blank=True, help_text="To within five minutes.")

    class Meta:
        ordering = ("-id",)
        verbose_name = "API token"
        constraints = (
            models.UniqueConstraint(fields=("user", "name"), name="api_token_name_once_per_user"),
            models.CheckConstraint(condition=~Q(name=""), name="api_token_has_name"),
            models.CheckConstraint(condition=~Q(scopes=[]), name="api_token_allows_something"),
            models.CheckConstraint(
                condition=Q(expires=None) | Q(expires__gt=models.F("created")), name="api_token_expires_later"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires is not None and self.expires <= timezone.now()
