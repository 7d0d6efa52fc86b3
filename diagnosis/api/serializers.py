"""What the API says of each thing. Nothing here writes: the way in is `intake`, and it validates."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from diagnosis.access import selectors
from diagnosis.inference import broker
from diagnosis.models import Case, ModelVersion, Prediction, Scan, SliceResult
from diagnosis.models.prediction import Outcome, State


def link(view: str, source: str | None = None) -> Any:
    """The absolute address of what `source` points to, or of the thing itself."""
    if source is None:
        return serializers.HyperlinkedIdentityField(view_name=f"api:{view}")
    return serializers.HyperlinkedRelatedField(view_name=f"api:{view}", source=source, read_only=True)


class GateSerializer(serializers.Serializer[Any]):
    """May the picture be judged at all? `score` is what the deciding rule measured, `threshold` its limit."""

    accepted = serializers.BooleanField()
    score = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)


class EvidenceSerializer(serializers.Serializer[Any]):
    """Where the model sees tumor, as fractions of the width and height of the picture as its file stores it."""

    peak = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, help_text="[x, y] of the strongest place."
    )
    box = serializers.ListField(
        child=serializers.FloatField(),
        min_length=4,
        max_length=4,
        allow_null=True,
        help_text="[x0, y0, x1, y1] around it. Null: there is no localized evidence.",
    )
    share = serializers.FloatField(allow_null=True, help_text="Of all evidence, how much lies in the box, 0 to 1.")
    heatmap_url = serializers.URLField(allow_null=True, help_text="Null where the model stores no map.")
    overlay_url = serializers.URLField(allow_null=True, help_text="Null where the model stores no map.")


class SeriesSerializer(serializers.Serializer[Any]):
    """Of a scan of many slices: how far its run is, and which slices speak."""

    frames = serializers.IntegerField(help_text="Slices of the scan.")
    progress = serializers.IntegerField(help_text="Slices that have a result.")
    accepted = serializers.IntegerField(allow_null=True, help_text="Slices that the gate let pass.")
    top = serializers.ListField(
        child=serializers.IntegerField(), help_text="The most telling slices, by index from 0, strongest first."
    )
    extent = serializers.ListField(
        child=serializers.IntegerField(),
        min_length=2,
        max_length=2,
        allow_null=True,
        help_text="First and last index of the slices around the strongest that speak for a tumor.",
    )
    key_slice = serializers.IntegerField(allow_null=True, help_text="Index of the slice whose evidence is given.")
    slices_url = serializers.URLField()


class SliceSerializer(serializers.Serializer[Any]):
    """What a run says of one slice. All but `index` and the addresses of pictures are null while it says nothing."""

    index = serializers.IntegerField(source="slice.index")
    along = serializers.FloatField(source="slice.along", allow_null=True, help_text="Millimeters across the slices.")
    notes = serializers.ListField(source="slice.notes", child=serializers.CharField())
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    uncertain = serializers.BooleanField()
    tumor_probability = serializers.FloatField(allow_null=True)
    type_probabilities = serializers.DictField(child=serializers.FloatField(), allow_null=True)
    evidence = serializers.SerializerMethodField()
    gate = GateSerializer()
    preview_url = serializers.SerializerMethodField()

    @extend_schema_field(EvidenceSerializer(allow_null=True))
    def get_evidence(self, result: SliceResult) -> dict[str, Any] | None:
        if not result.evidence:
            return None
        return {key: result.evidence.get(key) for key in ("peak", "box", "share")} | {
            f"{kind}_url": self._address(kind, result) for kind in ("heatmap", "overlay")
        }

    @extend_schema_field(OpenApiTypes.URI)
    def get_preview_url(self, result: SliceResult) -> str:
        return self._address("preview", result)

    def _address(self, kind: str, result: SliceResult) -> str:
        where = [result.prediction_id, result.slice.index]
        return reverse(f"api:prediction-slice-{kind}", args=where, request=self.context.get("request"))


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
        shown = super().to_representation(prediction)
        return shown | {"outcome": prediction.outcome or None}


class PredictionSerializer(PredictionBriefSerializer):
    """A prediction, whole. `tumor_probability` is a bare score, not a probability, unless `calibrated`.

    `uncertain`: it lies in the band in which the model is often wrong; `outcome` is what the threshold makes of it.
    `trained_on`: the model was made with this picture, so its result does not show how good it is on new ones.
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

    class Meta:
        model = Prediction
        fields: tuple[str, ...] = (
            "id", "url", "state", "outcome", "uncertain", "tumor_probability", "calibrated", "type_probabilities",
            "evidence", "series", "gate", "trained_on", "model", "engine", "created", "queued", "started", "finished",
            "milliseconds", "attempts", "error", "scan", "scan_url", "name", "case", "case_id", "case_url", "owner",
        )  # fmt: skip
        read_only_fields = fields

    def get_model(self, prediction: Prediction) -> str | None:
        return prediction.model_version.label if prediction.model_version else None

    def get_calibrated(self, prediction: Prediction) -> bool:
        return prediction.model_version is not None and prediction.model_version.calibrated

    @extend_schema_field(EvidenceSerializer(allow_null=True))
    def get_evidence(self, prediction: Prediction) -> dict[str, Any] | None:
        if not prediction.evidence:
            return None
        known = {key: prediction.evidence.get(key) for key in ("peak", "box", "share")}
        return known | {
            f"{kind}_url": reverse(f"api:prediction-{kind}", args=[prediction.pk], request=self.context.get("request"))
            if prediction.has_map
            else None
            for kind in ("heatmap", "overlay")
        }

    @extend_schema_field(SeriesSerializer(allow_null=True))
    def get_series(self, prediction: Prediction) -> dict[str, Any] | None:
        if not prediction.scan.is_series:
            return None
        said = prediction.series or {}
        return {
            "frames": prediction.scan.frames,
            "progress": prediction.progress,
            "accepted": said.get("accepted"),
            "top": said.get("top", []),
            "extent": said.get("extent"),
            "key_slice": prediction.key_slice.index if prediction.key_slice else None,
            "slices_url": reverse("api:prediction-slices", args=[prediction.pk], request=self.context.get("request")),
        }

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, prediction: Prediction) -> dict[str, str] | None:
        if not prediction.error_code:
            return None
        return {"code": prediction.error_code, "detail": prediction.error}


