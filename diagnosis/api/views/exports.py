"""What the endpoints that export lists share."""

from collections.abc import Callable

from django.db.models import Model, QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from diagnosis.api.problems import MEDIA_TYPE
from diagnosis.api.serializers.problems import ProblemSerializer
from diagnosis.api.views.base import Endpoint
from diagnosis.models import Prediction
from diagnosis.reports import exports, listing

_OWN_PARAMETERS = ("format", "bom", "page", "page_size")


def describes_list(summary: str) -> Callable[[Endpoint], Endpoint]:
    """Decorator that describes an endpoint as one that exports a list."""
    return extend_schema(
        summary=summary,
        parameters=[
            OpenApiParameter("format", str, enum=listing.FORMATS, default="csv"),
            OpenApiParameter("bom", bool, description="CSV: with the byte order mark that Excel needs", default=True),
        ],
        responses={
            (200, "text/csv", "application/json"): OpenApiTypes.BINARY,
            (400, MEDIA_TYPE): ProblemSerializer,
        },
    )


def export(request: Request, rows: QuerySet[Prediction], *, name: str, target: Model | None = None) -> HttpResponseBase:
    """The rows as the format that `?format=` names. Raises ValidationError for another one."""
    format = request.query_params.get("format", "csv")
    if format not in listing.FORMATS:
        raise ValidationError({"format": ["Give csv or json."]})
    filters = {key: values for key, values in request.query_params.lists() if key not in _OWN_PARAMETERS}
    return exports.stream(
        request._request, rows, user=request.user, format=format, name=name, target=target, filters=filters
    )
