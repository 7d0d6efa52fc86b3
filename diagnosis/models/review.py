"""A review: what one person reads in a scan, beside what the model says of it.

The opinion is written as a draft, frozen when it is committed, and signed. Triggers of the database hold that: of a
committed row nothing but the way to its signature changes, of a signed one nothing but `current`, which an amendment
takes over, and neither can be deleted unless `purging` was set before (see migrations/_review_triggers.py). Only
`diagnosis.reviews.transitions` writes here.
"""

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from diagnosis.models.prediction import Prediction
from diagnosis.models.reading_policy import Mode
from diagnosis.models.scan import HEX64, Scan

LONGEST_COMMENT = 4000


class Finding(models.TextChoices):
    TUMOR = "tumor", "Tumor"
    NO_TUMOR = "no_tumor", "No tumor"
    CANNOT_TELL = "cannot_tell", "Can't tell"


class Confidence(models.TextChoices):
    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"


class ReviewState(models.TextChoices):
    DRAFT = "draft", "Draft"
    COMMITTED = "committed", "Committed"
    SIGNED = "signed", "Signed"


class Role(models.TextChoices):
    READER = "reader", "Reader"
    SECOND = "second", "Second reader"
    ADJUDICATION = "adjudication", "Adjudicator"


_COORDINATES = ("x0", "y0", "x1", "y1")


def _short(column: str) -> LessThanOrEqual:
    return LessThanOrEqual(Length(column), LONGEST_COMMENT)


