"""Scans, and the upload of new ones."""

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis import intake
from diagnosis.access import selectors
from diagnosis.access.filters import ScanFilter
from diagnosis.api.negotiation import IgnoreAccept
from diagnosis.api.problems import MEDIA_TYPE, Conflict, NothingAccepted
from diagnosis.api.serializers.problems import ProblemSerializer
from diagnosis.api.serializers.receipts import NothingAcceptedSerializer, ReceiptSerializer, UploadSerializer
from diagnosis.api.serializers.scans import ScanSerializer
from diagnosis.api.views.base import sends_file
from diagnosis.api.views.scan_changes import ScanChanges
from diagnosis.intake import namesakes
from diagnosis.intake.upload_handler import oversized, require_room
from diagnosis.models import Scan
from diagnosis.models.api_token import Scope
from diagnosis.presentation import pixel_data, responses

_YES, _NO = ("1", "true", "on", "yes"), ("", "0", "false", "off", "no")


@extend_schema_view(list=extend_schema(summary="Scans"), retrieve=extend_schema(summary="One scan"))
class ScanViewSet(ScanChanges):
    """Accepted files, with their predictions."""

    filterset_class = ScanFilter
    ordering_fields = ("id", "name", "size", "created")
    serializer_class = ScanSerializer

    @property
    def token_scope(self) -> Scope:
        """An upload needs another scope than what changes scans that are there."""
        return Scope.UPLOAD if self.action == "create" else Scope.CHANGE

    def get_queryset(self) -> QuerySet[Scan]:
        if self.action in ("file", "preview", "thumbnail", "pixels"):
            return selectors.scans(self.user)
        return selectors.scans_with_history(self.user)

    @extend_schema(
        summary="Upload scans",
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: ReceiptSerializer,
            (400, MEDIA_TYPE): OpenApiResponse(NothingAcceptedSerializer, "No file was taken, or none came"),
            (409, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, "Another owner's case has the reference"),
            (413, MEDIA_TYPE): OpenApiResponse(NothingAcceptedSerializer, "All files were too large"),
            (507, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, "The disk has no room for new scans"),
        },
    )
    def create(self, request: Request) -> Response:
        """Each file is judged alone: a bad one never stops a good one. Without `case`, a new case is opened."""
        uploads, too_large = request.FILES.getlist("files"), oversized(request)
        require_room(request)
        if not uploads and not too_large:
            raise ValidationError(
                {"files": ["Send one or more files in the field `files` (curl: -F files=@scan.png)."]}
            )
        try:
            receipt = intake.receive(
                user=self.user,
                files=uploads,
                oversized=too_large,
                reference=str(request.POST.get("case", "")),
                confirmed=_is_true(request, "confirmed"),
                refuse_namesakes=_is_true(request, "refuse_same_reference"),
            )
        except namesakes.ReferenceInUse as error:
            raise Conflict(str(error), code=error.code) from error
        shown = ReceiptSerializer(receipt, context=self.get_serializer_context()).data
        if not receipt.accepted:
            raise NothingAccepted(receipt, shown=shown)
        return Response(shown, status=status.HTTP_201_CREATED)

    @sends_file("The file as it is kept", *responses.CONTENT_TYPES.values(), responses.VOLUME, responses.ZIP)
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def file(self, request: Request, pk: int) -> HttpResponseBase:
        """An attachment under its own name; each download is audited."""
        return responses.original(request._request, self.get_object())

    @sends_file("An image of the scan, at most 1024 pixels a side", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def preview(self, request: Request, pk: int) -> HttpResponseBase:
        return responses.image(request._request, self.get_object().preview)

    @sends_file("An image of the scan, at most 96 pixels a side", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def thumbnail(self, request: Request, pk: int) -> HttpResponseBase:
        return responses.image(request._request, self.get_object().thumbnail)

    @sends_file("Gray values of eight slices", "application/octet-stream", of_slice=True)
    @action(detail=True, url_path="pixels/<int:index>", filterset_class=None, content_negotiation_class=IgnoreAccept)
    def pixels(self, request: Request, pk: int, index: int) -> HttpResponseBase:
        """Before any window, from slice `index` on, which is a multiple of 8: 0 for a single image."""
        slices = selectors.slices(self.user)
        return pixel_data.block(request._request, self.get_object(), slices=slices, first=index)


def _is_true(request: Request, name: str) -> bool:
    """Whether a field of the form says yes. Raises ValidationError if it says neither yes nor no."""
    given = str(request.POST.get(name, "")).lower()
    if given not in (*_YES, *_NO):
        raise ValidationError({name: ["Give true or false."]})
    return given in _YES
