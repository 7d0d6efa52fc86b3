"""Reviews: what comes in, and what is shown."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.api.serializers.fields import Id, Text
from diagnosis.api.serializers.links import link
from diagnosis.models import Review
from diagnosis.models.review import LONGEST_COMMENT, Confidence, Finding, ReviewState
from diagnosis.reviews.opinions import Opinion
from ml.contracts import TUMOR_TYPES


class _Fraction(serializers.FloatField):
    def __init__(self) -> None:
        super().__init__(min_value=0, max_value=1)


class LocationSerializer(serializers.Serializer[Any]):
    """Where the finding lies, in fractions of the upright image: a point or a box, and of a series the slice."""

    point = serializers.ListField(child=_Fraction(), min_length=2, max_length=2, required=False)
    box = serializers.ListField(child=_Fraction(), min_length=4, max_length=4, required=False)
    slice = serializers.IntegerField(min_value=0, required=False, allow_null=True, help_text="Index, from 0.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("point" in attrs) == ("box" in attrs):
            raise serializers.ValidationError("Give either a point or a box.")
        return attrs


class OpinionSerializer(serializers.Serializer[Any]):
    """What a reader says of a scan. `reviews.opinions` holds the rules."""

    finding = serializers.ChoiceField(choices=Finding.choices, required=False, allow_blank=True, default="")
    type = serializers.ChoiceField(choices=TUMOR_TYPES, required=False, allow_blank=True, default="")
    confidence = serializers.ChoiceField(choices=Confidence.choices, required=False, allow_blank=True, default="")
    comment = Text(required=False, allow_blank=True, default="", max_length=LONGEST_COMMENT)
    location = LocationSerializer(required=False, allow_null=True, default=None)

    def opinion(self) -> Opinion:
        data = self.validated_data
        location = data["location"] or {}
        return Opinion(
            finding=data["finding"],
            tumor_type=data["type"],
            confidence=data["confidence"],
            comment=data["comment"],
            location=tuple(location.get("point") or location.get("box") or ()),
            slice_index=location.get("slice"),
        )


class NewReviewSerializer(OpinionSerializer):
    """An opinion on the scan of a prediction. Sent again, it changes one's own draft."""

    prediction = Id()
    state = serializers.ChoiceField(choices=ReviewState.choices, default=ReviewState.DRAFT)
    version = serializers.IntegerField(
        min_value=0, default=0, help_text="Of the draft that this changes; 0 if there is none."
    )


class AmendmentSerializer(OpinionSerializer):
    """The whole new opinion, and the reason for it."""

    prediction = Id(
        required=False, help_text="The run beside which it was made; if left out, that of the review that it replaces."
    )
    reason = Text(max_length=LONGEST_COMMENT)


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """One review. `current` is false for one that was amended; `amends` is the id of the one that it replaces."""

    url = link("review-detail")
    type = serializers.CharField(source="tumor_type")
    reader = serializers.CharField(source="reader.username")
    scan_url = link("scan-detail", "scan")
    case = serializers.CharField(source="scan.case.reference")
    finding = serializers.ChoiceField(choices=Finding.choices, allow_blank=True)
    confidence = serializers.ChoiceField(choices=Confidence.choices, allow_blank=True)
    location = serializers.SerializerMethodField()
    blind = serializers.BooleanField(
        source="read_blind", help_text="Committed before the reader saw the model's result."
    )

    class Meta:
        model = Review
        fields: tuple[str, ...] = (
            "id", "url", "scan", "scan_url", "case", "prediction", "reader", "role", "state", "mode", "blind",
            "finding", "type", "confidence", "comment", "location", "created", "committed", "revealed", "signed",
            "amends", "reason", "current", "version",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(LocationSerializer(allow_null=True))
    def get_location(self, review: Review) -> dict[str, Any] | None:
        if review.box:
            return {"box": list(review.box), "slice": review.slice_index}
        return {"point": list(review.point), "slice": review.slice_index} if review.point else None
