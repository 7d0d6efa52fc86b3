"""Predictions: briefly, whole, and with their place in the queue."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from diagnosis.access import viewing
from diagnosis.api.serializers.evidence import EvidenceSerializer, GateSerializer, evidence_fields
from diagnosis.api.serializers.links import link
from diagnosis.api.serializers.slices import SeriesSerializer
from diagnosis.inference import broker
from diagnosis.models import Prediction
from diagnosis.models.prediction import Outcome, State
from diagnosis.presentation import labels


class ErrorSerializer(serializers.Serializer[Any]):
    """Why a run failed: a stable code and a sentence."""

    code = serializers.CharField()
    detail = serializers.CharField()


class PredictionBriefSerializer(serializers.ModelSerializer[Prediction]):
    """A prediction as its scan mentions it."""

    outcome = serializers.ChoiceField(choices=Outcome.choices, allow_null=True)
    url = link("prediction-detail")

    class Meta:
        model = Prediction
        fields: tuple[str, ...] = ("id", "state", "outcome", "url")
        read_only_fields = fields

    def to_representation(self, prediction: Prediction) -> dict[str, Any]:
        viewing.note_answer(prediction)
        shown = super().to_representation(prediction)
        return shown | {"outcome": prediction.outcome or None}


class PredictionSerializer(PredictionBriefSerializer):
    """A prediction, whole. `tumor_probability` is a bare score, not a probability, unless `calibrated`.

    `uncertain`: it lies in the band in which the model is often wrong; `outcome` is what the threshold makes of it.
    `blinded`: the result is hidden from you until you have committed a review; all that tells it is empty.
    `trained_on`: the model was made with this image, so its result does not show how good it is on new ones.
    """

    name = serializers.CharField(source="scan.name", help_text="File name of the scan.")
    scan_url = link("scan-detail", "scan")
    case = serializers.CharField(source="scan.case.reference")
    case_id = serializers.IntegerField(source="scan.case_id")
    case_url = link("case-detail", "scan.case")
    owner = serializers.CharField(source="scan.case.owner.username")
    model = serializers.SerializerMethodField(help_text="name@digest12")
    calibrated = serializers.SerializerMethodField()
    type_probabilities = serializers.DictField(child=serializers.FloatField(), allow_null=True)
    milliseconds = serializers.DictField(child=serializers.FloatField())
    gate = GateSerializer(allow_null=True)
    evidence = serializers.SerializerMethodField()
    series = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    blinded = serializers.BooleanField()

    class Meta:
        model = Prediction
        fields: tuple[str, ...] = (
            "id", "url", "state", "blinded", "outcome", "uncertain", "tumor_probability", "calibrated",
            "type_probabilities", "evidence", "series", "gate", "trained_on", "model", "engine", "created", "queued",
            "started", "finished", "milliseconds", "attempts", "error", "scan", "scan_url", "name", "case", "case_id",
            "case_url", "owner",
        )  # fmt: skip
        read_only_fields = fields

    def get_model(self, prediction: Prediction) -> str | None:
        return prediction.model_version.label if prediction.model_version else None

    def get_calibrated(self, prediction: Prediction) -> bool:
        return labels.is_calibrated(prediction)

    @extend_schema_field(EvidenceSerializer(allow_null=True))
    def get_evidence(self, prediction: Prediction) -> dict[str, Any] | None:
        def url(name: str) -> str | None:
            if not prediction.has_map:
                return None
            return reverse(f"api:prediction-{name}", args=[prediction.pk], request=self.context.get("request"))

        return evidence_fields(prediction.evidence, url=url)

    @extend_schema_field(SeriesSerializer(allow_null=True))
    def get_series(self, prediction: Prediction) -> dict[str, Any] | None:
        if not prediction.scan.is_series:
            return None
        summary = prediction.series or {}
        return {
            "frames": prediction.scan.frames,
            "progress": prediction.progress,
            "accepted": summary.get("accepted"),
            "top": summary.get("top", []) if prediction.covers_all else [],
            "extent": summary.get("extent") if prediction.covers_all else None,
            "key_slice": prediction.key_slice.index if prediction.key_slice else None,
            "slices_url": reverse("api:prediction-slices", args=[prediction.pk], request=self.context.get("request")),
        }

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, prediction: Prediction) -> dict[str, str] | None:
        if not prediction.error_code:
            return None
        return {"code": prediction.error_code, "detail": prediction.error}


class PredictionDetailSerializer(PredictionSerializer):  # needs rows with their `position`
    """A prediction with its place in the queue, while it waits."""

    position = serializers.SerializerMethodField(help_text="Place in the queue, from 1; null unless queued.")
    estimated_seconds = serializers.SerializerMethodField(help_text="Until it is done; null unless queued and known.")

    class Meta(PredictionSerializer.Meta):
        fields = (*PredictionSerializer.Meta.fields, "position", "estimated_seconds")
        read_only_fields = fields

    def get_position(self, prediction: Prediction) -> int | None:
        return prediction.position if prediction.state == State.QUEUED else None  # type: ignore[attr-defined]

    def get_estimated_seconds(self, prediction: Prediction) -> float | None:
        position = self.get_position(prediction)
        return None if position is None else broker.estimate(position)
