"""What all endpoints share."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.db.models import Model
from django.http import Http404
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from diagnosis.access.filters import LARGEST_ID
from diagnosis.access.users import User
from diagnosis.api.pagination import Ordering
from diagnosis.api.schema import Schema

M = TypeVar("M", bound=Model)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class ListRetrieveViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[M]):
    """A filtered, ordered and paged list, and each of its objects. What the user may not see does not exist (404)."""

    schema = Schema()
    filter_backends: tuple[Any, ...] = (DjangoFilterBackend, Ordering)
    parser_classes: tuple[type[BaseParser], ...] = (MultiPartParser,)
    lookup_value_converter = "int"

    @property
    def user(self) -> User:
        """The user; anonymous requests are refused before any method runs."""
        return cast(User, self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Nothing has a number that the database cannot hold; some lookups would fail on it."""
        super().initial(request, *args, **kwargs)
        if any(isinstance(number, int) and number > LARGEST_ID for number in kwargs.values()):
            raise Http404

    def get_object(self) -> M:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])


def sends_file(summary: str, *media_types: str, of_slice: bool = False) -> Callable[[Endpoint], Endpoint]:
    """Decorator that describes an endpoint as one that sends a file."""
    index = OpenApiParameter("index", int, OpenApiParameter.PATH, description="Of the slice, from 0")
    answers = {(200, *media_types): OpenApiTypes.BINARY}
    return extend_schema(summary=summary, responses=answers, parameters=[index] if of_slice else [])
