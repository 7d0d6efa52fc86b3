"""Cases."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from diagnosis.access import selectors
from diagnosis.access.filters import CaseFilter
from diagnosis.api.serializers.cases import CaseDetailSerializer, CaseSerializer
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.models import Case


@extend_schema_view(list=extend_schema(summary="Cases"), retrieve=extend_schema(summary="One case with its scans"))
class CaseViewSet(ListRetrieveViewSet[Case]):
    """What people opened for one subject each; a reference is unique per owner. Uploads open cases."""

    filterset_class = CaseFilter
    ordering_fields = ("id", "reference", "created", "scan_count")

    def get_queryset(self) -> QuerySet[Case]:
        return selectors.cases(self.user)

    def get_serializer_class(self) -> Any:
        return CaseSerializer if self.action == "list" else CaseDetailSerializer
