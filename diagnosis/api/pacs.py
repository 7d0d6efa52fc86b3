"""API endpoints for the hospital's archive: fetch a study, download a result as DICOM, send a result."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.http import FileResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.access import selectors
from diagnosis.access.users import User
from diagnosis.api.negotiation import IgnoreAccept
from diagnosis.api.problems import MEDIA_TYPE, NothingAccepted
from diagnosis.api.schema import Schema
from diagnosis.api.serializers.fields import Text
from diagnosis.api.serializers.problems import ProblemSerializer
from diagnosis.api.serializers.receipts import ReceiptSerializer
from diagnosis.dicom import export, retrieve
from diagnosis.dicom.errors import InvalidAccession, PacsError
from diagnosis.intake import Receipt
from diagnosis.models import Prediction
from diagnosis.models.api_token import Scope
from diagnosis.presentation.missing import FileMissing

_STATUS = {
    "no_archive": 503,
    "archive_unreachable": 502,
    "archive_refused": 502,
    "nothing_found": 404,
    "ambiguous": 409,
    "too_much": 409,
    "nothing_to_send": 409,
    "not_read_yet": 409,
    "misconfigured": 503,
    "permission_denied": 403,
}


class PacsProblem(APIException):
    """A PacsError as a problem. extra: further keys, such as what was stored before the failure."""

    def __init__(self, error: PacsError, *, extra: Any = None) -> None:
        super().__init__(error.message, error.code)
        self.status_code = _STATUS[error.code]
        self.extra = extra


class PullSerializer(serializers.Serializer[Any]):
    """Which study to fetch. The number is used to ask the archive, and not kept."""

    accession = Text(max_length=16, schema={"pattern": f"^{retrieve.ACCESSION}$"})


class SentSerializer(serializers.Serializer[Any]):
    """How many objects the archive took."""

    sent = serializers.IntegerField()


def _problems(*codes: int) -> dict[Any, Any]:
    return {(code, MEDIA_TYPE): OpenApiResponse(ProblemSerializer) for code in codes}


class PullView(APIView):
    """POST /api/v1/pull/"""

    token_scope = Scope.UPLOAD
    schema = Schema()
    parser_classes = (JSONParser, FormParser)

    @extend_schema(
        summary="Fetch a study from the archive",
        request=PullSerializer,
        responses={201: ReceiptSerializer, **_problems(400, 409, 415, 502)},
    )
    def post(self, request: Request) -> Response:
        """Puts its MR images into a new case, as if they had been uploaded. If none is accepted: 400, and if the
        archive fails half-way: 502; both problems also have the receipt's keys."""
        asked = PullSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = cast(User, request.user)
        try:
            receipt = retrieve.fetch_study(user=user, accession=asked.validated_data["accession"])
        except InvalidAccession as error:
            raise ValidationError({"accession": [error.message]}) from None
        except retrieve.Interrupted as error:
            raise PacsProblem(error, extra=_receipt_json(error.receipt, request)) from None
        except PacsError as error:
            raise PacsProblem(error) from None
        shown = _receipt_json(receipt, request)
        if not receipt.accepted:
            raise NothingAccepted(receipt, shown=shown)
        return Response(shown, status=status.HTTP_201_CREATED)


class DicomView(APIView):
    """GET /api/v1/predictions/{id}/dicom/"""

    schema = Schema()
    content_negotiation_class = IgnoreAccept

    @extend_schema(
        summary="A result as DICOM objects",
        parameters=[
            OpenApiParameter(
                "kind", str, enum=export.OBJECT_TYPES, description="sr: the report alone; sc: the captures alone"
            )
        ],
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **_problems(400, 409)},
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """A ZIP archive of a structured report and of one secondary capture per image. Each download is audited."""
        object_type = request.query_params.get("kind")
        if object_type is not None and object_type not in export.OBJECT_TYPES:
            raise ValidationError({"kind": ["Give sr or sc, or leave it out for both."]})
        object_types = (object_type,) if object_type else export.OBJECT_TYPES
        with _problems_of_export():
            packed, name = export.download(
                user=request.user, prediction=_prediction(request, pk), object_types=object_types
            )
        response = FileResponse(packed, as_attachment=True, filename=name, content_type="application/zip")
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


class SendView(APIView):
    """POST /api/v1/predictions/{id}/send/"""

    schema = Schema()

    @extend_schema(
        summary="Send a result to the archive",
        request=None,
        responses={200: SentSerializer, **_problems(403, 409, 502)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Report and captures. They replace what was sent of the same result before."""
        with _problems_of_export():
            sent = export.send(user=cast(User, request.user), prediction=_prediction(request, pk))
        return Response(SentSerializer({"sent": sent}).data)


@contextmanager
def _problems_of_export() -> Iterator[None]:
    """Errors of `export` as problems."""
    try:
        yield
    except PacsError as error:
        raise PacsProblem(error) from None
    except FileNotFoundError:
        raise FileMissing from None


def _prediction(request: Request, pk: int) -> Prediction:
    return get_object_or_404(selectors.result(request.user, prediction_id=pk))


def _receipt_json(receipt: Receipt, request: Request) -> Any:
    return ReceiptSerializer(receipt, context={"request": request}).data
