"""A scan's files. Each is served only to users who may open the scan's page."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from diagnosis.access import selectors
from diagnosis.presentation import pixel_data, responses


@require_safe
def original(request: HttpRequest, scan_id: int) -> HttpResponseBase:
    """The stored file as an attachment. Each download is audited."""
    return responses.original(request, get_object_or_404(selectors.scans(request.user), pk=scan_id))


@require_safe
def preview(request: HttpRequest, scan_id: int) -> HttpResponseBase:
    """PNG, at most 1024 pixels a side."""
    return responses.image(request, get_object_or_404(selectors.scans(request.user), pk=scan_id).preview)


@require_safe
def thumbnail(request: HttpRequest, scan_id: int) -> HttpResponseBase:
    """PNG, at most 96 pixels a side."""
    return responses.image(request, get_object_or_404(selectors.scans(request.user), pk=scan_id).thumbnail)


@require_safe
def pixels(request: HttpRequest, scan_id: int, first: int) -> HttpResponseBase:
    """Gray values of a few slices from index `first` on, which is a multiple of `pixel_data.BLOCK`.

    `?v=`: the version of the list that an open page has; 409 if its numbers may mean other slices by now.
    """
    scan = get_object_or_404(selectors.scans(request.user), pk=scan_id)
    if request.GET.get("v") not in (None, pixel_data.version(scan)):
        return HttpResponse("The scan has other slices by now.", status=409, content_type="text/plain")
    return pixel_data.block(request, scan, slices=selectors.slices(request.user), first=first)


@require_safe
def heatmap(request: HttpRequest, prediction_id: int) -> HttpResponseBase:
    """Where the model sees tumor: PNG of the preview's size, transparent elsewhere."""
    return responses.heatmap(request, get_object_or_404(selectors.predictions(request.user), pk=prediction_id))


@require_safe
def overlay(request: HttpRequest, prediction_id: int) -> HttpResponseBase:
    """The preview with the evidence drawn into it, PNG. Each download is audited."""
    return responses.overlay(request, get_object_or_404(selectors.predictions(request.user), pk=prediction_id))