class Review(models.Model):
    """One opinion of one reader on one scan. States: draft → committed → signed.

    An amendment is a new row that names the earlier one; the newest is `current`. x0, y0: where the finding lies, as
    fractions of the upright image's width and height; with x1, y1 it is a box, else a point. slice_index: of a series,
    the slice on which it lies, from 0. revealed: since when the model's result was open to this reader; in the mode
    `blind_first` not before `committed`, unless the reader had seen it elsewhere.
    """

    Finding = Finding
    State = ReviewState
    Role = Role
    Mode = Mode

    scan = models.ForeignKey(Scan, on_delete=models.PROTECT, related_name="reviews")
    prediction = models.ForeignKey(
        Prediction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reviews",
        help_text="The run beside which it was made.",
    )
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.READER)
    mode = models.CharField(max_length=11, choices=Mode.choices)
    state = models.CharField(max_length=9, choices=ReviewState.choices, default=ReviewState.DRAFT)
    finding = models.CharField(max_length=11, choices=Finding.choices, blank=True, default="")
    tumor_type = models.CharField(max_length=20, blank=True, default="", help_text="As the model names types.")
    confidence = models.CharField(max_length=6, choices=Confidence.choices, blank=True, default="")
    comment = models.TextField(blank=True, default="", validators=[MaxLengthValidator(LONGEST_COMMENT)])
    x0 = models.FloatField(null=True, blank=True, help_text="Left edge, 0 to 1.")
    y0 = models.FloatField(null=True, blank=True, help_text="Upper edge, 0 to 1.")
    x1 = models.FloatField(null=True, blank=True, help_text="Right edge of a box, 0 to 1.")
    y1 = models.FloatField(null=True, blank=True, help_text="Lower edge of a box, 0 to 1.")
    slice_index = models.PositiveIntegerField(null=True, blank=True, help_text="Of a series, from 0.")
    pixel_sha256 = models.CharField(max_length=64, help_text="Of the scan's pixels as they were read.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    saved = models.DateTimeField(default=timezone.now, editable=False)
    committed = models.DateTimeField(null=True, blank=True)
    revealed = models.DateTimeField(null=True, blank=True)
    signed = models.DateTimeField(null=True, blank=True)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    readings_required = models.PositiveSmallIntegerField(
        default=1, help_text="How many signed readings the reader's policy asked for."
    )
    # The database's own foreign key is enough here; Django's PROTECT would forbid deleting a whole chain at once, too.
    amends = models.OneToOneField("self", on_delete=models.DO_NOTHING, null=True, blank=True, related_name="amended_by")
    reason = models.TextField(blank=True, default="", help_text="Why it was amended.")
    current = models.BooleanField(default=True, help_text="Not amended by a later one.")
    purging = models.BooleanField(default=False, help_text="About to be deleted for good, together with its scan.")
    version = models.PositiveIntegerField(default=1, help_text="Grows with each change, so that a stale page shows.")

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("pixel_sha256", "reader"), name="review_pixels_reader"),)
        constraints = (
            models.UniqueConstraint(
                fields=("scan", "reader"), condition=Q(current=True), name="review_one_current_per_reader"
            ),
            models.CheckConstraint(condition=Q(state__in=ReviewState.values), name="review_state_known"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="review_role_known"),
            models.CheckConstraint(condition=Q(mode__in=Mode.values), name="review_mode_known"),
            models.CheckConstraint(condition=Q(finding__in=("", *Finding.values)), name="review_finding_known"),
            models.CheckConstraint(
                condition=Q(confidence__in=("", *Confidence.values)), name="review_confidence_known"
            ),
            models.CheckConstraint(
                condition=Q(tumor_type="") | Q(finding=Finding.TUMOR), name="review_type_needs_a_tumor"
            ),
            models.CheckConstraint(
                condition=Q(state=ReviewState.DRAFT, committed__isnull=True)
                | ~Q(state=ReviewState.DRAFT) & Q(committed__isnull=False) & ~Q(finding=""),
                name="review_committed_has_finding",
            ),
            models.CheckConstraint(
                condition=Q(state=ReviewState.SIGNED, signed__isnull=False, signed_by__isnull=False)
                | ~Q(state=ReviewState.SIGNED) & Q(signed__isnull=True, signed_by__isnull=True),
                name="review_signed_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(signed_by__isnull=True) | Q(signed_by=F("reader")), name="review_signed_by_its_reader"
            ),
            models.CheckConstraint(
                condition=~Q(mode=Mode.BLIND_FIRST, state=ReviewState.DRAFT) | Q(revealed__isnull=True),
                name="review_blind_until_committed",
            ),
            models.CheckConstraint(
                condition=Q(amends__isnull=True, reason="") | Q(amends__isnull=False) & ~Q(reason=""),
                name="review_amendment_has_reason",
            ),
            models.CheckConstraint(condition=Q(current=True) | ~Q(state="draft"), name="review_draft_is_current"),
            models.CheckConstraint(condition=Q(readings_required__in=(1, 2)), name="review_readings_1_or_2"),
            models.CheckConstraint(condition=_short("comment") & _short("reason"), name="review_texts_not_too_long"),
            models.CheckConstraint(
                condition=Q(*((f"{name}__isnull", True) for name in _COORDINATES))
                | Q(x0__isnull=False, y0__isnull=False, x1__isnull=True, y1__isnull=True)
                & Q(x0__gte=0.0, x0__lte=1.0, y0__gte=0.0, y0__lte=1.0)
                | Q(*((f"{name}__isnull", False) for name in _COORDINATES))
                & Q(x0__gte=0.0, x1__gt=F("x0"), x1__lte=1.0, y0__gte=0.0, y1__gt=F("y0"), y1__lte=1.0),
                name="review_place_is_point_or_box",
            ),
            models.CheckConstraint(condition=Q(pixel_sha256__regex=HEX64), name="review_digest_is_sha256"),
        )

    def __str__(self) -> str:
        return f"review {self.pk} of scan {self.scan_id} ({self.state})"

    @property
    def read_blind(self) -> bool:
        """Whether the opinion was committed before its reader saw the model's result."""
        if self.mode != Mode.BLIND_FIRST or self.committed is None:
            return False
        return self.revealed is None or self.revealed >= self.committed

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """x0, y0, x1, y1 if its location is a box."""
        if self.x0 is None or self.y0 is None or self.x1 is None or self.y1 is None:
            return None
        return self.x0, self.y0, self.x1, self.y1

    @property
    def point(self) -> tuple[float, float] | None:
        """x, y if its location is a point."""
        return None if self.x0 is None or self.y0 is None or self.x1 is not None else (self.x0, self.y0)
