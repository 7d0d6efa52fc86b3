"""The audit trail: who did what to which object, when, from where. Append-only.

There are no foreign keys, because the trail must outlive what it describes. `audit.record` is the only writer.
"""

from typing import Any, NoReturn

from django.db import models


class AppendOnly(models.QuerySet["AuditEvent"]):
    """Refuses updates and deletions."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit events are append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("Audit events are append-only.")


class AuditEvent(models.Model):
    """One action of one user. `actor` is empty where nobody was logged in, as at a failed login."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor_id = models.BigIntegerField(null=True, blank=True)
    actor = models.CharField(max_length=150, blank=True, default="")
    action = models.CharField(max_length=60, db_index=True, help_text="object.verb, such as scan.uploaded")
    target_type = models.CharField(max_length=40, blank=True, default="")
    target_id = models.CharField(max_length=64, blank=True, default="")
    target = models.CharField(max_length=255, blank=True, default="")
    address = models.GenericIPAddressField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True, default="")
    details = models.JSONField(default=dict, blank=True)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("target_type", "target_id"), name="audit_target"),)
        constraints = (models.CheckConstraint(condition=~models.Q(action=""), name="audit_action_not_empty"),)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor or '-'} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Audit events are append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit events are append-only.")
