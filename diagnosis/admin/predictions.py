"""Predictions in the admin: results are looked at, never changed; runs may be tried again or canceled."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from diagnosis.access import audit, selectors
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.admin.base import NOTHING, ReadOnly, picture, pretty
from diagnosis.inference import transitions
from diagnosis.models import Prediction
from diagnosis.presentation import labels
from ml.percent import percent

SOURCE = "reused_from"
"""For superusers alone: it tells that somebody, whose cases others may not see, uploaded the same picture."""


@admin.register(Prediction)
class PredictionAdmin(ReadOnly):
    """Predictions that the person may see on the site, too."""

    list_display = (
        "thumbnail_picture",
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
    readonly_fields = ("preview_picture", "result", "score", "types", "gate_report", "stages")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "preview_picture",
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
            },
        ),
        (
            "Run",
            {
                "fields": (
                    "state",
                    "version",
                    "engine",
                    "requested_by",
                    SOURCE,
                    "progress",
                    "attempts",
                    "error_code",
                    "error",
                )
            },
        ),
        ("Times", {"fields": ("created", "queued", "started", "finished", "stages")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        return labels.with_calibration(selectors.predictions(request.user)).select_related("owner")

    def get_fieldsets(self, request: HttpRequest, obj: Prediction | None = None) -> Any:
        whole = super().get_fieldsets(request, obj)
        return whole if request.user.is_superuser else [(name, _public(options)) for name, options in whole]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        told = lookup.split("__")[0] != SOURCE or request.user.is_superuser
        return told and super().lookup_allowed(lookup, value, request)

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered at all; each row is asked again."""
        return cast(User, request.user).has_perm("diagnosis.change_prediction")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Who looks at a result leaves a trace, here as on its page."""
        audit.record("result.viewed", actor=request.user, target=context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    def view_on_site(self, obj: Prediction) -> str:
        return obj.get_absolute_url()

    @admin.action(description="Retry selected predictions (failed or canceled)", permissions=["run"])
    def retry(self, request: HttpRequest, rows: QuerySet[Prediction]) -> None:
        self._each(request, rows, transitions.retry, "queued again")

    @admin.action(description="Cancel selected predictions (waiting or running)", permissions=["run"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Prediction]) -> None:
        self._each(request, rows, transitions.cancel, "canceled")

    def _each(self, request: HttpRequest, rows: QuerySet[Prediction], act: Callable[..., bool], done: str) -> None:
        """Call `act` on each row that the person may change; it checks the row's state and writes the audit row."""
        person = cast(User, request.user)
        results = [may_change(person, row.scan.case) and act(prediction=row, actor=person) for row in rows]
        count = sum(results)
        if count:
            messages.success(request, f"{_predictions(count)} {done}.")
        if skipped := len(results) - count:
            messages.warning(
                request, f"{_predictions(skipped)} left as they were: in another state, or not yours to change."
            )

    @admin.display(description="")
    def thumbnail_picture(self, prediction: Prediction) -> SafeString:
        return picture(prediction.scan)

    @admin.display(description="Picture")
    def preview_picture(self, prediction: Prediction) -> SafeString:
        return picture(prediction.scan, route="scan-preview")

    @admin.display(ordering="scan__case__reference")
    def case(self, prediction: Prediction) -> SafeString:
        case = prediction.scan.case
        return format_html('<a href="{}">{}</a>', case.get_absolute_url(), case)

    @admin.display(description="Result", ordering="outcome")
    def result(self, prediction: Prediction) -> SafeString:
        label = labels.status_label(prediction)
        return format_html('<span class="result result-{}">{}</span>', label.status, label.word)

    @admin.display(ordering="tumor_probability")
    def score(self, prediction: Prediction) -> str:
        return labels.score(prediction) or NOTHING

    @admin.display(description="Tumor type")
    def types(self, prediction: Prediction) -> SafeString | str:
        """Only where a tumor was found or is suspected: without one, the types' shares mean nothing."""
        found = prediction.type_probabilities if prediction.likely_type else None
        shares = sorted((found or {}).items(), key=lambda pair: -pair[1])
        return format_html_join(", ", "{} {}", ((name, percent(share)) for name, share in shares)) or NOTHING

    @admin.display(description="Model", ordering="model_version__name", empty_value=NOTHING)
    def version(self, prediction: Prediction) -> str | None:
        return prediction.model_version.label if prediction.model_version else None

    @admin.display(description="Input check")
    def gate_report(self, prediction: Prediction) -> Any:
        gate = prediction.gate or {}
        return gate.get("message") or ("Accepted" if gate.get("accepted") else NOTHING)

    @admin.display(description="Milliseconds")
    def stages(self, prediction: Prediction) -> SafeString | str:
        return pretty(prediction.milliseconds)


def _public(options: Any) -> Any:
    return options | {"fields": tuple(field for field in options["fields"] if field != SOURCE)}


def _predictions(count: int) -> str:
    return "1 prediction" if count == 1 else f"{count} predictions"
