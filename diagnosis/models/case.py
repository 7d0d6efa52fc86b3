"""A case: what a staff member opens for one subject, under a pseudonymous reference."""

import secrets

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTVWXYZ"  # pragma: allowlist secret - no characters that look alike

REFERENCE = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"
"""A whole reference. Browsers check the upload page's field by it, so it is written as both languages read it."""

validate_reference = RegexValidator(
    rf"\A{REFERENCE}\Z",
    "A case reference has 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit. "
    "Use a pseudonym, never a name.",
    code="invalid_reference",
)


def new_reference() -> str:
    """A reference for a case that the uploader did not name: `CA-` and six random characters."""
    return "CA-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))


class Case(models.Model):
    """One subject's scans. References are unique per owner, cases in the trash included.

    `access.ownership.hand_over` changes the owner; predictions copy it. deleted_by: None if the retention of the site
    deleted it, or an account that is gone.
    """

    reference = models.CharField(max_length=64, default=new_reference, validators=[validate_reference])
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cases")
    simulated = models.BooleanField(default=False, help_text="Holds made-up images, to try the site with.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    deleted = models.DateTimeField(null=True, blank=True, editable=False, help_text="Since when it is in the trash.")
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("deleted",), condition=models.Q(deleted__isnull=False), name="case_in_trash"),)
        constraints = (
            models.UniqueConstraint(fields=("owner", "reference"), name="case_reference_unique_per_owner"),
            models.CheckConstraint(condition=~models.Q(reference=""), name="case_reference_not_empty"),
            models.CheckConstraint(
                condition=models.Q(deleted__isnull=False) | models.Q(deleted_by__isnull=True),
                name="case_deleted_by_with_time",
            ),
        )

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("case", args=[self.pk])
