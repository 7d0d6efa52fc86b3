"""Similar past scans."""

from typing import Any

from rest_framework import serializers

from diagnosis.api.serializers.links import link
from diagnosis.api.serializers.predictions import PredictionSerializer


class SimilarSerializer(serializers.Serializer[Any]):
    """A past scan that looks like the one asked about, by the prediction of the same model version."""

    similarity = serializers.FloatField(help_text="Cosine of the two embeddings: 1 is the same to the model.")
    thumbnail_url = link("scan-thumbnail", "prediction.scan")
    preview_url = link("scan-preview", "prediction.scan")
    prediction = PredictionSerializer()


class SimilarListSerializer(serializers.Serializer[Any]):
    """The most similar first."""

    available = serializers.BooleanField(
        help_text="False where there is nothing to search by: not done, or a model version without embeddings or floor."
    )
    results = SimilarSerializer(many=True)
