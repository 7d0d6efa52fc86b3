"""The endpoints: each reads through `selectors` or makes one domain call, and serializes."""

from typing import Any, cast

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis import intake
from diagnosis.access import selectors
from diagnosis.access.filters import CaseFilter, PredictionFilter, ScanFilter
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.api import receipts, serializers
from diagnosis.api.pagination import Ordering
from diagnosis.api.problems import MEDIA_TYPE, Conflict, NoEvidence, NothingAccepted
from diagnosis.api.schema import Schema
from diagnosis.inference import transitions
from diagnosis.intake.upload_handler import oversized
from diagnosis.models import ModelVersion, Prediction, SliceResult
from diagnosis.presentation import responses
from diagnosis.similarity import search


class Pictures(BaseContentNegotiation):
    """For endpoints that send pictures: whatever the client says it accepts, it gets the picture or a problem."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class Endpoint(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Any]):
    """A list with filters, ordering and pages, and each of its things. What a person may not see is not there (404)."""

    schema = Schema()
    filter_backends: tuple[Any, ...] = (DjangoFilterBackend, Ordering)
    parser_classes = (MultiPartParser,)
    lookup_value_converter = "int"

    @property
    def person(self) -> User:
        """Who asks; nobody else gets as far as a method here."""
        return cast(User, self.request.user)

    def get_object(self) -> Any:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])


def _bytes(summary: str, *media_types: str, of_slice: bool = False) -> Any:
    """Description of an endpoint that sends a file."""
    index = OpenApiParameter("index", int, OpenApiParameter.PATH, description="Of the slice, from 0")
    responses = {(200, *media_types): OpenApiTypes.BINARY}
    return extend_schema(summary=summary, responses=responses, parameters=[index] if of_slice else [])


@extend_schema_view(list=extend_schema(summary="Cases"), retrieve=extend_schema(summary="One case with its scans"))
class CaseViewSet(Endpoint):
    """What people opened for one subject each; a reference is unique per owner. Uploads open cases."""

    filterset_class = CaseFilter
    ordering_fields = ("id", "reference", "created", "scan_count")

    def get_queryset(self) -> QuerySet[Any]:
        return selectors.cases(self.person)

    def get_serializer_class(self) -> Any:
        return serializers.CaseSerializer if self.action == "list" else serializers.CaseDetailSerializer


@extend_schema_view(list=extend_schema(summary="Scans"), retrieve=extend_schema(summary="One scan"))
class ScanViewSet(Endpoint):
    """Accepted files, with their predictions."""

    filterset_class = ScanFilter
    ordering_fields = ("id", "name", "size", "created")
    serializer_class = serializers.ScanSerializer

    def get_queryset(self) -> QuerySet[Any]:
        if self.action in ("file", "preview", "thumbnail"):
            return selectors.scans(self.person)
        newest_first = Prefetch("predictions", queryset=Prediction.objects.order_by("-id"), to_attr="history")
        return selectors.scans(self.person).prefetch_related(newest_first)

    @extend_schema(
        summary="Upload scans",
        request={"multipart/form-data": receipts.UploadSerializer},
        responses={
            201: receipts.ReceiptSerializer,
            (400, MEDIA_TYPE): OpenApiResponse(receipts.NothingAcceptedSerializer, "No file was taken, or none came"),
            (413, MEDIA_TYPE): OpenApiResponse(receipts.NothingAcceptedSerializer, "All files were too large"),
        },
    )
    def create(self, request: Request) -> Response:
        """Each file is judged alone: a bad one never stops a good one. Without `case`, a new case is opened."""
        uploads, too_large = request.FILES.getlist("files"), oversized(request)
        if not uploads and not too_large:
            raise ValidationError(
                {"files": ["Send one or more files in the field `files` (curl: -F files=@scan.png)."]}
            )
        receipt = intake.receive(
            user=self.person,
            files=uploads,
            oversized=too_large,
            reference=str(request.POST.get("case", "")),
            confirmed=str(request.POST.get("confirmed", "")).lower() in ("1", "true", "on", "yes"),
        )
        shown = receipts.ReceiptSerializer(receipt, context=self.get_serializer_context()).data
        if not receipt.accepted:
            raise _nothing_accepted(receipt, shown)
        return Response(shown, status=status.HTTP_201_CREATED)

    @_bytes("The file as it is kept", *responses.CONTENT_TYPES.values())
    @action(detail=True, filterset_class=None, content_negotiation_class=Pictures)
    def file(self, request: Request, pk: int) -> HttpResponseBase:
        """An attachment under its own name; each download is audited."""
        return responses.original(request._request, self.get_object())

    @_bytes("A picture of the scan, at most 1024 pixels a side", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=Pictures)
    def preview(self, request: Request, pk: int) -> HttpResponseBase:
        return responses.image(request._request, self.get_object().preview)

    @_bytes("A picture of the scan, at most 96 pixels a side", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=Pictures)
    def thumbnail(self, request: Request, pk: int) -> HttpResponseBase:
        return responses.image(request._request, self.get_object().thumbnail)


def _nothing_accepted(receipt: intake.Receipt, shown: Any) -> NothingAccepted:
    first = receipt.rejected[0]
    return NothingAccepted(
        f"{first.name}: {first.detail}",
        too_large=all(rejected.code == "too_large" for rejected in receipt.rejected),
        extra={**shown, "case": None, "case_id": None, "case_url": None},
    )


def _of_slice(kind: str) -> Any:
    """An endpoint of one slice, by its index, below its prediction."""
    return action(
        detail=True,
        filterset_class=None,
        content_negotiation_class=Pictures,
        url_path=f"slices/<int:index>/{kind}",
        url_name=f"slice-{kind}",
    )


@extend_schema_view(list=extend_schema(summary="Predictions"), retrieve=extend_schema(summary="One prediction"))
class PredictionViewSet(Endpoint):
    """Runs of a model on a scan: queued, running, then done, refused, failed or canceled."""

    filterset_class = PredictionFilter
    ordering_fields = ("id", "state", "outcome", "tumor_probability", "created", "finished")

    def get_queryset(self) -> QuerySet[Any]:
        if self.action != "list":
            # There is no pk while the API describes itself.
            return selectors.result(self.person, prediction_id=self.kwargs.get("pk", 0))
        # One query for the page's few model versions, instead of a manifest with every row.
        rows = selectors.predictions(self.person).defer(None)
        versions = Prefetch("model_version", queryset=ModelVersion.objects.all())
        return rows.select_related(None).select_related("scan__case__owner").prefetch_related(versions)

    def get_serializer_class(self) -> Any:
        return serializers.PredictionSerializer if self.action == "list" else serializers.PredictionDetailSerializer

    @extend_schema(
        summary="Run a failed or canceled prediction again",
        request=None,
        responses={202: serializers.PredictionDetailSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def retry(self, request: Request, pk: int) -> Response:
        """Under the model that is active now. 409 in any other state, or while another run of the scan stands."""
        prediction = self._to_change()
        if not transitions.retry(prediction=prediction, actor=self.person):
            raise self._conflict("Only a failed or canceled one whose scan has no other result can be run again.")
        return self._now(status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Cancel a queued or running prediction",
        request=None,
        responses={200: serializers.PredictionDetailSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def cancel(self, request: Request, pk: int) -> Response:
        """409 once it has ended."""
        prediction = self._to_change()
        if not transitions.cancel(prediction=prediction, actor=self.person):
            raise self._conflict("Only a queued or running one can be canceled.")
        return self._now(status.HTTP_200_OK)

    @_bytes("Where the model sees tumor, as a picture", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=Pictures)
    def heatmap(self, request: Request, pk: int) -> HttpResponseBase:
        """RGBA, of the preview's size, transparent where there is no evidence. 404 `no_evidence` without a map."""
        return responses.heatmap(request._request, self._with_map())

    @_bytes("The scan with map, box and legend burnt in", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=Pictures)
    def overlay(self, request: Request, pk: int) -> HttpResponseBase:
        """Of the preview's size; each download is audited. 404 `no_evidence` without a map."""
        return responses.overlay(request._request, self._with_map())

    @extend_schema(
        summary="What is said of each slice of a series", responses={200: serializers.SliceSerializer(many=True)}
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def slices(self, request: Request, pk: int) -> Response:
        """In viewing order; while the run goes on, of the slices that have a result. Empty for a picture alone."""
        rows = selectors.slice_results(self.person).filter(prediction=self.get_object())
        return Response(serializers.SliceSerializer(rows, many=True, context=self.get_serializer_context()).data)

    @_bytes("A picture of one slice, at most 1024 pixels a side", "image/png", of_slice=True)
    @_of_slice("preview")
    def slice_preview(self, request: Request, pk: int, index: int) -> HttpResponseBase:
        return responses.image(request._request, self._slice(index).slice.preview)

    @_bytes("Where the model sees tumor in one slice, as a picture", "image/png", of_slice=True)
    @_of_slice("heatmap")
    def slice_heatmap(self, request: Request, pk: int, index: int) -> HttpResponseBase:
        """RGBA, of the preview's size. 404 `no_evidence` without a map."""
        return responses.heatmap(request._request, self._slice(index, with_map=True))

    @_bytes("One slice with map, box and legend burnt in", "image/png", of_slice=True)
    @_of_slice("overlay")
    def slice_overlay(self, request: Request, pk: int, index: int) -> HttpResponseBase:
        """Of the preview's size; each download is audited. 404 `no_evidence` without a map."""
        return responses.overlay(request._request, self._slice(index, with_map=True))

    def _slice(self, index: int, *, with_map: bool = False) -> SliceResult:
        rows = selectors.slice_results(self.person)
        found = get_object_or_404(rows, prediction=self.kwargs["pk"], slice__index=index)
        if with_map and not found.has_map:
            raise NoEvidence
        return found

    @extend_schema(
        summary="Similar past scans",
        parameters=[
            OpenApiParameter("limit", int, description=f"1 to {search.MAX_LIMIT}", default=search.DEFAULT_LIMIT)
        ],
        responses={200: serializers.SimilarListSerializer},
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def similar(self, request: Request, pk: int) -> Response:
        """Those of other cases that you may see, by the same model version, one of each case; copies are left out."""
        found = search.similar(self.person, prediction=self.get_object(), limit=_limit(request))
        shown = {"available": found is not None, "results": found or []}
        return Response(serializers.SimilarListSerializer(shown, context=self.get_serializer_context()).data)

    def _with_map(self) -> Prediction:
        prediction: Prediction = self.get_object()
        if not prediction.has_map:
            raise NoEvidence
        return prediction

    def _to_change(self) -> Prediction:
        prediction: Prediction = self.get_object()
        if not may_change(self.person, prediction.scan.case):
            raise PermissionDenied("You may see this case, but only its owner or an administrator may change it.")
        return prediction

    def _conflict(self, rule: str) -> Conflict:
        return Conflict(f"The prediction is {self.get_object().state}. {rule}")

    def _now(self, code: int) -> Response:
        return Response(self.get_serializer(self.get_object()).data, status=code)


def _limit(request: Request) -> int:
    asked = request.query_params.get("limit", str(search.DEFAULT_LIMIT))
    if not (asked.isascii() and asked.isdecimal() and 1 <= int(asked[:9]) <= search.MAX_LIMIT):
        raise ValidationError({"limit": [f"Give a whole number from 1 to {search.MAX_LIMIT}."]})
    return int(asked)


@extend_schema_view(list=extend_schema(summary="Model versions"), retrieve=extend_schema(summary="One model version"))
class ModelViewSet(Endpoint):
    """Registered models. New predictions use the active one."""

    filter_backends = (Ordering,)
    ordering_fields = ("id", "name", "registered")
    serializer_class = serializers.ModelVersionSerializer

    def get_queryset(self) -> QuerySet[Any]:
        return selectors.models()
