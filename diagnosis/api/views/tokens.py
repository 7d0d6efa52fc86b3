"""A person's own API tokens."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import tokens
from diagnosis.api.pagination import Ordering
from diagnosis.api.serializers.tokens import TokenSerializer
from diagnosis.api.views.base import ListRetrieveViewSet
from diagnosis.models import ApiToken


@extend_schema_view(list=extend_schema(summary="Your API tokens"), retrieve=extend_schema(summary="One API token"))
class TokenViewSet(ListRetrieveViewSet[ApiToken]):
    """Your own. They are made on the page *API tokens*: a token cannot make another, which might allow more."""

    filter_backends = (Ordering,)
    ordering_fields = ("id", "name", "created", "expires", "last_used")
    serializer_class = TokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        return tokens.of(self.user)

    @extend_schema(summary="Revoke a token", request=None, responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """It is void from the next request on, also if it is the one that asks."""
        tokens.revoke(self.get_object(), actor=self.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
