"""A slice of a series, and what one prediction says of it."""

from django.db import models
from django.db.models import Q

from diagnosis.models.prediction import Outcome, Prediction
from diagnosis.models.scan import HEX64, Scan, original_path, preview_path


class Slice(models.Model):
    """One image of a series. index: its position in viewing order, from 0; slices that arrive later may change it.
    file: empty if the scan's file holds all slices, and then `frame` is its number there. facts: null in rows from
    before they were kept. Exports with one SOP Instance UID for many images exist, so a UID alone identifies no slice.
    """

    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="slices")
    index = models.PositiveIntegerField()
    file = models.FileField(upload_to=original_path, max_length=100, blank=True, default="")
    frame = models.PositiveIntegerField(default=0)
    preview = models.FileField(upload_to=preview_path, max_length=100, help_text="PNG, at most 1024 pixels a side.")
    thumbnail = models.FileField(upload_to=preview_path, max_length=100, help_text="PNG, at most 96 pixels a side.")
    pixel_sha256 = models.CharField(max_length=64, help_text="Of the decoded pixels.")
    instance_uid = models.CharField(max_length=64, blank=True, default="", help_text="As this site maps it.")
    along = models.FloatField(null=True, blank=True, help_text="Millimeters along the scan's normal.")
    notes = models.JSONField(default=list, blank=True, help_text="How it was read.")
    facts = models.JSONField(
        null=True, blank=True, help_text="Where it lies, and what may tell it from slices at the same place."
    )

    class Meta:
        ordering = ("scan", "index")
        indexes = (models.Index(fields=("scan", "index"), name="slice_scan_index"),)
        constraints = (models.CheckConstraint(condition=Q(pixel_sha256__regex=HEX64), name="slice_digest_is_sha256"),)

    def __str__(self) -> str:
        return f"slice {self.index + 1} of scan {self.scan_id}"


class SliceResult(models.Model):
    """What one prediction says of one slice. Written at once, so that an interrupted run continues where it stopped."""

    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="slice_results")
    slice = models.ForeignKey(Slice, on_delete=models.CASCADE, related_name="results")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    uncertain = models.BooleanField(default=False)
    tumor_probability = models.FloatField(null=True, blank=True, help_text="0 to 1.")
    type_probabilities = models.JSONField(null=True, blank=True)
    evidence = models.JSONField(null=True, blank=True)
    gate = models.JSONField(null=True, blank=True)
    trained_on = models.BooleanField(default=False)
    milliseconds = models.JSONField(default=dict, blank=True)
    vector = models.BinaryField(null=True, blank=True, help_text="Packed embedding, kept of the most telling slice.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("prediction", "slice"), name="slice_result_once"),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.REFUSED, tumor_probability__isnull=True)
                | Q(
                    outcome__in=(Outcome.TUMOR, Outcome.NO_TUMOR),
                    tumor_probability__gte=0.0,
                    tumor_probability__lte=1.0,
                ),
                name="slice_result_has_probability",
            ),
        )

    def __str__(self) -> str:
        return f"{self.outcome} (slice {self.slice_id}, prediction {self.prediction_id})"

    @property
    def has_map(self) -> bool:
        return bool(self.evidence and self.evidence.get("heat"))
