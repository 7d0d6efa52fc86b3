"""Rows of an exported list."""

from typing import Any

from rest_framework import serializers

from diagnosis.models.prediction import Outcome, State, TumorType
from diagnosis.models.review import Finding
from diagnosis.models.scan import Reading


class ListedSerializer(serializers.Serializer[Any]):  # describes only: `reports.listing` writes the rows
    """A prediction as an exported list tells it. What is hidden from you until you have committed a review is null."""

    prediction = serializers.IntegerField()
    case = serializers.CharField()
    scan = serializers.CharField(help_text="File name.")
    owner = serializers.CharField()
    uploaded = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=State.choices)
    outcome = serializers.ChoiceField(choices=Outcome.choices, allow_null=True)
    uncertain = serializers.BooleanField(allow_null=True)
    tumor_probability = serializers.FloatField(allow_null=True)
    calibrated = serializers.BooleanField()
    likely_type = serializers.ChoiceField(choices=TumorType.choices, allow_null=True)
    trained_on = serializers.BooleanField(allow_null=True)
    model = serializers.CharField(allow_null=True, help_text="name@digest12")
    engine = serializers.CharField(allow_null=True)
    finished = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField(allow_null=True, help_text="Why there is no result.")
    review_state = serializers.ChoiceField(choices=Reading.choices)
    finding = serializers.ChoiceField(choices=Finding.choices, allow_null=True, help_text="That is signed and holds.")
    finding_type = serializers.CharField(allow_null=True)
    signed_by = serializers.CharField(allow_null=True)
    signed = serializers.DateTimeField(allow_null=True)
