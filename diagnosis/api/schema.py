"""The OpenAPI schema: adds to each operation the problems that it may answer with."""

from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema

from diagnosis.api.problems import MEDIA_TYPE
from diagnosis.api.serializers.problems import ProblemSerializer

ALWAYS = (401, 429, 500, 503)
_BY_ACTION = {
    "list": (400, 404),
    "create": (400, 403, 404, 409, 415),
    "bulk": (400, 403, 415),
    "retry": (403, 404, 409),
    "cancel": (403, 404, 409),
    "similar": (400, 404),
    "sign": (403, 404, 409),
    "amend": (400, 403, 404, 409, 415),
    "destroy": (403, 404, 409),
    "undelete": (403, 404, 409),
    "partial_update": (400, 403, 404, 409, 415),
    "add_note": (400, 403, 404, 415),
    "move": (400, 403, 404, 409, 415),
    "list_trash": (404,),
}
_OF_ONE = (404,)


class Schema(AutoSchema):
    """Adds the problem responses, so that views need not repeat them."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in (*_BY_ACTION.get(getattr(self.view, "action", ""), _OF_ONE), *ALWAYS):
            problem = self._get_response_for_code(ProblemSerializer, str(status), [MEDIA_TYPE], direction)  # type: ignore[no-untyped-call]
            bodies.setdefault(str(status), problem | {"description": HTTPStatus(status).phrase})
        return bodies
