"""Cases, and what is exported of them."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request

from diagnosis.access import selectors
from diagnosis.access.filters import CaseFilter
from diagnosis.api.negotiation import IgnoreAccept
from diagnosis.api.serializers.cases import CaseDetailSerializer, CaseSerializer
from diagnosis.api.views import exports
from diagnosis.api.views.case_changes import CaseChanges
from diagnosis.models import Case
from diagnosis.reports import exports as reports


@extend_schema_view(list=extend_schema(summary="Cases"), retrieve=extend_schema(summary="One case with its scans"))
class CaseViewSet(CaseChanges):
    """What people opened for one subject each; a reference is unique per owner. Uploads open cases."""

    filterset_class = CaseFilter
    ordering_fields = ("id", "reference", "created", "scan_count")

    def get_queryset(self) -> QuerySet[Case]:
        return selectors.cases(self.user).prefetch_related("labels")

    def get_serializer_class(self) -> Any:
        return CaseSerializer if self.action == "list" else CaseDetailSerializer

    @exports.describes_list("A case's predictions as a file")
    @action(
        detail=True,
        filterset_class=None,
        filter_backends=(),
        pagination_class=None,
        content_negotiation_class=IgnoreAccept,
    )
    def export(self, request: Request, pk: int) -> HttpResponseBase:
        """Oldest first, as CSV or JSON; each download is audited."""
        case = self.get_object()
        rows = selectors.predictions(self.user).filter(scan__case=case).order_by("id")
        return exports.export(request, rows, name=f"case-{case.pk}", target=case)

    @exports.describes_report("The report on a case, as PDF", "application/pdf", part=True)
    @action(detail=True, filterset_class=None, content_negotiation_class=IgnoreAccept)
    def report(self, request: Request, pk: int) -> HttpResponseBase:
        """The newest result of each scan; each download is audited. A case of many scans has several parts."""
        return exports.report(request, self.get_object(), reports.case_pdf)
