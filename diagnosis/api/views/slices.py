"""The slices of a series, below the prediction that speaks of them."""

from collections.abc import Callable
from typing import cast

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from diagnosis.access import selectors
from diagnosis.api.negotiation import IgnoreAccept
from diagnosis.api.problems import NoEvidence
from diagnosis.api.serializers.slices import SliceSerializer
from diagnosis.api.views.base import Endpoint, ListRetrieveViewSet, sends_file
from diagnosis.models import Prediction, SliceResult
from diagnosis.presentation import responses


def _of_slice(name: str) -> Callable[[Endpoint], Endpoint]:
    """Decorator for an endpoint of one slice, which its index names."""
    decorator = action(
        detail=True,
        filterset_class=None,
        content_negotiation_class=IgnoreAccept,
        url_path=f"slices/<int:index>/{name}",
        url_name=f"slice-{name}",
    )
    return cast("Callable[[Endpoint], Endpoint]", decorator)


class SliceActions(ListRetrieveViewSet[Prediction]):
    """Endpoints below /predictions/{id}/slices/, for the view set of predictions."""

    @extend_schema(summary="The results of the slices of a series", responses={200: SliceSerializer(many=True)})
    @action(detail=True, filterset_class=None, filter_backends=(), pagination_class=None)
    def slices(self, request: Request, pk: int) -> Response:
        """In viewing order. While the run goes on: the slices analyzed so far. Empty for a single image."""
        rows = selectors.slice_results(self.user).filter(prediction=self.get_object())
        return Response(SliceSerializer(rows, many=True, context=self.get_serializer_context()).data)

    @sends_file("An image of one slice, at most 1024 pixels a side", "image/png", of_slice=True)
    @_of_slice("preview")
    def slice_preview(self, request: Request, pk: int, index: int) -> HttpResponseBase:
        rows = selectors.slices(self.user).filter(scan__predictions=self.kwargs["pk"])
        return responses.image(request._request, get_object_or_404(rows, index=index).preview)

    @sends_file("Where the model sees tumor in one slice, as an image", "image/png", of_slice=True)
    @_of_slice("heatmap")
    def slice_heatmap(self, request: Request, pk: int, index: int) -> HttpResponseBase:
        """RGBA, of the preview's size. 404 `no_evidence` without a map."""
        return responses.heatmap(request._request, self._slice_result(index, with_map=True))

    @sends_file("One slice with map, box and legend burnt in", "image/png", of_slice=True)
    @_of_slice("overlay")
    def slice_overlay(self, request: Request, pk: int, index: int) -> HttpResponseBase:
        """Of the preview's size; each download is audited. 404 `no_evidence` without a map."""
        return responses.overlay(request._request, self._slice_result(index, with_map=True))

    def _slice_result(self, index: int, *, with_map: bool = False) -> SliceResult:
        rows = selectors.slice_results(self.user)
        found = get_object_or_404(rows, prediction=self.kwargs["pk"], slice__index=index)
        if with_map and not found.has_map:
            raise NoEvidence
        return found
