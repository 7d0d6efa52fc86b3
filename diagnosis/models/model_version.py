"""A model version: a registered artifact folder, with the manifest it had at that time."""

from django.conf import settings
from django.db import models


class ModelVersion(models.Model):
    """At most one is active, and new predictions use it. The artifact's digest is its identity."""

    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, help_text="sha256 over everything that decides an answer.")
    path = models.CharField(max_length=500, help_text="Artifact folder on the server.")
    manifest = models.JSONField()
    active = models.BooleanField(default=False)
    golden = models.JSONField(null=True, blank=True, help_text="Numbers that it gave for a drawn head at first.")
    registered = models.DateTimeField(auto_now_add=True)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("active",), condition=models.Q(active=True), name="model_one_active"),
        )

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """`name@` and the first 12 digits of the digest, as results report it."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def calibrated(self) -> bool:
        """Whether its scores may be shown as probabilities."""
        return self.manifest.get("calibration") is not None
