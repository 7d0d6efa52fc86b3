"""Assignments, saved views and bulk actions."""

from typing import Any

from rest_framework import serializers

from diagnosis.models import Assignment, SavedView
from diagnosis.worklist import bulk


class AssigneeSerializer(serializers.Serializer[Any]):
    """A person or a group, by name: one of the two."""

    user = serializers.CharField(required=False, default="", allow_blank=True, help_text="User name.")
    group = serializers.CharField(required=False, default="", allow_blank=True, help_text="Name of a group.")


class NewAssignmentSerializer(AssigneeSerializer):
    """Whom to ask to read a case."""

    case_id = serializers.IntegerField(max_value=2**63 - 1)


class AssignmentSerializer(serializers.ModelSerializer[Assignment]):
    """Who is asked to read a case. Either `user` or `group` is null."""

    case = serializers.CharField(source="case.reference")
    user = serializers.CharField(source="user.username", default=None, allow_null=True)
    group = serializers.CharField(source="group.name", default=None, allow_null=True)
    assigned_by = serializers.CharField(source="assigned_by.username", default=None, allow_null=True)

    class Meta:
        model = Assignment
        fields = ("id", "case", "case_id", "user", "group", "assigned_by", "created")
        read_only_fields = fields


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    """A filter and an order of the worklist under a name."""

    class Meta:
        model = SavedView
        fields = ("id", "name", "query", "created")
        read_only_fields = fields


class NewViewSerializer(serializers.Serializer[Any]):
    """What to save."""

    name = serializers.CharField(allow_blank=True)
    query = serializers.CharField(default="", allow_blank=True, help_text="As in the worklist's URL, after `?`.")


class ViewNameSerializer(serializers.Serializer[Any]):
    """A new name."""

    name = serializers.CharField(allow_blank=True)


class BulkActionSerializer(AssigneeSerializer):
    """An action on several predictions. `user` or `group`: for `assign`."""

    action = serializers.ChoiceField(choices=sorted(bulk.DONE_WORDS))
    ids = serializers.ListField(child=serializers.IntegerField(min_value=0, max_value=2**63 - 1), allow_empty=True)


class RefusalSerializer(serializers.Serializer[Any]):
    """A prediction that was left as it is."""

    id = serializers.IntegerField(source="prediction")
    name = serializers.CharField(help_text="Of the scan; empty if you may not see it.")
    code = serializers.CharField()
    detail = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[Any]):
    """For which the action was done, and why not for the others."""

    done = serializers.ListField(child=serializers.IntegerField())
    refused = RefusalSerializer(many=True)
