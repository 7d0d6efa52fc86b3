"""Changes of a scan: `diagnosis.cases` makes them, and says why it does not."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import selectors
from diagnosis.access import trash as trashed
from diagnosis.api.serializers.case_changes import DeletedScanSerializer, MoveSerializer
from diagnosis.api.serializers.scans import ScanSerializer
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.api.views.case_changes import BODIES
from diagnosis.cases import moving, trash
from diagnosis.models import Scan


class ScanChanges(ListRetrieveViewSet[Scan]):
    """Delete, restore and move."""

    @extend_schema(summary="Move a scan to the trash", request=None, responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """With its results and reviews. It can be restored until it is purged."""
        trash.delete_scan(self.get_object(), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Restore a scan from the trash", request=None, responses={200: ScanSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def undelete(self, request: Request, pk: int) -> Response:
        """One whose case is in the trash, too, is restored with its case."""
        trash.restore_scan(get_object_or_404(trashed.deleted_scans(self.user), pk=pk), actor=self.user)
        return self._current()

    @extend_schema(summary="Move a scan to another case", request=MoveSerializer, responses={200: ScanSerializer})
    @action(detail=True, methods=["post"], filterset_class=None, parser_classes=BODIES)
    def move(self, request: Request, pk: int) -> Response:
        """Its results and reviews go with it. You need to be allowed to change both cases."""
        scan, asked = self.get_object(), MoveSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        if "case" in wanted:
            moving.move_by_reference(scan, reference=wanted["case"], actor=self.user, open_new=wanted["open"])
        else:
            moving.move(scan, to=get_object_or_404(selectors.cases(self.user), pk=wanted["case_id"]), actor=self.user)
        return self._current()

    @extend_schema(summary="Scans in the trash", responses={200: DeletedScanSerializer(many=True)})
    @action(detail=False, url_path="trash", filterset_class=None, filter_backends=())
    def list_trash(self, request: Request) -> Response:
        """Those that were deleted alone and that you may restore, newest deletion first."""
        rows = self.paginate_queryset(trashed.deleted_scans(self.user))
        return self.get_paginated_response(DeletedScanSerializer(rows, many=True).data)

    def _current(self) -> Response:
        return Response(ScanSerializer(self.get_object(), context=self.get_serializer_context()).data)
