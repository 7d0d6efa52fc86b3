"""Changes of cases and scans: what is sent, and what lies in the trash."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from diagnosis.access import trash
from diagnosis.api.serializers.fields import NOT_BLANK, BoundedList, Id, Text
from diagnosis.models import Case, CaseNote, Scan
from diagnosis.models.case import REFERENCE
from diagnosis.models.case_note import LABEL, LONGEST_NOTE, MAX_LABELS

REFERENCE_SCHEMA = {"pattern": f"^{REFERENCE}$"}


class NoteSerializer(serializers.ModelSerializer[CaseNote]):
    """A note on a case. It is never changed."""

    author = serializers.CharField(source="author_name")

    class Meta:
        model = CaseNote
        fields = ("id", "author", "text", "created")
        read_only_fields = fields


class NewNoteSerializer(serializers.Serializer[Any]):
    """A note to append."""

    text = Text(allow_blank=True, schema={"minLength": 1, "maxLength": LONGEST_NOTE, "pattern": NOT_BLANK})


class CaseChangeSerializer(serializers.Serializer[Any]):
    """What is given changes, what is left out stays. Labels are replaced as a whole."""

    reference = Text(required=False, schema=REFERENCE_SCHEMA)
    labels = BoundedList(
        child=Text(schema={"pattern": f"^{LABEL}$"}), required=False, max_length=100, schema={"maxItems": MAX_LABELS}
    )


class MoveSerializer(serializers.Serializer[Any]):
    """The case that a scan belongs to: by its reference among those of the scan's owner, or by id."""

    case = Text(required=False, help_text="Its reference.", schema=REFERENCE_SCHEMA)
    case_id = Id(required=False)
    open = serializers.BooleanField(default=False, help_text="Open a case of this reference if there is none.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("case" in attrs) == ("case_id" in attrs):
            raise serializers.ValidationError({"case": ["Give `case` or `case_id`, one of the two."]})
        return attrs


class _DeletedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    deleted = serializers.DateTimeField()
    deleted_by = serializers.CharField(
        source="deleted_by.username", default=None, allow_null=True, help_text="Null: by the site's retention."
    )
    kept_until = serializers.SerializerMethodField(help_text="Until when it can be restored.")
    owner = serializers.CharField(source="case.owner.username")

    def get_kept_until(self, row: Case | Scan) -> datetime:
        return trash.kept_until(row)


class DeletedCaseSerializer(_DeletedSerializer):
    """A case in the trash."""

    reference = serializers.CharField()
    owner = serializers.CharField(source="owner.username")
    scan_count = serializers.IntegerField()


class DeletedScanSerializer(_DeletedSerializer):
    """A scan in the trash whose case is not there."""

    name = serializers.CharField()
    case = serializers.CharField(source="case.reference")
    case_id = serializers.IntegerField()
