"""Changes of a case: `diagnosis.cases` makes them, and says why it does not."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import trash as trashed
from diagnosis.api.serializers.case_changes import (
    CaseChangeSerializer,
    DeletedCaseSerializer,
    NewNoteSerializer,
    NoteSerializer,
)
from diagnosis.api.serializers.cases import CaseDetailSerializer
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.cases import notes, trash
from diagnosis.models import Case

BODIES = (JSONParser, FormParser, MultiPartParser)


class CaseChanges(ListRetrieveViewSet[Case]):
    """Delete, restore, rename, label and note."""

    parser_classes = BODIES

    @extend_schema(summary="Move a case to the trash", request=None, responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """With all its scans. It can be restored until it is purged."""
        trash.delete_case(self.get_object(), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Rename or label a case", request=CaseChangeSerializer, responses={200: CaseDetailSerializer}
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Both or neither: if one of the changes is refused, none is made."""
        asked = CaseChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        notes.change(self.get_object(), actor=self.user, **asked.validated_data)
        return self._current()

    @extend_schema(summary="Restore a case from the trash", request=None, responses={200: CaseDetailSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def undelete(self, request: Request, pk: int) -> Response:
        """With the scans that went there with it."""
        trash.restore_case(get_object_or_404(trashed.deleted_cases(self.user), pk=pk), actor=self.user)
        return self._current()

    @extend_schema(summary="Add a note to a case", request=NewNoteSerializer, responses={201: NoteSerializer})
    @action(detail=True, methods=["post"], url_path="notes", filterset_class=None)
    def add_note(self, request: Request, pk: int) -> Response:
        """Notes are never changed; `cases/{id}/` lists them."""
        asked = NewNoteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        note = notes.add_note(self.get_object(), author=self.user, text=asked.validated_data["text"])
        return Response(NoteSerializer(note).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Cases in the trash", responses={200: DeletedCaseSerializer(many=True)})
    @action(detail=False, url_path="trash", filterset_class=None, filter_backends=())
    def list_trash(self, request: Request) -> Response:
        """Those that you may restore, newest deletion first."""
        rows = self.paginate_queryset(trashed.deleted_cases(self.user))
        return self.get_paginated_response(DeletedCaseSerializer(rows, many=True).data)

    def _current(self) -> Response:
        return Response(CaseDetailSerializer(self.get_object(), context=self.get_serializer_context()).data)
