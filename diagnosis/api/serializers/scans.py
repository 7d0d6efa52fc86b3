"""Scans, with and without their predictions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.api.serializers.links import link
from diagnosis.api.serializers.predictions import PredictionBriefSerializer
from diagnosis.models import Prediction, Scan


class ScanFieldsSerializer(serializers.ModelSerializer[Scan]):
    """One accepted file, without its predictions."""

    url = link("scan-detail")
    file_url = link("scan-file")
    preview_url = link("scan-preview")
    thumbnail_url = link("scan-thumbnail")
    case = serializers.CharField(source="case.reference")
    case_id = serializers.IntegerField()
    case_url = link("case-detail", "case")
    owner = serializers.CharField(source="case.owner.username")
    notes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Scan
        fields: tuple[str, ...] = (
            "id", "url", "name", "format", "width", "height", "frames", "spacing", "letters", "size", "sha256",
            "pixel_sha256", "notes", "created",
            "case", "case_id", "case_url", "owner", "file_url", "preview_url", "thumbnail_url",
        )  # fmt: skip
        read_only_fields = fields


class ScanSerializer(ScanFieldsSerializer):  # needs rows with `history` prefetched
    """A scan with its predictions, newest first."""

    prediction = serializers.SerializerMethodField(help_text="The newest one.")
    predictions = PredictionBriefSerializer(source="history", many=True)

    class Meta(ScanFieldsSerializer.Meta):
        fields = (*ScanFieldsSerializer.Meta.fields, "prediction", "predictions")
        read_only_fields = fields

    @extend_schema_field(PredictionBriefSerializer(allow_null=True))
    def get_prediction(self, scan: Scan) -> dict[str, Any] | None:
        newest: list[Prediction] = scan.history[:1]  # type: ignore[attr-defined]
        return dict(PredictionBriefSerializer(newest[0], context=self.context).data) if newest else None