class PredictionDetailSerializer(PredictionSerializer):  # needs rows from `selectors.result`
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


class SimilarSerializer(serializers.Serializer[Any]):
    """A past scan that looks like the one asked about, by the prediction of the same model version."""

    similarity = serializers.FloatField(help_text="Cosine of the two embeddings: 1 is the same to the model.")
    thumbnail_url = link("scan-thumbnail", "prediction.scan")
    preview_url = link("scan-preview", "prediction.scan")
    prediction = PredictionSerializer()


class SimilarListSerializer(serializers.Serializer[Any]):
    """The most similar first."""

    available = serializers.BooleanField(
        help_text="False where there is nothing to search by: not done, or a model version without embeddings."
    )
    results = SimilarSerializer(many=True)


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


class CaseSerializer(serializers.ModelSerializer[Case]):
    """What a person opened for one subject."""

    url = link("case-detail")
    owner = serializers.CharField(source="owner.username")
    scan_count = serializers.IntegerField()

    class Meta:
        model = Case
        fields: tuple[str, ...] = ("id", "url", "reference", "owner", "simulated", "created", "scan_count")
        read_only_fields = fields


class CaseDetailSerializer(CaseSerializer):
    """A case with its scans, oldest first."""

    scans = serializers.SerializerMethodField()

    class Meta(CaseSerializer.Meta):
        fields = (*CaseSerializer.Meta.fields, "scans")
        read_only_fields = fields

    @extend_schema_field(ScanSerializer(many=True))
    def get_scans(self, case: Case) -> list[Any]:
        rows = selectors.case_scans(self.context["request"].user, case=case)
        return list(ScanSerializer(rows, many=True, context=self.context).data)


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """A registered model, as its manifest describes it. Where its files lie on the server is not told."""

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


@extend_schema_field(OpenApiTypes.BINARY)
class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457). `code` is stable; `detail` is a sentence for a person."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    instance = serializers.CharField(help_text="Path of the request.")
    request_id = serializers.CharField(help_text="To quote when asking; the server's log has it too.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False, help_text="Sentences by field."
    )
