"""A heartbeat: a process of the site that says every few seconds that it lives."""

from django.db import models
from django.utils import timezone


class Role(models.TextChoices):
    WORKER = "worker", "Worker"
    BEAT = "beat", "Beat"


class Heartbeat(models.Model):
    """One row per process, which deletes it when it stops. `inference.heartbeats` alone writes it.

    It is in the database, not in the broker: where the claims are, and where a flush of the broker ends nothing.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    role = models.CharField(max_length=10, choices=Role.choices)
    process = models.CharField(max_length=300, help_text="Host and process id.")
    since = models.DateTimeField(default=timezone.now)
    seen = models.DateTimeField(help_text="Moves every few seconds while the process lives.")
    model = models.CharField(max_length=120, blank=True, default="", help_text="The model that it has loaded.")
    problem = models.TextField(blank=True, default="", help_text="Why it cannot predict.")

    class Meta:
        ordering = ("role", "process", "since")
        constraints = (models.CheckConstraint(condition=models.Q(role__in=Role.values), name="heartbeat_role_known"),)

    def __str__(self) -> str:
        return f"{self.role} {self.process}"
