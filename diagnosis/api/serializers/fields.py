"""Fields for what is sent to the API.

What the domain checks, with codes of its own, no serializer checks before it. The schema tells these bounds all the
same: `schema` holds keywords of JSON Schema.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from diagnosis.access.filters import LARGEST_ID

NO_NUL = r"^[^\u0000]*$"
"""A pattern: PostgreSQL stores no text with a NUL character, so none is accepted."""
NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"
"""A pattern: something is left once white space at the ends is stripped. Python counts a few control characters as
such."""


class Text(serializers.CharField):
    """Text only: DRF would turn a number into text. schema: what the domain checks."""

    def __init__(self, *, schema: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema or {}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class BoundedList(serializers.ListField):
    """A list that the domain checks."""

    def __init__(self, *, schema: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schema = schema


class Id(serializers.IntegerField):
    """The id of something."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": LARGEST_ID} | kwargs)
