"""What is sent with an upload, and what became of it, file by file."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from diagnosis.access import selectors
from diagnosis.api.serializers.fields import Text
from diagnosis.api.serializers.links import link
from diagnosis.api.serializers.predictions import PredictionBriefSerializer
from diagnosis.api.serializers.problems import ProblemSerializer
from diagnosis.api.serializers.scans import ScanFieldsSerializer
from diagnosis.intake import Accepted, Receipt, namesakes
from diagnosis.models import Prediction
from diagnosis.models.case import REFERENCE


@extend_schema_field(OpenApiTypes.BINARY)
class _UploadedFile(serializers.FileField):
    """Described as bytes in either direction; DRF would describe the address of a stored file."""


class UploadSerializer(serializers.Serializer[Any]):  # describes only: `intake` judges what comes
    """The form of an upload."""

    files = serializers.ListField(child=_UploadedFile(), min_length=1, help_text="One or more. Repeat the field.")
    case = Text(
        required=False,
        allow_blank=True,
        help_text="Pseudonymous reference. Empty: a new case.",
        schema={"maxLength": 64, "pattern": f"^({REFERENCE})?$"},
    )
    confirmed = serializers.BooleanField(
        required=False, help_text="You have looked: text in these images is no name. Without it they are refused."
    )
    refuse_same_reference = serializers.BooleanField(
        required=False,
        help_text="Answer 409 instead of opening a case whose reference another owner's case has, if you may see that.",
    )


class EarlierSerializer(serializers.Serializer[Any]):
    """The scan that showed the same image before."""

    scan = serializers.IntegerField()
    url = serializers.URLField()
    prediction = PredictionBriefSerializer(allow_null=True)


class AcceptedSerializer(ScanFieldsSerializer):
    """One file that was taken: its scan, its prediction, and what it repeats."""

    prediction = PredictionBriefSerializer()
    uploaded_as = serializers.CharField(
        help_text="Name of the file in this upload; of a known image it may differ from `name`."
    )
    files = serializers.IntegerField(help_text="Files of this upload that belong to the scan.")
    duplicate = serializers.BooleanField(help_text="The same image was there before; see duplicate_of.")
    duplicate_of = EarlierSerializer(allow_null=True)

    class Meta(ScanFieldsSerializer.Meta):
        fields = (*ScanFieldsSerializer.Meta.fields, "uploaded_as", "files", "prediction", "duplicate", "duplicate_of")
        read_only_fields = fields

    def to_representation(self, accepted: Accepted) -> dict[str, Any]:  # type: ignore[override]
        shown = dict(ScanFieldsSerializer(accepted.scan, context=self.context).data)
        return shown | {
            "notes": list(dict.fromkeys([*shown["notes"], *accepted.notes])),
            "prediction": self._brief(accepted.prediction),
            "uploaded_as": accepted.name,
            "files": accepted.files,
            "duplicate": accepted.duplicate_of is not None,
            "duplicate_of": self._earlier(accepted),
        }

    def _brief(self, prediction: Prediction | None) -> dict[str, Any] | None:
        return dict(PredictionBriefSerializer(prediction, context=self.context).data) if prediction else None

    def _earlier(self, accepted: Accepted) -> dict[str, Any] | None:
        earlier = accepted.duplicate_of
        if earlier is None:
            return None
        same = earlier.pk == accepted.scan.pk
        visible = selectors.predictions(self.context["request"].user).filter(scan=earlier)
        prediction = accepted.prediction if same else visible.order_by("-id").first()
        url = reverse("api:scan-detail", args=[earlier.pk], request=self.context["request"])
        return {"scan": earlier.pk, "url": url, "prediction": self._brief(prediction)}


class RejectedSerializer(serializers.Serializer[Any]):
    """One file that was not accepted: the rule it broke, and a sentence for its uploader."""

    name = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()
    confirmable = serializers.BooleanField(help_text="Send it again with `confirmed`, if there is no name in it.")


class NamesakeSerializer(serializers.Serializer[Any]):
    """Another owner's case with the same reference."""

    case_id = serializers.IntegerField(source="pk")
    owner = serializers.CharField(source="owner.username")
    url = serializers.HyperlinkedIdentityField(view_name="api:case-detail")


class ReceiptSerializer(serializers.Serializer[Any]):
    """What became of an upload, file by file. `case` is the reference, ready to be sent with the next upload."""

    case = serializers.CharField(source="case.reference", default=None, allow_null=True)
    case_id = serializers.IntegerField(source="case.pk", default=None, allow_null=True)
    case_url = link("case-detail", "case")
    scans = AcceptedSerializer(source="accepted", many=True)
    rejected = RejectedSerializer(many=True)
    same_reference = serializers.SerializerMethodField(
        help_text="Other owners' cases with this reference, as far as you may see them."
    )

    @extend_schema_field(NamesakeSerializer(many=True))
    def get_same_reference(self, receipt: Receipt) -> list[dict[str, Any]]:
        if receipt.case is None:
            return []
        found = namesakes.of(self.context["request"].user, reference=receipt.case.reference)
        return list(NamesakeSerializer(found, many=True, context=self.context).data)


class NothingAcceptedSerializer(ProblemSerializer):
    """An upload of which no file was accepted: the problem, with the keys of a receipt added."""

    case = serializers.CharField(allow_null=True, required=False)
    case_id = serializers.IntegerField(allow_null=True, required=False)
    case_url = serializers.URLField(allow_null=True, required=False)
    scans = AcceptedSerializer(many=True, required=False)
    rejected = RejectedSerializer(many=True, required=False)
    same_reference = NamesakeSerializer(many=True, required=False)
