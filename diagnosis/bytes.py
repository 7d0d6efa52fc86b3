"""The bytes of a scan as responses, for pages and API alike. Whoever calls has found out that the person may see it.

Previews and thumbnails are pictures we made. The original is somebody else's file: it only ever leaves as a download
that no browser will interpret.
"""

import hashlib

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, HttpResponseNotModified
from django.utils.cache import get_conditional_response

from diagnosis import audit
from diagnosis.models import Scan

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
    known = _unchanged(request, scan.file)
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
    response = _unchanged(request, file)
    if response is None:
        response = FileResponse(_open(file), content_type="image/png")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["ETag"] = _etag(file)
    # Private: only the browser of the person who may see it keeps it.
    response.headers["Cache-Control"] = f"private, max-age={_DAY}"
    return response


def _etag(file: FieldFile) -> str:
    """A stored name is never written twice, so the name alone tells whether a copy is good. Hashed: it is not told."""
    return f'"{hashlib.sha256(str(file.name).encode()).hexdigest()[:32]}"'


def _unchanged(request: HttpRequest, file: FieldFile) -> HttpResponseBase | None:
    answer = get_conditional_response(request, etag=_etag(file))
    return answer if isinstance(answer, HttpResponseNotModified) else None


def _open(file: FieldFile) -> File:
    if not file.name:
        raise Http404("no file")
    try:
        return default_storage.open(file.name, "rb")
    except FileNotFoundError as error:
        raise Http404("the file is gone from the storage") from error
