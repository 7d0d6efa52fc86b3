"""The slices of a scan: what one prediction says about each, and their images."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from diagnosis.access import selectors
from diagnosis.models import Prediction, Slice, SliceResult
from diagnosis.presentation import evidence, labels, pixel_data, responses
from diagnosis.presentation.evidence import EvidenceLayer
from ml.readers.orientation import plane_name, slice_ends


@require_safe
def listing(request: HttpRequest, prediction_id: int) -> JsonResponse:
    """For the viewer: each slice with its URLs and its result so far, and where its gray values are. Three queries.

    A single image is listed as its only slice.
    """
    prediction = get_object_or_404(labels.with_calibration(selectors.predictions(request.user)), pk=prediction_id)
    scan = prediction.scan
    rows = list(selectors.slices(request.user).filter(scan=scan)) if scan.is_series else []
    return JsonResponse(
        {
            "normal": scan.normal,
            "frame": (rows[0].facts or {}).get("labels", {}).get("FrameOfReferenceUID") if rows else None,
            "plane": plane_name(scan.letters),
            "letters": scan.letters,
            "stacked": slice_ends(plane_name(scan.letters), is_volume=scan.format != "DICOM"),
            "spacing": labels.even_spacing(scan),
            "active": prediction.is_active,
            "pixels": reverse("scan-pixels", args=[scan.pk, 0]).removesuffix("0/"),
            "block": pixel_data.BLOCK,
            "version": pixel_data.version(scan),
            "slices": _slices(request, prediction, rows) if scan.is_series else [_image(prediction)],
        }
    )


def _slices(request: HttpRequest, prediction: Prediction, rows: list[Slice]) -> list[dict[str, Any]]:
    results = {row.slice_id: row for row in selectors.slice_results(request.user).filter(prediction=prediction)}
    calibrated = labels.is_calibrated(prediction)

    def label(result: SliceResult | None) -> labels.SliceLabel:
        hidden = result is None and prediction.blinded
        return labels.HIDDEN_SLICE if hidden else labels.slice_label(result, calibrated=calibrated)

    found = [(row, results.get(row.pk)) for row in rows]
    return [_described(*one, number=number, label=label(one[1])) for number, one in enumerate(found, start=1)]


def _image(prediction: Prediction) -> dict[str, Any]:
    layer = evidence.of_prediction(prediction)
    has_map = layer is not None and layer.box is not None
    return {
        "id": None,
        "number": 1,
        "along": None,
        "position": None,
        "status": "",
        "label": "",
        "probability": None,
        **_located(layer, caption="of the evidence"),
        "preview": reverse("scan-preview", args=[prediction.scan_id]),
        "thumbnail": reverse("scan-thumbnail", args=[prediction.scan_id]),
        "map": reverse("prediction-heatmap", args=[prediction.pk]) if has_map else None,
        "overlay": reverse("prediction-overlay", args=[prediction.pk]) if has_map else None,
    }


def _located(layer: EvidenceLayer | None, *, caption: str) -> dict[str, Any]:
    return {
        "box": layer.box if layer else None,
        "caption": f"{layer.in_box} {caption}" if layer and layer.box else "",
        "region": layer.region if layer else "",
    }


def _described(row: Slice, result: SliceResult | None, *, number: int, label: labels.SliceLabel) -> dict[str, Any]:
    layer = evidence.from_stored(result.evidence, scan=row.scan) if result else None
    return {
        "id": row.pk,
        "number": number,
        "along": row.along,
        "position": (row.facts or {}).get("position"),
        "status": label.status,
        "label": label.text,
        "probability": result.tumor_probability if result else None,
        **_located(layer, caption="of this slice's evidence"),
        "preview": reverse("slice-preview", args=[row.pk]),
        "thumbnail": reverse("slice-thumbnail", args=[row.pk]),
        "map": reverse("slice-heatmap", args=[result.pk]) if result and layer and layer.box else None,
        "overlay": reverse("slice-overlay", args=[result.pk]) if result and layer and layer.box else None,
    }


@require_safe
def preview(request: HttpRequest, slice_id: int) -> HttpResponseBase:
    """PNG, at most 1024 pixels a side. `?window=`: the number, from 0, of one of the file's windows, or `full`."""
    row = get_object_or_404(selectors.slices(request.user), pk=slice_id)
    asked = request.GET.get("window", "")
    if not asked:
        return responses.image(request, row.preview)
    if asked != "full" and not (asked.isascii() and asked.isdecimal() and len(asked) < 3):
        raise Http404("a window is a number, or `full`")
    return responses.windowed(request, row, window=None if asked == "full" else int(asked))


@require_safe
def thumbnail(request: HttpRequest, slice_id: int) -> HttpResponseBase:
    """PNG, at most 96 pixels a side."""
    return responses.image(request, get_object_or_404(selectors.slices(request.user), pk=slice_id).thumbnail)


@require_safe
def heatmap(request: HttpRequest, result_id: int) -> HttpResponseBase:
    """Where the model sees tumor in one slice: PNG of the preview's size, transparent elsewhere."""
    return responses.heatmap(request, get_object_or_404(selectors.slice_results(request.user), pk=result_id))


@require_safe
def overlay(request: HttpRequest, result_id: int) -> HttpResponseBase:
    """The slice with the evidence drawn into it, PNG. Each download is audited."""
    return responses.overlay(request, get_object_or_404(selectors.slice_results(request.user), pk=result_id))
