"""Cases, with and without their scans."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.access import selectors
from diagnosis.api.serializers.case_changes import NoteSerializer
from diagnosis.api.serializers.links import link
from diagnosis.api.serializers.scans import ScanSerializer
from diagnosis.models import Case


class CaseSerializer(serializers.ModelSerializer[Case]):
    """What a person opened for one subject."""

    url = link("case-detail")
    owner = serializers.CharField(source="owner.username")
    scan_count = serializers.IntegerField()
    labels = serializers.SlugRelatedField("text", many=True, read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = Case
        fields: tuple[str, ...] = ("id", "url", "reference", "owner", "simulated", "created", "scan_count", "labels")
        read_only_fields = fields


class CaseDetailSerializer(CaseSerializer):
    """A case with its scans, oldest first, and its notes, newest first."""

    notes = NoteSerializer(many=True)
    scans = serializers.SerializerMethodField()

    class Meta(CaseSerializer.Meta):
        fields = (*CaseSerializer.Meta.fields, "notes", "scans")
        read_only_fields = fields

    @extend_schema_field(ScanSerializer(many=True))
    def get_scans(self, case: Case) -> list[Any]:
        rows = selectors.case_scans(self.context["request"].user, case=case)
        return list(ScanSerializer(rows, many=True, context=self.context).data)
