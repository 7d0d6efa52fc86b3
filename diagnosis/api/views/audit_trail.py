"""The audit trail, for staff with the permission to view it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import audit, audit_trail
from diagnosis.api.authentication import WithinScope
from diagnosis.api.serializers.audit_trail import AuditEventSerializer
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.models import AuditEvent


class MayReadAudit(BasePermission):
    message = "Only staff with the permission to view the audit trail may read it."

    def has_permission(self, request: Request, view: Any) -> bool:
        return audit_trail.may_read(request.user)


@extend_schema_view(
    list=extend_schema(summary="Events of the audit trail"), retrieve=extend_schema(summary="One event")
)
class AuditViewSet(ListRetrieveViewSet[AuditEvent]):
    """Append-only. Reading the list is an event, too."""

    permission_classes = (IsAuthenticated, WithinScope, MayReadAudit)
    filterset_class = audit_trail.AuditFilter
    ordering_fields = ("id",)
    serializer_class = AuditEventSerializer

    def get_queryset(self) -> QuerySet[AuditEvent]:
        return audit_trail.events(self.user)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer = super().list(request, *args, **kwargs)
        audit.record("audit.viewed", actor=self.user, filters=request.query_params.dict())
        return answer
