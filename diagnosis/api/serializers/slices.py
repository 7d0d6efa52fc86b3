"""Series and their slices."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from diagnosis.api.serializers.evidence import EvidenceSerializer, GateSerializer, evidence_fields
from diagnosis.models import SliceResult
from diagnosis.models.prediction import Outcome


class SeriesSerializer(serializers.Serializer[Any]):
    """Of a scan of many slices: how far its run is, and which slices speak."""

    frames = serializers.IntegerField(help_text="Slices of the scan.")
    progress = serializers.IntegerField(help_text="Slices that have a result.")
    accepted = serializers.IntegerField(allow_null=True, help_text="Slices that the gate let pass.")
    top = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="The most telling slices, by index from 0, strongest first. Empty once the scan has others.",
    )
    extent = serializers.ListField(
        child=serializers.IntegerField(),
        min_length=2,
        max_length=2,
        allow_null=True,
        help_text="First and last index of the slices around the strongest that speak for a tumor. Null once the scan "
        "has other slices.",
    )
    key_slice = serializers.IntegerField(allow_null=True, help_text="Index of the slice whose evidence is given.")
    slices_url = serializers.URLField()


class SliceSerializer(serializers.Serializer[Any]):
    """What a run says of one slice. All but `index` and the addresses of images are null while it says nothing."""

    index = serializers.IntegerField(source="slice.index")
    along = serializers.FloatField(source="slice.along", allow_null=True, help_text="Millimeters across the slices.")
    notes = serializers.ListField(source="slice.notes", child=serializers.CharField())
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    uncertain = serializers.BooleanField()
    tumor_probability = serializers.FloatField(allow_null=True)
    type_probabilities = serializers.DictField(child=serializers.FloatField(), allow_null=True)
    evidence = serializers.SerializerMethodField()
    gate = GateSerializer(allow_null=True)
    preview_url = serializers.SerializerMethodField()

    @extend_schema_field(EvidenceSerializer(allow_null=True))
    def get_evidence(self, result: SliceResult) -> dict[str, Any] | None:
        return evidence_fields(result.evidence, url=lambda name: self._url(name, result))

    @extend_schema_field(OpenApiTypes.URI)
    def get_preview_url(self, result: SliceResult) -> str:
        return self._url("preview", result)

    def _url(self, name: str, result: SliceResult) -> str:
        key = [result.prediction_id, result.slice.index]
        return reverse(f"api:prediction-slice-{name}", args=key, request=self.context.get("request"))
