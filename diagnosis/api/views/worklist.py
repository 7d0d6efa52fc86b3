"""Assignments and saved views."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import selectors, sharing
from diagnosis.access.sharing import Assignee
from diagnosis.api.serializers.worklist import (
    AssignmentSerializer,
    NewAssignmentSerializer,
    NewViewSerializer,
    SavedViewSerializer,
    ViewNameSerializer,
)
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.api.views.case_changes import BODIES
from diagnosis.models import Assignment, SavedView
from diagnosis.worklist import saved_views


@extend_schema_view(list=extend_schema(summary="Assignments"), retrieve=extend_schema(summary="One assignment"))
class AssignmentViewSet(ListRetrieveViewSet[Assignment]):
    """Who is asked to read the cases that you may see. Assignees see the case, review it, and retry or cancel runs."""

    serializer_class = AssignmentSerializer
    parser_classes = BODIES
    ordering_fields = ("id", "created")

    def get_queryset(self) -> QuerySet[Assignment]:
        return selectors.assignments(self.user)

    @extend_schema(summary="Assign a case", request=NewAssignmentSerializer, responses={201: AssignmentSerializer})
    def create(self, request: Request) -> Response:
        """To a person or a group, by its owner or an administrator. Assigning it again changes nothing."""
        asked = NewAssignmentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        case = get_object_or_404(selectors.cases(self.user), pk=given["case_id"])
        made = sharing.assign(case, to=Assignee.named(user=given["user"], group=given["group"]), actor=self.user)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="End an assignment", request=None, responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """By the case's owner, an administrator, or the person who gives the case back."""
        sharing.withdraw(self.get_object(), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(list=extend_schema(summary="Your saved views"), retrieve=extend_schema(summary="One saved view"))
class SavedViewViewSet(ListRetrieveViewSet[SavedView]):
    """Filters and orders of the worklist that you have saved; nobody else sees them."""

    serializer_class = SavedViewSerializer
    parser_classes = BODIES
    ordering_fields = ("id", "name")

    def get_queryset(self) -> QuerySet[SavedView]:
        return SavedView.objects.filter(user=self.user.pk).select_related("user")

    @extend_schema(summary="Save a view", request=NewViewSerializer, responses={201: SavedViewSerializer})
    def create(self, request: Request) -> Response:
        """Under a name that you have not used yet. There is room for twelve."""
        view = saved_views.save(self.user, **self._asked(NewViewSerializer))
        return Response(self.get_serializer(view).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Rename a view", request=ViewNameSerializer, responses={200: SavedViewSerializer})
    def partial_update(self, request: Request, pk: int) -> Response:
        """Without a name it stays as it is."""
        view = self.get_object()
        if asked := self._asked(ViewNameSerializer):
            saved_views.rename(view, **asked)
        return Response(self.get_serializer(view).data)

    @extend_schema(summary="Delete a view", request=None, responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        saved_views.delete(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _asked(self, form: Any) -> dict[str, Any]:
        asked = form(data=self.request.data)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)
