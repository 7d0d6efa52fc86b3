"""Predictions: their evidence, similar past scans, retry and cancel."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import selectors
from diagnosis.access.filters import PredictionFilter
from diagnosis.access.permissions import may_run
from diagnosis.api.negotiation import IgnoreAccept
from diagnosis.api.problems import Conflict, NoEvidence
from diagnosis.api.serializers.predictions import PredictionDetailSerializer, PredictionSerializer
from diagnosis.api.serializers.similar import SimilarListSerializer
from diagnosis.api.serializers.worklist import BulkActionSerializer, BulkResultSerializer
from diagnosis.api.views import exports
from diagnosis.api.views.base import sends_file
from diagnosis.api.views.case_changes import BODIES
from diagnosis.api.views.slices import SliceActions
from diagnosis.inference import transitions
from diagnosis.models import ModelVersion, Prediction
from diagnosis.presentation import labels, responses
from diagnosis.reports import exports as reports
from diagnosis.reports import fhir
from diagnosis.similarity import search
from diagnosis.worklist import bulk


@extend_schema_view(list=extend_schema(summary="Predictions"), retrieve=extend_schema(summary="One prediction"))
class PredictionViewSet(SliceActions):
    """Runs of a model on a scan: queued, running, then done, refused, failed or canceled."""

    filterset_class = PredictionFilter
    ordering_fields = ("id", "state", "outcome", "tumor_probability", "created", "finished")

    def get_queryset(self) -> QuerySet[Prediction]:
        if self.action == "export":
            return selectors.predictions(self.user)
        pk = self.kwargs.get("pk", 0)  # there is none while the schema is generated
        if self.action in ("retrieve", "retry", "cancel"):
            # Scripts poll these. Reading the whole manifest would be a quarter of the answer's time.
            return labels.with_calibration(selectors.statuses(self.user, prediction_ids=[pk]))
        if self.action != "list":
            return selectors.result(self.user, prediction_id=pk)
        # One query for the page's few model versions, instead of a whole manifest with every row.
        rows = selectors.predictions(self.user).defer(None)
        versions = Prefetch("model_version", queryset=ModelVersion.objects.all())
        return rows.select_related(None).select_related("scan__case__owner").prefetch_related(versions)

    def get_serializer_class(self) -> Any:
        return PredictionSerializer if self.action == "list" else PredictionDetailSerializer

    @extend_schema(
        summary="Run a failed or canceled prediction again",
        request=None,
        responses={202: PredictionDetailSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def retry(self, request: Request, pk: int) -> Response:
        """Under the model that is active now. 409 in any other state, or while another run of the scan stands."""
        prediction = self._changeable()
        if not transitions.retry(prediction=prediction, actor=self.user):
            raise self._conflict("Only a failed or canceled prediction whose scan has no other result can be retried.")
        return self._current(status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Cancel a queued or running prediction",
        request=None,
        responses={200: PredictionDetailSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def cancel(self, request: Request, pk: int) -> Response:
        """409 once it has ended."""
        prediction = self._changeable()
        if not transitions.cancel(prediction=prediction, actor=self.user):
            raise self._conflict("Only a queued or running prediction can be canceled.")
        return self._current(status.HTTP_200_OK)

    @extend_schema(
        summary="One action on several predictions",
        request=BulkActionSerializer,
        responses={200: BulkResultSerializer},
    )
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None, parser_classes=BODIES)
    def bulk(self, request: Request) -> Response:
        """Each is checked and audited as if it were the only one: `refused` says why for those that were left."""
        asked = BulkActionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        to = {"to_user": given["user"], "to_group": given["group"]}
        result = bulk.run(self.user, action=given["action"], ids=given["ids"], **to)
        return Response(BulkResultSerializer(result).data)

    @sends_file("Where the model sees tumor, as an image", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def heatmap(self, request: Request, pk: int) -> HttpResponseBase:
        """RGBA, of the preview's size, transparent where there is no evidence. 404 `no_evidence` without a map."""
        return responses.heatmap(request._request, self._with_map())

    @sends_file("The scan with map, box and legend burnt in", "image/png")
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def overlay(self, request: Request, pk: int) -> HttpResponseBase:
        """Of the preview's size; each download is audited. 404 `no_evidence` without a map."""
        return responses.overlay(request._request, self._with_map())

    @exports.describes_list("Predictions as a file")
    @action(detail=False, pagination_class=None, content_negotiation_class=IgnoreAccept)
    def export(self, request: Request) -> HttpResponseBase:
        """All that the list's filters leave, in its order, as CSV or JSON; each download is audited."""
        return exports.export(request, self.filter_queryset(self.get_queryset()), name="predictions")

    @exports.describes_report("The report on a prediction, as PDF", "application/pdf")
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def report(self, request: Request, pk: int) -> HttpResponseBase:
        """Result, images, readings and signature; each download is audited. 409 while the scan is being analyzed."""
        return exports.report(request, self.get_object(), reports.scan_pdf)

    @exports.describes_report("The report on a prediction, as a FHIR R4 DiagnosticReport", fhir.MEDIA_TYPE)
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def fhir(self, request: Request, pk: int) -> HttpResponseBase:
        """With the model's and the readers' findings as Observations, and the PDF; each download is audited."""
        return exports.report(request, self.get_object(), reports.scan_fhir)

    @extend_schema(
        summary="Similar past scans",
        parameters=[
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": search.MAX_LIMIT, "default": search.DEFAULT_LIMIT},
                description="Scans at most.",
            )
        ],
        responses={200: SimilarListSerializer},
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def similar(self, request: Request, pk: int) -> Response:
        """Those of other cases that you may see, by the same model version, one of each case; copies are left out."""
        found = search.similar(self.user, prediction=self.get_object(), limit=_limit(request))
        shown = {"available": found is not None, "results": found or []}
        return Response(SimilarListSerializer(shown, context=self.get_serializer_context()).data)

    def _with_map(self) -> Prediction:
        prediction = self.get_object()
        if not prediction.has_map:
            raise NoEvidence
        return prediction

    def _changeable(self) -> Prediction:
        prediction = self.get_object()
        if not may_run(self.user, prediction):
            raise PermissionDenied(
                "You may see this case, but only its owner, its assignees and administrators may retry or cancel."
            )
        return prediction

    def _conflict(self, rule: str) -> Conflict:
        return Conflict(f"The prediction is {self.get_object().state}. {rule}")

    def _current(self, code: int) -> Response:
        return Response(self.get_serializer(self.get_object()).data, status=code)


def _limit(request: Request) -> int:
    asked = request.query_params.get("limit", str(search.DEFAULT_LIMIT))
    if not (asked.isascii() and asked.isdecimal() and 1 <= int(asked[:9]) <= search.MAX_LIMIT):
        raise ValidationError({"limit": [f"Give a whole number from 1 to {search.MAX_LIMIT}."]})
    return int(asked)
