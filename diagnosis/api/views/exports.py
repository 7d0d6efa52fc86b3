"""What the endpoints that export lists and reports share."""

from collections.abc import Callable

from django.db.models import Model, QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from diagnosis.api.problems import MEDIA_TYPE, Conflict
from diagnosis.api.serializers.listed import ListedSerializer
from diagnosis.api.serializers.problems import ProblemSerializer
from diagnosis.api.views.base import Endpoint, M
from diagnosis.models import Prediction
from diagnosis.reports import exports, listing
from diagnosis.reports.errors import NoReport

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
            (200, "text/csv"): OpenApiTypes.BINARY,
            (200, "application/json"): ListedSerializer(many=True),
            (400, MEDIA_TYPE): ProblemSerializer,
        },
    )


def describes_report(summary: str, media_type: str, *, part: bool = False) -> Callable[[Endpoint], Endpoint]:
    """Decorator that describes an endpoint as one that sends a report. part: whether it comes in parts."""
    number = OpenApiParameter(
        "part",
        {"type": "integer", "minimum": 1, "default": 1},
        description=f"Each has {exports.SCANS_A_FILE} scans.",
    )
    return extend_schema(
        summary=summary,
        parameters=[number] if part else [],
        responses={
            (200, media_type): OpenApiTypes.OBJECT if media_type.endswith("json") else OpenApiTypes.BINARY,
            (409, MEDIA_TYPE): ProblemSerializer,
        },
    )


def report(request: Request, about: M, make: Callable[..., HttpResponseBase]) -> HttpResponseBase:
    """What `make` makes of a case or prediction. Raises Conflict where there is no report."""
    try:
        return make(request._request, about, user=request.user)
    except NoReport as error:
        raise Conflict(error.message, error.code) from None


def export(request: Request, rows: QuerySet[Prediction], *, name: str, target: Model | None = None) -> HttpResponseBase:
    """The rows as the format that `?format=` names. Raises ValidationError for another one."""
    format = request.query_params.get("format", "csv")
    if format not in listing.FORMATS:
        raise ValidationError({"format": ["Give csv or json."]})
    if request.query_params.get("bom", "").lower() not in exports.BOM:
        raise ValidationError({"bom": ["Give true or false."]})
    filters = {key: values for key, values in request.query_params.lists() if key not in _OWN_PARAMETERS}
    return exports.stream(
        request._request, rows, user=request.user, format=format, name=name, target=target, filters=filters
    )
