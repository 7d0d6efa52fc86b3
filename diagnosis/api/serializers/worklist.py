"""Assignments, saved views and bulk actions."""

from typing import Any

from rest_framework import serializers

from diagnosis.api.serializers.fields import NOT_BLANK, BoundedList, Id, Text
from diagnosis.models import Assignment, SavedView
from diagnosis.worklist import bulk, saved_views


class AssigneeSerializer(serializers.Serializer[Any]):
    """A person or a group, by name: one of the two."""

    user = Text(required=False, default="", allow_blank=True, help_text="User name.")
    group = Text(required=False, default="", allow_blank=True, help_text="Name of a group.")


class NewAssignmentSerializer(AssigneeSerializer):
    """Who is asked to read a case."""

    case_id = Id()


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


_NAME = {"minLength": 1, "maxLength": saved_views.LONGEST_NAME, "pattern": NOT_BLANK}
_QUERY = {"maxLength": saved_views.LONGEST_QUERY}


class NewViewSerializer(serializers.Serializer[Any]):
    """What to save."""

    name = Text(allow_blank=True, schema=_NAME)
    query = Text(default="", allow_blank=True, help_text="As in the worklist's URL, after `?`.", schema=_QUERY)


class ViewNameSerializer(serializers.Serializer[Any]):
    """A new name."""

    name = Text(required=False, allow_blank=True, schema=_NAME)


class BulkActionSerializer(AssigneeSerializer):
    """An action on several predictions. `user` or `group`: for `assign`."""

    action = serializers.ChoiceField(choices=sorted(bulk.DONE_WORDS))
    ids = BoundedList(child=Id(min_value=0), allow_empty=True, schema={"minItems": 1, "maxItems": bulk.MAX_SELECTED})


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
