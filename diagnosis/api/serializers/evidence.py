"""The input check and the evidence, which predictions and slices share."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers


class GateSerializer(serializers.Serializer[Any]):
    """May the image be judged at all? `score` is what the deciding rule measured, `threshold` its limit."""

    accepted = serializers.BooleanField()
    score = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)


class EvidenceSerializer(serializers.Serializer[Any]):
    """Where the model sees tumor, as fractions of the width and height of the image as its file stores it."""

    peak = serializers.ListField(
        child=serializers.FloatField(),
        min_length=2,
        max_length=2,
        help_text="[x, y] in the middle of the strongest evidence.",
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


def evidence_fields(stored: dict[str, Any] | None, *, url: Callable[[str], str | None]) -> dict[str, Any] | None:
    """EvidenceSerializer's fields from stored evidence. `url` gives the URL of `heatmap` and `overlay`."""
    if not stored:
        return None
    fields = {key: stored.get(key) for key in ("peak", "box", "share")}
    return fields | {f"{name}_url": url(name) for name in ("heatmap", "overlay")}
