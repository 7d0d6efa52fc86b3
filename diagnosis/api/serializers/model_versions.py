"""Model versions."""

from rest_framework import serializers

from diagnosis.api.serializers.links import link
from diagnosis.models import ModelVersion


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A registered model, as its manifest describes it. The location of its files on the server is not shown."""

    url = link("model-detail")
    label = serializers.CharField(help_text="name@digest12, as predictions name it")  # type: ignore[assignment]
    calibrated = serializers.BooleanField()
    threshold = serializers.FloatField(source="manifest.threshold", default=None, allow_null=True)
    metrics = serializers.JSONField(source="manifest.metrics", default=None, help_text="As measured.")

    class Meta:
        model = ModelVersion
        fields = (
            "id", "url", "label", "name", "digest", "active", "calibrated", "threshold", "metrics", "registered",
        )  # fmt: skip
        read_only_fields = fields
