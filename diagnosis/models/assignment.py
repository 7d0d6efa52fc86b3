"""An assignment: a case that a person, or every member of a group, is asked to read, and may therefore see."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone

from diagnosis.models.case import Case


class Assignment(models.Model):
    """To a person or to a group, never both. `diagnosis.access.sharing` writes it and decides who may."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="assignments")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="assignments",
        db_index=False,
    )
    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, null=True, blank=True, related_name="assignments", db_index=False
    )
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            # Their indexes start with the assignee: they find what somebody may see.
            models.UniqueConstraint(fields=("user", "case"), name="assignment_once_per_user"),
            models.UniqueConstraint(fields=("group", "case"), name="assignment_once_per_group"),
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False),
                name="assignment_to_user_or_group",
            ),
        )

    def __str__(self) -> str:
        return f"{self.case} to {self.assignee}"

    @property
    def assignee(self) -> str:
        """The user's name, or `group` and the group's."""
        return self.user.get_username() if self.user else f"group {self.group}"
