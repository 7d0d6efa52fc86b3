"""The archive of the hospital, from the API: fetch a study, take a result along as DICOM, send it there."""

from typing import Any, cast

from django.http import FileResponse, Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis.access import audit, selectors
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.api.dicomweb import OneAnswer
from diagnosis.api.problems import MEDIA_TYPE
from diagnosis.api.schema import Schema
from diagnosis.api.serializers.problems import ProblemSerializer
from diagnosis.api.serializers.receipts import ReceiptSerializer
from diagnosis.dicom import dicomweb, export, retrieve
from diagnosis.dicom.errors import NeighborError
from diagnosis.models import Prediction

_STATUS = {
    "no_archive": 503,
    "archive_unreachable": 502,
    "archive_refused": 502,
    "nothing_found": 404,
    "ambiguous": 409,
    "too_much": 409,
    "nothing_to_send": 409,
    "misconfigured": 503,
}


class ArchiveProblem(APIException):
    """What went wrong between here and the archive. `extra`: what was taken nevertheless."""

    def __init__(self, error: NeighborError, *, extra: Any = None) -> None:
        super().__init__(error.message, error.code)
        self.status_code = _STATUS[error.code]
        self.extra = extra


class PullSerializer(serializers.Serializer[Any]):
    """Which study to fetch. The number is used to ask the archive, and not kept."""

    accession = serializers.CharField(max_length=16)


class SentSerializer(serializers.Serializer[Any]):
    """How many objects the archive took."""

    sent = serializers.IntegerField()


def _problems(*codes: int) -> dict[Any, Any]:
    return {(code, MEDIA_TYPE): OpenApiResponse(ProblemSerializer) for code in codes}


class PullView(APIView):
    """POST /api/v1/pull/"""

    schema = Schema()
    parser_classes = (JSONParser, FormParser)

    @extend_schema(
        summary="Fetch a study from the archive",
        request=PullSerializer,
        responses={201: ReceiptSerializer, **_problems(400, 409, 415, 502)},
    )
    def post(self, request: Request) -> Response:
        """Its MR pictures, into a new case, as if they had been uploaded. 502 with the same keys besides if the archive
        fails half-way."""
        asked = PullSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        person = cast(User, request.user)
        try:
            with dicomweb.configured() as archive:
                receipt = retrieve.pull(user=person, accession=asked.validated_data["accession"], archive=archive)
        except retrieve.InvalidAccession as error:
            raise ValidationError({"accession": [error.message]}) from None
        except retrieve.Interrupted as error:
            raise ArchiveProblem(error, extra=_shown(error.receipt, request)) from None
        except NeighborError as error:
            raise ArchiveProblem(error) from None
        return Response(_shown(receipt, request), status=status.HTTP_201_CREATED)


class DicomView(APIView):
    """GET /api/v1/predictions/{id}/dicom/"""

    schema = Schema()
    content_negotiation_class = OneAnswer

    @extend_schema(
        summary="A result as DICOM objects",
        parameters=[
            OpenApiParameter("kind", str, enum=export.KINDS, description="sr: the report alone; sc: the captures alone")
        ],
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **_problems(400, 409)},
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """A ZIP archive of a structured report and of one secondary capture a picture. Each download is audited."""
        kind = request.query_params.get("kind")
        if kind is not None and kind not in export.KINDS:
            raise ValidationError({"kind": ["Give sr or sc, or leave it out for both."]})
        return download(_found(request, pk), request, kinds=(kind,) if kind else export.KINDS)


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
        prediction = _found(request, pk)
        if not may_change(request.user, prediction.scan.case):
            raise PermissionDenied("Only the case's owner or an administrator may send its results.")
        try:
            with dicomweb.configured() as archive:
                sent = export.send(user=cast(User, request.user), prediction=prediction, archive=archive)
        except NeighborError as error:
            raise ArchiveProblem(error) from None
        except FileNotFoundError:
            raise Http404("the scan's file is gone from the storage") from None
        return Response(SentSerializer({"sent": sent}).data)


def download(prediction: Prediction, request: Request, *, kinds: tuple[str, ...]) -> HttpResponseBase:
    """The objects as an attachment."""
    try:
        packed = export.pack(export.result_of(request.user, prediction), kinds=kinds)
    except NeighborError as error:
        raise ArchiveProblem(error) from None
    except FileNotFoundError:
        raise Http404("the scan's file is gone from the storage") from None
    response = FileResponse(
        packed, as_attachment=True, filename=f"prediction-{prediction.pk}-dicom.zip", content_type="application/zip"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    audit.record("dicom.downloaded", actor=request.user, target=prediction, kinds=list(kinds))
    return response


def _found(request: Request, pk: int) -> Prediction:
    return get_object_or_404(selectors.result(request.user, prediction_id=pk))


def _shown(receipt: Any, request: Request) -> Any:
    return ReceiptSerializer(receipt, context={"request": request}).data
