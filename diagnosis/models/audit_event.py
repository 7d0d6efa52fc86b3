"""The audit trail: who did what to which object, when, from where. Append-only.

There are no foreign keys to what it describes, because the trail must outlive that. `audit` is the only writer, and
`audit_chain` seals what it wrote. Triggers of the database refuse every other change.
"""

from typing import Any, NoReturn

from django.db import models

from diagnosis.models.scan import HEX64


class AppendOnly(models.QuerySet[Any]):
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
    position = models.BigIntegerField(
        null=True, unique=True, editable=False, help_text="In the chain, from 1. Empty until the row is sealed."
    )
    hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="SHA-256 over this row and the hash of the row before it.",
    )

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("target_type", "target_id"), name="audit_target"),
            models.Index(fields=("actor", "id"), name="audit_actor"),
            models.Index(fields=("id",), condition=models.Q(position=None), name="audit_unsealed"),
        )
        constraints = (
            models.CheckConstraint(condition=~models.Q(action=""), name="audit_action_not_empty"),
            models.CheckConstraint(
                condition=models.Q(position=None, hash="") | models.Q(position__gte=1, hash__regex=HEX64),
                name="audit_sealed_whole",
            ),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor or '-'} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("Audit events are append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit events are append-only.")


class Disclosure(models.Model):
    """A result that an event disclosed, so that an index tells who has seen it.

    The event's details hold the same, sealed by the chain.
    """

    pk = models.CompositePrimaryKey("prediction", "event")
    event = models.ForeignKey(AuditEvent, on_delete=models.DO_NOTHING, related_name="disclosures", db_index=False)
    prediction = models.BigIntegerField(help_text="Its id; no foreign key, because the trail outlives it.")

    objects = AppendOnly.as_manager()

    def __str__(self) -> str:
        return f"prediction {self.prediction} by event {self.event_id}"
