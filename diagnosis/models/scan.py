"""A scan: one image or one series of slices of a case, stored privately under random names.

A series comes as one file of many slices (a volume, a multi-frame object) or as many files that are collected in one
scan. A single image has no `Slice` rows.
"""

import hashlib
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

HEX64 = r"^[0-9a-f]{64}$"

OTHER_PATIENT = (
    "When it was uploaded, its case held images of another Patient ID: make sure that the case is of one patient."
)
"""The note of a scan whose file names another patient than a scan that its case held before."""


def _random_path(folder: str, suffix: str) -> str:
    name = uuid.uuid4().hex
    return f"{folder}/{name[:2]}/{name}{suffix}"


def original_path(instance: "Scan", filename: str) -> str:
    """Random storage name of an original; the uploader's file name never becomes part of a path."""
    return _random_path("scans", ".bin")


def preview_path(instance: "Scan", filename: str) -> str:
    """Random storage name of an image rendered from the scan."""
    return _random_path("previews", ".png")


def stack_key(series_uid: str, stack: str, normal: Sequence[float] | None) -> str:
    """Identifies the stack that a slice belongs to. The direction counts: blank slices of one series all look alike."""
    direction = " ".join(f"{number + 0.0:.2f}" for number in normal or ())
    return f"{series_uid} {stack} {direction}".replace("-0.00", "0.00")


def stack_name(size: Sequence[int], key: str) -> str:
    """The `stack` of a scan whose slices have this size, columns and rows. key: what tells it from other parts."""
    name = f"{size[0]}x{size[1]} {key}".strip()
    return name if len(name) <= 64 else f"{name[:47]} {hashlib.sha256(key.encode()).hexdigest()[:16]}"


def combined_digest(stack_key: str, digests: list[str]) -> str:
    """One digest of a series' slices in their order. stack_key: of slices that came one by one, else empty."""
    return hashlib.sha256("\n".join(["series", stack_key, *digests]).encode()).hexdigest()


class Reading(models.TextChoices):
    """The review state of a scan, the same for all readers."""

    UNREAD = "unread", "Unread"
    READ = "read", "Read"
    SIGNED = "signed", "Signed"
    DISAGREEMENT = "disagreement", "Disagreement"


MINE = "mine"
"""The review state of a scan that the reader has begun: a reading of theirs is not signed yet."""

REVIEW_STATES = ((Reading.UNREAD, "Unread"), (MINE, "Mine"), *Reading.choices[1:])
"""What a reader sees of a scan's reading, with its labels."""


class Scan(models.Model):
    """An accepted upload: its name, its contents, and where its files are.

    For a series, `preview` and `thumbnail` show the middle slice, `width` and `height` are those of each slice, and
    `file` is the only file or that of the slice that came first.
    """

    case = models.ForeignKey("diagnosis.Case", on_delete=models.PROTECT, related_name="scans")
    name = models.CharField(max_length=255, help_text="The uploader's file name, without its path.")
    file = models.FileField(upload_to=original_path, max_length=100)
    preview = models.FileField(upload_to=preview_path, max_length=100, help_text="PNG, at most 1024 pixels a side.")
    thumbnail = models.FileField(upload_to=preview_path, max_length=100, help_text="PNG, at most 96 pixels a side.")
    format = models.CharField(max_length=16)
    size = models.PositiveBigIntegerField(help_text="Bytes of the file.")
    width = models.PositiveIntegerField(help_text="Pixels, as stored in the file.")
    height = models.PositiveIntegerField(help_text="Pixels, as stored in the file.")
    sha256 = models.CharField(max_length=64, db_index=True, help_text="Of the stored file's bytes.")
    pixel_sha256 = models.CharField(max_length=64, db_index=True, help_text="Of the decoded pixels, of all slices.")
    notes = models.JSONField(default=list, blank=True, help_text="How the file was read.")
    ratio = models.FloatField(null=True, blank=True, help_text="Width by height as shown: pixels need not be square.")
    frames = models.PositiveIntegerField(default=1, help_text="Slices.")
    frame = models.PositiveIntegerField(default=0, help_text="Of a single image: its number in the file.")
    series_uid = models.CharField(
        max_length=64, blank=True, default="", db_index=True, help_text="As this site maps it."
    )
    stack = models.CharField(
        max_length=64, blank=True, default="", help_text="Which slices of a series belong together."
    )
    normal = models.JSONField(null=True, blank=True, help_text="Unit vector across the slices, in the patient's axes.")
    spacing = models.FloatField(null=True, blank=True, help_text="Millimeters between slices.")
    letters = models.CharField(max_length=4, blank=True, default="", help_text="At the left, right, upper, lower edge.")
    windows = models.JSONField(default=list, blank=True, help_text="Center and width of each window of the file.")
    reading = models.CharField(
        max_length=12,
        choices=Reading.choices,
        default=Reading.UNREAD,
        editable=False,
        help_text="Follows from its reviews; kept here so that the worklist can filter and sort by it.",
    )
    deidentified = models.JSONField(default=dict, blank=True, help_text="What was kept of the file's header, by name.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    deleted = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when it is in the trash, alone and not with its case."
    )
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("reading",), name="scan_reading"),
            models.Index(fields=("deleted",), condition=models.Q(deleted__isnull=False), name="scan_in_trash"),
        )
        constraints = (
            models.UniqueConstraint(fields=("case", "pixel_sha256"), name="scan_pixels_unique_per_case"),
            models.CheckConstraint(
                condition=models.Q(sha256__regex=HEX64, pixel_sha256__regex=HEX64), name="scan_digests_are_sha256"
            ),
            models.CheckConstraint(
                condition=models.Q(size__gt=0, width__gt=0, height__gt=0), name="scan_has_size_and_extent"
            ),
            models.CheckConstraint(condition=models.Q(frames__gt=0), name="scan_has_frames"),
            models.CheckConstraint(condition=models.Q(reading__in=Reading.values), name="scan_reading_known"),
            models.CheckConstraint(
                condition=models.Q(deleted__isnull=False) | models.Q(deleted_by__isnull=True),
                name="scan_deleted_by_with_time",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("scan", args=[self.pk])

    @property
    def warning(self) -> str:
        """The note that nobody may miss; "" if there is none."""
        return OTHER_PATIENT if OTHER_PATIENT in self.notes else ""

    @property
    def shape(self) -> float:
        """Width divided by height, as shown. Rows from before `ratio` existed have square pixels; a rotation of
        theirs is recorded only in their evidence."""
        return self.ratio or self.width / self.height

    @property
    def in_trash(self) -> bool:
        """Deleted, by itself or with its case."""
        return self.deleted is not None or self.case.deleted is not None

    @property
    def is_series(self) -> bool:
        return self.frames > 1

    @property
    def is_multi_file(self) -> bool:
        """Whether its slices come file by file, so that more may still arrive."""
        return bool(self.stack)

    @property
    def stack_key(self) -> str:
        """Identifies the stack that its slices belong to; empty for a scan of one file."""
        return stack_key(self.series_uid, self.stack, self.normal) if self.stack else ""
