"""The list of the upload page: one row for each file that a person chose, kept until it is done and seen or dismissed.

`diagnosis.uploads` writes the rows. They belong to the person alone and hold nothing that a case needs, so they may be
deleted at any time.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from diagnosis.models.prediction import Prediction
from diagnosis.models.scan import Scan


class UploadState(models.TextChoices):
    """What became of a file. WAITING: its bytes have not arrived. KNOWN: the same pixels were there before."""

    WAITING = "waiting"
    TAKEN = "taken"
    KNOWN = "known"
    REFUSED = "refused"


class UploadRow(models.Model):
    """A file of an upload, or a scan or refused image that came out of it.

    key: names the file that is sent; the page makes it up before the first byte travels. part: counts what came out of
    that file, as an archive holds many. name: of the image; file_name: of the file sent, empty if not known.
    prediction: None for a file that was not accepted, and once the scan is gone. sha256: of the bytes of an image that
    waits for an answer, by which it is known when it is sent again.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_rows")
    key = models.UUIDField()
    part = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0, help_text="Among the files chosen together.")
    name = models.CharField(max_length=255, blank=True, default="")
    file_name = models.CharField(max_length=255, blank=True, default="")
    size = models.PositiveBigIntegerField(null=True, blank=True, help_text="Bytes of the file sent, if known.")
    reference = models.CharField(max_length=64, blank=True, default="", help_text="The case that was asked for.")
    state = models.CharField(max_length=8, choices=UploadState.choices, default=UploadState.WAITING)
    code = models.CharField(max_length=40, blank=True, default="", help_text="The rule that a refused file broke.")
    detail = models.TextField(blank=True, default="", help_text="That rule, as a sentence.")
    notes = models.JSONField(default=list, blank=True, help_text="What of the file was set aside.")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    prediction = models.ForeignKey(Prediction, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    duplicate_of = models.ForeignKey(Scan, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(default=timezone.now, editable=False)
    seen = models.DateTimeField(null=True, blank=True, help_text="When the list first showed how it ended.")

    class Meta:
        ordering = ("-created", "position", "part", "id")
        indexes = (
            models.Index(fields=("user", "-created", "position", "part", "id"), name="upload_row_list"),
            models.Index(fields=("created",), name="upload_row_age"),
        )
        constraints = (
            models.UniqueConstraint(fields=("user", "key", "part"), name="upload_row_once"),
            models.CheckConstraint(condition=Q(state__in=UploadState.values), name="upload_row_state"),
            models.CheckConstraint(
                condition=Q(state="refused", code__gt="", detail__gt="") | (~Q(state="refused") & Q(code="")),
                name="upload_row_refused_has_reason",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def shown_state(self) -> str:
        """The state by which the list counts it: `asks` for a refused image that its person may still confirm."""
        return "asks" if self.sha256 else self.state


class UploadPreview(models.Model):
    """The image of a row that asks whether its text is a name; gone with the row, or after an hour.

    In the database and not in the storage, so that no failure can leave one behind.
    """

    row = models.OneToOneField(UploadRow, on_delete=models.CASCADE, related_name="preview", primary_key=True)
    data = models.BinaryField(help_text="JPEG, at most 1024 pixels a side.")
    created = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        db_table = "diagnosis_uploadpicture"  # its first name: renaming the table would break the version before

    def __str__(self) -> str:
        return f"image of {self.row_id}"
