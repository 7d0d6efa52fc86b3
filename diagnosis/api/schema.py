"""The OpenAPI schema: adds to each operation the problems that it may answer with, and to its input the limits."""

from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from diagnosis.access.filters import LARGEST_ID
from diagnosis.api.problems import MEDIA_TYPE
from diagnosis.api.serializers.fields import NO_NUL, NOT_BLANK
from diagnosis.api.serializers.problems import ProblemSerializer

ALWAYS = (401, 403, 429, 500, 503)
_BY_ACTION = {
    "list": (400, 404),
    "create": (400, 404, 409, 415),
    "bulk": (400, 415),
    "retry": (404, 409),
    "cancel": (404, 409),
    "similar": (400, 404),
    "sign": (404, 409),
    "amend": (400, 404, 409, 415),
    "destroy": (404, 409),
    "undelete": (404, 409),
    "partial_update": (400, 404, 409, 415),
    "add_note": (400, 404, 415),
    "move": (400, 404, 409, 415),
    "list_trash": (400, 404),
}
_OF_ONE = (404,)

Direction = Literal["request", "response"]


class Schema(AutoSchema):
    """Adds the problem responses and the bounds that all requests share, so that views need not repeat them."""

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in (*_BY_ACTION.get(getattr(self.view, "action", ""), _OF_ONE), *ALWAYS):
            problem = self._get_response_for_code(ProblemSerializer, str(status), [MEDIA_TYPE], direction)  # type: ignore[no-untyped-call]
            bodies.setdefault(str(status), problem | {"description": HTTPStatus(status).phrase})
        return bodies

    def _get_serializer_field_meta(self, field: Any, direction: Direction) -> dict[str, Any]:
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(field, serializers.CharField):
            meta["pattern"] = NO_NUL if field.allow_blank else NOT_BLANK
        return meta | getattr(field, "schema", {})

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        """Without the empty text as an alternative: a field's own pattern says whether it may be empty."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        match schema.get("oneOf"):
            case [{"type": "string"} as text, {"type": "string", "maxLength": 0}]:
                del schema["oneOf"]
                schema |= text

    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_parameters()
        for parameter in parameters:
            _bound(parameter["schema"], in_path=parameter["in"] == "path")
        return parameters


def _bound(schema: dict[str, Any], *, in_path: bool) -> None:
    """The bounds that every parameter has: whole numbers in an address, and texts that are searched for."""
    if in_path and schema["type"] == "integer":
        schema |= {"minimum": 0, "maximum": LARGEST_ID}
    elif schema["type"] == "string" and not schema.keys() & {"enum", "format", "anyOf"}:
        schema.setdefault("pattern", NO_NUL)
