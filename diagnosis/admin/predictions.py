"""Predictions in the admin: results can be viewed but not changed; a run can be retried or canceled."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from diagnosis.access import audit, blinding, reading_policy, selectors
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.admin.base import ReadOnly
from diagnosis.admin.prediction_columns import PredictionColumns
from diagnosis.inference import transitions
from diagnosis.models import Prediction
from diagnosis.presentation import labels

SUPERUSERS_ONLY = "reused_from"
"""This field reveals that somebody else uploaded the same image, perhaps to a case that the user may not see."""

RESULT_COLUMNS = ("result", "score", "outcome", "uncertain", "trained_on")
"""Columns and filters of the list that tell a result."""

RESULT_FIELDS = (
    "preview_image",
    "scan",
    "case",
    "owner",
    "result",
    "score",
    "types",
    "trained_on",
    "series",
    "key_slice",
    "gate_report",
)
RUN_FIELDS = (
    "state",
    "version",
    "engine",
    "requested_by",
    SUPERUSERS_ONLY,
    "progress",
    "attempts",
    "error_code",
    "error",
)
TIME_FIELDS = ("created", "queued", "started", "finished", "stages")


@admin.register(Prediction)
class PredictionAdmin(PredictionColumns, ReadOnly):
    """The predictions that the user may also see on the site."""

    list_display = (
        "thumbnail_image",
        "scan_name",
        "case",
        "owner",
        "result",
        "score",
        "state",
        "version",
        "created",
    )
    list_display_links = ("scan_name",)
    list_filter = (
        "state",
        "outcome",
        "uncertain",
        "trained_on",
        ("model_version", admin.RelatedOnlyFieldListFilter),
        "created",
    )
    search_fields = ("scan_name", "case_reference", "owner__username", "scan__sha256")
    search_help_text = "File, case, owner or SHA-256"
    date_hierarchy = "created"
    actions = ("retry", "cancel")
    readonly_fields = ("preview_image", "result", "score", "types", "gate_report", "stages")
    fieldsets = (
        (None, {"fields": RESULT_FIELDS}),
        ("Run", {"fields": RUN_FIELDS}),
        ("Times", {"fields": TIME_FIELDS}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        return labels.with_calibration(selectors.predictions(request.user)).select_related("owner")

    def get_fieldsets(self, request: HttpRequest, obj: Prediction | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.is_superuser:
            return fieldsets
        return [(name, _without_restricted(options)) for name, options in fieldsets]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        column = lookup.split("__")[0]
        restricted = column == SUPERUSERS_ONLY and not request.user.is_superuser
        telling = column not in blinding.VISIBLE and reading_policy.is_blind_first(request.user)
        return not restricted and not telling and super().lookup_allowed(lookup, value, request)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return self._without_telling(super().get_list_filter(request), request)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without the columns by which a list can be sorted that tells a result, for staff who read blind first."""
        return self._without_telling(super().get_list_display(request), request)

    def _without_telling(self, names: Any, request: HttpRequest) -> Any:
        return (
            [name for name in names if name not in RESULT_COLUMNS]
            if reading_policy.is_blind_first(request.user)
            else names
        )

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Whether to offer the actions at all; `_change` checks each row again."""
        return cast(User, request.user).has_perm("diagnosis.change_prediction")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Viewing a result is audited here as on its own page."""
        found = context["original"]
        audit.record("scan.viewed" if found.blinded else "result.viewed", actor=request.user, target=found)
        return super().render_change_form(request, context, *args, **kwargs)

    def view_on_site(self, obj: Prediction) -> str:
        return obj.get_absolute_url()

    @admin.action(description="Retry selected predictions (failed or canceled)", permissions=["run"])
    def retry(self, request: HttpRequest, rows: QuerySet[Prediction]) -> None:
        self._change(request, rows, transitions.retry, done="queued again")

    @admin.action(description="Cancel selected predictions (waiting or running)", permissions=["run"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Prediction]) -> None:
        self._change(request, rows, transitions.cancel, done="canceled")

    def _change(
        self, request: HttpRequest, rows: QuerySet[Prediction], transition: Callable[..., bool], *, done: str
    ) -> None:
        """Apply `transition` to each row that the user may change; it checks the state and writes the audit row."""
        user = cast(User, request.user)
        results = [may_change(user, row.scan.case) and transition(prediction=row, actor=user) for row in rows]
        count = sum(results)
        if count:
            messages.success(request, f"{_predictions(count)} {done}.")
        if skipped := len(results) - count:
            messages.warning(
                request, f"{_predictions(skipped)} left unchanged: in another state, or not yours to change."
            )


def _without_restricted(options: Any) -> Any:
    return options | {"fields": tuple(field for field in options["fields"] if field != SUPERUSERS_ONLY)}


def _predictions(count: int) -> str:
    return "1 prediction" if count == 1 else f"{count} predictions"
