"""How the admin shows the parts of a prediction."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from diagnosis.admin.base import NOTHING, image, pretty
from diagnosis.models import Prediction
from diagnosis.presentation import labels
from ml.percent import percent


class PredictionColumns:
    """Columns and read-only fields of PredictionAdmin."""

    @admin.display(description="Image")
    def thumbnail_image(self, prediction: Prediction) -> SafeString:
        return image(prediction.scan)

    @admin.display(description="Image")
    def preview_image(self, prediction: Prediction) -> SafeString:
        return image(prediction.scan, route="scan-preview")

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
        """Only where a tumor was found or is suspected; otherwise the types' probabilities mean nothing."""
        found = prediction.type_probabilities if prediction.likely_type else None
        by_probability = sorted((found or {}).items(), key=lambda pair: -pair[1])
        wording = percent if labels.is_calibrated(prediction) else labels.plain_score
        return format_html_join(", ", "{} {}", ((name, wording(value)) for name, value in by_probability)) or NOTHING

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
