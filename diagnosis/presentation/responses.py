"""The bytes of a scan as responses, for pages and API alike. Whoever calls has found out that the person may see it.

Previews and thumbnails are pictures we made. The original is somebody else's file: it only ever leaves as a download
that no browser will interpret. The evidence is drawn when it is asked for, over the preview, which has at most 1024
pixels a side: a large scan costs no more memory than any other.
"""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable
from typing import IO

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.utils.cache import get_conditional_response
from PIL import Image as Pillow

from diagnosis.access import audit
from diagnosis.intake import previews
from diagnosis.models import Prediction, Scan, Slice, SliceResult
from ml.contracts import Evidence
from ml.evidence import drawing, localize

CONTENT_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
    "DICOM": "application/dicom",
}
ZIP = "application/zip"
_DAY = 24 * 60 * 60


def original(request: HttpRequest, scan: Scan) -> HttpResponseBase:
    """The file as it is kept, as an attachment under its own name; each download is audited. A series that came as many
    files comes as a ZIP archive of them.

    Raises Http404 if the storage no longer has it.
    """
    etag = _etag(scan.file, *([scan.frames] if scan.gathers else []))
    known = _unchanged(request, etag)
    if known is not None:
        return known
    several = scan.gathers and scan.is_series
    response = FileResponse(
        _zipped(scan) if several else _open(scan.file),
        as_attachment=True,
        filename=_file_name(scan),
        content_type=ZIP if several else CONTENT_TYPES.get(scan.format.upper(), "application/octet-stream"),
    )
    response.headers["ETag"] = etag
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if request.method != "HEAD":
        audit.record("file.downloaded", actor=request.user, target=scan)
    return response


def _file_name(scan: Scan) -> str:
    ending = {"DICOM": ".zip" if scan.is_series and scan.gathers else ".dcm"}.get(scan.format, "")
    return scan.name if not ending else f"scan-{scan.pk}{ending}"


def _zipped(scan: Scan) -> IO[bytes]:
    """The files of a series in their order, on disk until they are sent."""
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    with zipfile.ZipFile(archive, "w") as into:
        for row in Slice.objects.filter(scan=scan).order_by("index"):
            with _open(row.file) as file:
                into.writestr(f"{row.index + 1:04}.dcm", file.read())
    archive.seek(0)
    return archive


def picture(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """One of our PNGs, a preview or a thumbnail. Raises Http404 if the storage no longer has it."""
    response = _unchanged(request, _etag(file))
    if response is None:
        response = FileResponse(_open(file), content_type="image/png")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["ETag"] = _etag(file)
    return _kept_privately(response)


def windowed(request: HttpRequest, slice: Slice, window: int | None) -> HttpResponseBase:
    """A slice of a DICOM series under another window of its file; None: from the least gray value to the greatest.

    Raises Http404 if the storage no longer has it, or if it is of another format.
    """
    if slice.scan.format != "DICOM":
        raise Http404("only DICOM files offer windows")
    file = slice.file or slice.scan.file
    etag = _etag(file, "window", window, slice.frame)
    response = _unchanged(request, etag)
    if response is None:
        with _open(file) as stored:
            picture = previews.windowed(stored.read(), slice.frame, window=window)
        response = HttpResponse(picture, content_type="image/png")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["ETag"] = etag
    return _kept_privately(response)


Judged = Prediction | SliceResult
"""What carries evidence: a run, or what it says of one slice."""


def heatmap(request: HttpRequest, judged: Judged) -> HttpResponseBase:
    """The evidence alone, to lay over the preview: an RGBA PNG of its size. Raises Http404 where there is none."""
    return _drawn(request, judged, "heatmap", lambda scan, found: drawing.heatmap_png(found, size=scan.size))


def overlay(request: HttpRequest, judged: Judged) -> HttpResponseBase:
    """The preview with map, box and legend burnt in; each download is audited. Raises Http404 where there is none."""
    response = _drawn(request, judged, "overlay", lambda scan, found: drawing.overlay_png(scan, found))
    if request.method != "HEAD" and response.status_code == 200:
        audit.record("overlay.downloaded", actor=request.user, target=_run(judged))
    return response


def _run(judged: Judged) -> Prediction:
    return judged if isinstance(judged, Prediction) else judged.prediction


def _preview(judged: Judged) -> FieldFile:
    """The picture that the evidence was found in; of a series, that of its most telling slice."""
    if isinstance(judged, SliceResult):
        return judged.slice.preview
    return judged.key_slice.preview if judged.key_slice else judged.scan.preview


def _drawn(
    request: HttpRequest, judged: Judged, kind: str, draw: Callable[[Pillow.Image, Evidence], bytes]
) -> HttpResponseBase:
    found = localize.restore(judged.evidence)
    if found is None:
        raise Http404("this prediction carries no map")
    preview = _preview(judged)
    etag = _etag(preview, kind, drawing.VERSION, judged.pk, _run(judged).finished)
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
