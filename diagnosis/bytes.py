"""The bytes of a scan as responses, for pages and API alike. Whoever calls has found out that the person may see it.

Previews and thumbnails are pictures we made. The original is somebody else's file: it only ever leaves as a download
that no browser will interpret. The evidence is drawn when it is asked for, over the preview, which has at most 1024
pixels a side: a large scan costs no more memory than any other.
"""

import hashlib
from collections.abc import Callable

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.utils.cache import get_conditional_response
from PIL import Image as Pillow

from diagnosis import audit
from diagnosis.models import Prediction, Scan
from ml import drawing, evidence
from ml.contracts import Evidence

CONTENT_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
}
_DAY = 24 * 60 * 60


def original(request: HttpRequest, scan: Scan) -> HttpResponseBase:
    """The file as it was uploaded, as an attachment under its own name; each download is audited.

    Raises Http404 if the storage no longer has it.
    """
    known = _unchanged(request, _etag(scan.file))
    if known is not None:
        return known
    response = FileResponse(
        _open(scan.file),
        as_attachment=True,
        filename=scan.name,
        content_type=CONTENT_TYPES.get(scan.format.upper(), "application/octet-stream"),
    )
    response.headers["ETag"] = _etag(scan.file)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if request.method != "HEAD":
        audit.record("file.downloaded", actor=request.user, target=scan)
    return response


def picture(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """One of our PNGs, a preview or a thumbnail. Raises Http404 if the storage no longer has it."""
    response = _unchanged(request, _etag(file))
    if response is None:
        response = FileResponse(_open(file), content_type="image/png")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["ETag"] = _etag(file)
    return _kept_privately(response)


def heatmap(request: HttpRequest, prediction: Prediction) -> HttpResponseBase:
    """The evidence alone, to lay over the preview: an RGBA PNG of its size. Raises Http404 where there is none."""
    return _drawn(request, prediction, "heatmap", lambda scan, found: drawing.heatmap_png(found, size=scan.size))


def overlay(request: HttpRequest, prediction: Prediction) -> HttpResponseBase:
    """The preview with map, box and legend burnt in; each download is audited. Raises Http404 where there is none."""
    response = _drawn(request, prediction, "overlay", lambda scan, found: drawing.overlay_png(scan, found))
    if request.method != "HEAD" and response.status_code == 200:
        audit.record("overlay.downloaded", actor=request.user, target=prediction)
    return response


def _drawn(
    request: HttpRequest, prediction: Prediction, kind: str, draw: Callable[[Pillow.Image, Evidence], bytes]
) -> HttpResponseBase:
    found = evidence.restore(prediction.evidence)
    if found is None:
        raise Http404("this prediction carries no map")
    preview = prediction.scan.preview
    etag = _etag(preview, kind, drawing.VERSION, prediction.pk, prediction.finished)
    response = _unchanged(request, etag)
    if response is None:
        with _open(preview) as file, Pillow.open(file) as scan:
            response = HttpResponse(draw(scan, found), content_type="image/png")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["ETag"] = etag
    return _kept_privately(response)


def _kept_privately(response: HttpResponseBase) -> HttpResponseBase:
    """Only the browser of the person who may see it keeps it."""
    response.headers["Cache-Control"] = f"private, max-age={_DAY}"
    return response


def _etag(file: FieldFile, *drawn: object) -> str:
    """A stored name is never written twice, so the name alone tells whether a copy is good. Hashed: it is not told.

    drawn: whatever else decides what is drawn over the file.
    """
    named = ":".join(map(str, (file.name, *drawn)))
    return f'"{hashlib.sha256(named.encode()).hexdigest()[:32]}"'


def _unchanged(request: HttpRequest, etag: str) -> HttpResponseBase | None:
    answer = get_conditional_response(request, etag=etag)
    return answer if isinstance(answer, HttpResponseNotModified) else None


def _open(file: FieldFile) -> File:
    if not file.name:
        raise Http404("no file")
    try:
        return default_storage.open(file.name, "rb")
    except FileNotFoundError as error:
        raise Http404("the file is gone from the storage") from error
