"""A scan: one uploaded image of a case, stored privately under a random name."""

import uuid

from django.db import models
from django.urls import reverse

_HEX64 = r"^[0-9a-f]{64}$"


def _folder(kind: str, suffix: str) -> str:
    name = uuid.uuid4().hex
    return f"{kind}/{name[:2]}/{name}{suffix}"


def original_path(instance: "Scan", filename: str) -> str:
    """Random storage name of an original; the uploader's file name never becomes part of a path."""
    return _folder("scans", ".bin")


def preview_path(instance: "Scan", filename: str) -> str:
    """Random storage name of a picture rendered from the scan."""
    return _folder("previews", ".png")


class Scan(models.Model):
    """One accepted file: what it was called, what it holds, where it lies."""

    case = models.ForeignKey("diagnosis.Case", on_delete=models.PROTECT, related_name="scans")
    name = models.CharField(max_length=255, help_text="The uploader's file name, without its path.")
    file = models.FileField(upload_to=original_path, max_length=100)
    preview = models.FileField(upload_to=preview_path, max_length=100, help_text="PNG, at most 1024 pixels a side.")
    thumbnail = models.FileField(upload_to=preview_path, max_length=100, help_text="PNG, at most 96 pixels a side.")
    format = models.CharField(max_length=16)
    size = models.PositiveBigIntegerField(help_text="Bytes of the file.")
    width = models.PositiveIntegerField(help_text="Pixels, as stored in the file.")
    height = models.PositiveIntegerField(help_text="Pixels, as stored in the file.")
    sha256 = models.CharField(max_length=64, db_index=True, help_text="Of the file's bytes.")
    pixel_sha256 = models.CharField(max_length=64, db_index=True, help_text="Of the decoded pixels.")
    notes = models.JSONField(default=list, blank=True, help_text="How the file was read.")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("case", "pixel_sha256"), name="scan_pixels_unique_per_case"),
            models.CheckConstraint(
                condition=models.Q(sha256__regex=_HEX64, pixel_sha256__regex=_HEX64), name="scan_digests_are_sha256"
            ),
            models.CheckConstraint(
                condition=models.Q(size__gt=0, width__gt=0, height__gt=0), name="scan_has_size_and_extent"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("scan", args=[self.pk])
