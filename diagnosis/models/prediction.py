"""A prediction: one run of one model version on one scan, and the states it passes through."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Concat
from django.db.models.lookups import GreaterThan
from django.urls import reverse
from django.utils import timezone

from diagnosis.models.model_version import ModelVersion
from diagnosis.models.scan import Scan


class State(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELED = "canceled"


class Outcome(models.TextChoices):
    TUMOR = "tumor", "Tumor"
    NO_TUMOR = "no_tumor", "No tumor"
    REFUSED = "refused", "Refused"


ACTIVE = (State.QUEUED, State.RUNNING)
STOPPED = (State.FAILED, State.CANCELED)
"""States that ended without a result and may be retried."""
ENDED = (State.DONE, State.REFUSED, *STOPPED)
REUSABLE = (State.DONE, State.REFUSED)
"""States that carry a result. Failed and canceled runs never stand for one, or a failure could not be retried."""


class WorklistStatus(models.TextChoices):
    """The one status under which the worklist counts a prediction, from its state, outcome and uncertainty."""

    ACTIVE = "active", "In progress"
    TUMOR = "tumor", "Tumor"
    UNCERTAIN = "uncertain", "Uncertain"
    NO_TUMOR = "no_tumor", "No tumor"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"


def score_or(instead: float) -> Func:
    """The tumor probability, or `instead` where it is null. A literal, not a parameter, so that its index matches."""
    return Func(
        F("tumor_probability"), template=f"COALESCE(%(expressions)s, {instead})", output_field=models.FloatField()
    )


SCORE_LAST_ASCENDING, SCORE_LAST_DESCENDING = score_or(2.0), score_or(-1.0)
"""Sort keys that put predictions without a score last in either direction."""


class TumorType(models.TextChoices):
    """The types of `ml.contracts.TUMOR_TYPES`, with their labels."""

    GLIOMA = "glioma", "Glioma"
    MENINGIOMA = "meningioma", "Meningioma"
    PITUITARY = "pituitary", "Pituitary"
    OTHER = "other", "Other"


def _listed_type() -> Case:
    """The most probable type of a certain tumor, else the empty text."""

    def exceeds(tumor_type: str, *others: str) -> Q:
        return Q(*(GreaterThan(_probability_of(tumor_type), _probability_of(other)) for other in others))

    untyped = Q(type_probabilities__isnull=True) | Q(uncertain=True) | ~Q(outcome=Outcome.TUMOR)
    first, second, third, last = TumorType.values
    return Case(
        When(untyped, then=Value("")),
        When(exceeds(first, second, third, last), then=Value(first)),
        When(exceeds(second, third, last), then=Value(second)),
        When(exceeds(third, last), then=Value(third)),
        When(GreaterThan(_probability_of(last), 0.0), then=Value(last)),
        default=Value(""),
    )


def _probability_of(tumor_type: str) -> Coalesce:
    return Coalesce(Cast(KT(f"type_probabilities__{tumor_type}"), models.FloatField()), 0.0)


TRIAGE = Func(
    F("worklist_status"),
    template="CASE %(expressions)s WHEN 'tumor' THEN 0 WHEN 'uncertain' THEN 0 WHEN 'no_tumor' THEN 1"
    " WHEN 'active' THEN 3 ELSE 2 END",
    output_field=models.IntegerField(),
)
"""Sort key that puts first what a reader should see first. Literals, not parameters, so that its index matches."""


class Prediction(models.Model):
    """States: queued → running → done | refused | failed | canceled. Only `inference.transitions` changes them.

    model_version is None while the site has no usable model; such a run can only fail or be canceled. Make one with
    `for_scan`: owner, owner_name, case_reference, scan_name and in_trash repeat values of the case, its owner and the
    scan, so that one index answers each filter and order of the worklist. `diagnosis.access.ownership` keeps owner and
    owner_name in step, `intake.series_store` scan_name when a series is split, and `diagnosis.cases` case_reference and
    in_trash.
    """

    State = State
    Outcome = Outcome

    blinded = False
    """True if `access.selectors` hid the result from the reader; the columns that would show it are then empty."""

    scan = models.ForeignKey("diagnosis.Scan", on_delete=models.PROTECT, related_name="predictions")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="predictions"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, help_text="The case's."
    )
    owner_name = models.CharField(max_length=150)
    case_reference = models.CharField(max_length=64)
    scan_name = models.CharField(max_length=255)
    in_trash = models.BooleanField(default=False, help_text="Its scan or case is in the trash.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="predictions",
        help_text="None once the account is gone; the audit trail keeps the name.",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default="")
    uncertain = models.BooleanField(default=False, help_text="In the band in which the model is often wrong.")
    tumor_probability = models.FloatField(null=True, blank=True, help_text="0 to 1.")
    type_probabilities = models.JSONField(null=True, blank=True, help_text="Given that there is a tumor; sums to 1.")
    evidence = models.JSONField(null=True, blank=True)
    gate = models.JSONField(null=True, blank=True)
    trained_on = models.BooleanField(default=False, help_text="The model was trained on this image.")
    series = models.JSONField(
        null=True, blank=True, help_text="Of a series: which slices speak, and how far they reach."
    )
    key_slice = models.ForeignKey(
        "diagnosis.Slice",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The most telling slice of a series; `evidence` is its.",
    )
    progress = models.PositiveIntegerField(default=0, help_text="Slices that have a result.")
    engine = models.CharField(max_length=20, blank=True, default="")
    milliseconds = models.JSONField(default=dict, blank=True)
    # Never shown to staff: it would tell one person that another has uploaded the same image.
    reused_from = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Times a worker claimed it.")
    error_code = models.CharField(max_length=40, blank=True, default="")
    error = models.TextField(blank=True, default="")
    # PostgreSQL cannot alter a column that a generated one reads: a migration that does so removes these three first.
    worklist_status = models.GeneratedField(
        expression=Case(
            When(state__in=ACTIVE, then=Value(WorklistStatus.ACTIVE)),
            When(state__in=STOPPED, then=Value(WorklistStatus.FAILED)),
            When(uncertain=True, then=Value(WorklistStatus.UNCERTAIN)),
            default=F("outcome"),
        ),
        output_field=models.CharField(max_length=10, choices=WorklistStatus.choices),
        db_persist=True,
    )
    listed_type = models.GeneratedField(
        expression=_listed_type(),
        output_field=models.CharField(max_length=10, choices=TumorType.choices),
        db_persist=True,
        help_text="What the worklist states as the type: none where the model is uncertain.",
    )
    searched = models.GeneratedField(
        expression=Concat("case_reference", Value("\n"), "scan_name", Value("\n"), "owner_name"),
        output_field=models.TextField(),
        db_persist=True,
        help_text="What a search looks through. PostgreSQL has an index of its trigrams.",
    )
    created = models.DateTimeField(default=timezone.now, editable=False)
    queued = models.DateTimeField(help_text="When it last entered the queue.")
    not_before = models.DateTimeField(null=True, blank=True, help_text="More slices may come until then.")
    started = models.DateTimeField(null=True, blank=True)
    worker = models.UUIDField(null=True, blank=True, help_text="Heartbeat of the process that claimed it.")
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            # The queue: which prediction is next, and how many are ahead of a given one.
            models.Index(fields=("state", "queued"), name="prediction_state_queued"),
            # The worklist: what it filters, counts and sorts by (docs/adr/0006-generated-columns-and-indexes.md).
            models.Index(fields=("created", "id"), name="prediction_created"),
            models.Index(fields=("owner", "created", "id"), name="prediction_owner"),
            models.Index(fields=("created", "id"), condition=Q(trained_on=True), name="prediction_trained_on"),
            models.Index(fields=("owner", "worklist_status", "id"), name="prediction_owner_status"),
            # Includes the searched text, so that counts of a search read the index alone.
            models.Index(
                fields=("worklist_status", "model_version", "id"), include=("searched",), name="prediction_status"
            ),
            models.Index(fields=("state", "id"), name="prediction_by_state"),
            models.Index(fields=("case_reference", "id"), name="prediction_by_case"),
            models.Index(fields=("scan_name", "id"), name="prediction_by_scan"),
            models.Index(fields=("owner_name", "id"), name="prediction_by_owner"),
            models.Index(SCORE_LAST_ASCENDING, "id", name="prediction_by_score"),
            models.Index(SCORE_LAST_DESCENDING, "id", name="prediction_by_score_down"),
            models.Index("outcome", SCORE_LAST_ASCENDING, "id", name="prediction_outcome_up"),
            models.Index(TRIAGE, "id", name="prediction_triage"),
            models.Index(fields=("listed_type", "id"), name="prediction_listed_type"),
            models.Index("outcome", SCORE_LAST_DESCENDING, "id", name="prediction_outcome_down"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("scan", "model_version"),
                condition=Q(state__in=(*ACTIVE, *REUSABLE)),
                name="prediction_one_live_per_scan_and_model",
            ),
            models.CheckConstraint(condition=Q(state__in=State.values), name="prediction_state_known"),
            models.CheckConstraint(
                condition=Q(tumor_probability__isnull=True) | Q(tumor_probability__gte=0.0, tumor_probability__lte=1.0),
                name="prediction_probability_in_0_1",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.DONE)
                | Q(
                    outcome__in=(Outcome.TUMOR, Outcome.NO_TUMOR),
                    tumor_probability__isnull=False,
                    model_version__isnull=False,
                ),
                name="prediction_done_has_result",
            ),
            models.CheckConstraint(
                condition=Q(state=State.REFUSED, outcome=Outcome.REFUSED)
                | ~Q(state=State.REFUSED) & ~Q(outcome=Outcome.REFUSED),
                name="prediction_refused_has_outcome",
            ),
            models.CheckConstraint(
                condition=Q(uncertain=False) | Q(state=State.DONE), name="prediction_uncertain_is_done"
            ),
            models.CheckConstraint(
                condition=~Q(state=State.FAILED) | ~Q(error_code=""), name="prediction_failed_has_error"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, finished__isnull=False) | Q(state__in=ACTIVE, finished__isnull=True),
                name="prediction_finished_when_ended",
            ),
        )

    def __str__(self) -> str:
        return f"prediction {self.pk} ({self.state})"

    def get_absolute_url(self) -> str:
        return reverse("prediction", args=[self.pk])

    @classmethod
    def for_scan(cls, scan: Scan, **fields: Any) -> "Prediction":
        """An unsaved prediction with copies of the values that the worklist needs from scan, case and owner."""
        case, owner = scan.case, scan.case.owner
        copies = {"owner": owner, "owner_name": owner.get_username(), "case_reference": case.reference}
        return cls(scan=scan, scan_name=scan.name, in_trash=scan.in_trash, **copies, **fields)

    @property
    def is_active(self) -> bool:
        """Queued or running, so pages keep polling."""
        return self.state in ACTIVE

    @property
    def can_retry(self) -> bool:
        return self.state in STOPPED

    @property
    def can_cancel(self) -> bool:
        return self.state in ACTIVE

    @property
    def has_map(self) -> bool:
        """Whether there is evidence to draw. Refusals and results of models without a map have none, nor do those of a
        series whose key slice has left it: nothing says on which image it lies."""
        return bool(self.evidence and self.evidence.get("heat")) and not self._has_lost_key_slice

    @property
    def _has_lost_key_slice(self) -> bool:
        return self.key_slice_id is None and self.series is not None  # of its scan one slice may be left

    @property
    def covers_all(self) -> bool:
        """Whether it has judged all slices that its scan has now. If not, the indices in `series` may be others'."""
        return self.progress == self.scan.frames

    @property
    def likely_type(self) -> str:
        """The most probable type of a certain tumor, else empty: what may be no tumor has no type."""
        if not self.type_probabilities or self.uncertain or self.outcome != Outcome.TUMOR:
            return ""
        return self.ranked_types[0][0]

    @property
    def ranked_types(self) -> list[tuple[str, float]]:
        """The types with their probabilities, most likely first; of equal ones the first is that of `listed_type`."""
        order = {name: at for at, name in enumerate(TumorType.values)}
        probabilities = (self.type_probabilities or {}).items()
        return sorted(probabilities, key=lambda pair: (pair[1], order.get(pair[0], -1)), reverse=True)
