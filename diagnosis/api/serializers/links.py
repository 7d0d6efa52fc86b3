"""URLs in answers."""

from typing import Any

from rest_framework import serializers


def link(view: str, source: str | None = None) -> Any:
    """A field with the absolute URL of the object at `source`, or of the object itself."""
    if source is None:
        return serializers.HyperlinkedIdentityField(view_name=f"api:{view}")
    return serializers.HyperlinkedRelatedField(view_name=f"api:{view}", source=source, read_only=True)
