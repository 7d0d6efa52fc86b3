"""A scan's files as HTTP responses, for pages and API alike. The caller has checked that the user may see the scan.

Previews and thumbnails are images that this site made. The original came from somewhere else, so it only leaves as a
download that no browser will interpret. Evidence is drawn on request over the preview, which has at most 1024 pixels a
side, so a large scan costs no more memory than a small one.
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
from PIL import UnidentifiedImageError

from diagnosis.access import audit, viewing
from diagnosis.intake import previews
from diagnosis.models import Prediction, Scan, Slice, SliceResult
from diagnosis.presentation.missing import FileMissing
from ml.contracts import Evidence, UnreadableImage
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
VOLUME, ZIP = "application/octet-stream", "application/zip"


def original(request: HttpRequest, scan: Scan) -> HttpResponseBase:
    """The stored file as an attachment under its own name; a series stored as several files is a ZIP archive of them.

    Each download is audited. Raises FileMissing.
    """
    etag = etag_of(scan.file, *([scan.frames] if scan.is_multi_file else []))
    not_modified = _not_modified(request, etag)
    if not_modified is not None:
        return not_modified
    several_files = scan.is_multi_file and scan.is_series
    response = FileResponse(
        _zipped(scan) if several_files else open_stored(scan.file),
        as_attachment=True,
        filename=_file_name(scan),
        content_type=ZIP if several_files else CONTENT_TYPES.get(scan.format.upper(), VOLUME),
    )
    response.headers["ETag"] = etag
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if request.method != "HEAD":
        audit.record("file.downloaded", actor=request.user, target=scan)
    return response


def _file_name(scan: Scan) -> str:
    if scan.format != "DICOM":
        return scan.name
    return f"scan-{scan.pk}{'.zip' if scan.is_series and scan.is_multi_file else '.dcm'}"


def _zipped(scan: Scan) -> IO[bytes]:
    """A ZIP archive of a series' files in viewing order, kept on disk until it is sent."""
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    with zipfile.ZipFile(archive, "w") as into:
        for row in Slice.objects.filter(scan=scan).order_by("index"):
            with open_stored(row.file) as file:
                into.writestr(f"{row.index + 1:04}.dcm", file.read())
    archive.seek(0)
    return archive


def image(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """A preview or thumbnail as PNG. Raises FileMissing."""
    if file.field.name == "preview":
        shown = file.instance
        viewing.note_image(shown.scan_id if isinstance(shown, Slice) else shown.pk)
    return conditional(request, etag_of(file), lambda: FileResponse(open_stored(file), content_type="image/png"))


def windowed(request: HttpRequest, slice: Slice, *, window: int | None) -> HttpResponseBase:
    """A slice of a DICOM series as PNG, with the window of that number from its file; None shows the full range.

    Raises Http404 if it is not DICOM, FileMissing if its file is gone or damaged.
    """
    if slice.scan.format != "DICOM":
        raise Http404("only DICOM files offer windows")
    file = slice.file or slice.scan.file
    viewing.note_image(slice.scan_id)

    def render() -> HttpResponse:
        with open_stored(file) as stored:
            data = stored.read()
        try:
            drawn = previews.windowed(data, frame=slice.frame, window=window)
        except UnreadableImage as error:
            raise FileMissing from error
        return HttpResponse(drawn, content_type="image/png")

    return conditional(request, etag_of(file, "window", window, slice.frame), render)


HasEvidence = Prediction | SliceResult


def heatmap(request: HttpRequest, source: HasEvidence) -> HttpResponseBase:
    """The evidence map as an RGBA PNG of the preview's size, to lay over it. Raises Http404 without evidence."""
    return _drawn(request, source, "heatmap", lambda preview, found: drawing.heatmap_png(found, size=preview.size))


def overlay(request: HttpRequest, source: HasEvidence) -> HttpResponseBase:
    """The preview with map, box and legend drawn into it; each download is audited. Raises Http404 without evidence."""
    response = _drawn(request, source, "overlay", lambda preview, found: drawing.overlay_png(preview, found))
    if request.method != "HEAD" and response.status_code == 200:
        audit.record("overlay.downloaded", actor=request.user, target=_prediction(source))
    return response


def _prediction(source: HasEvidence) -> Prediction:
    return source if isinstance(source, Prediction) else source.prediction


def _preview(source: HasEvidence) -> FieldFile:
    """The image in which the evidence was found; for a series, that of its key slice."""
    if isinstance(source, SliceResult):
        return source.slice.preview
    return source.key_slice.preview if source.key_slice else source.scan.preview


def _drawn(
    request: HttpRequest, source: HasEvidence, name: str, draw: Callable[[Pillow.Image, Evidence], bytes]
) -> HttpResponseBase:
    found = localize.restore(source.evidence)
    if found is None or not source.has_map:
        raise Http404("this prediction has no evidence map")
    preview = _preview(source)

    def render() -> HttpResponse:
        try:
            with open_stored(preview) as file, Pillow.open(file) as image:
                return HttpResponse(draw(image, found), content_type="image/png")
        except UnidentifiedImageError as error:
            raise FileMissing from error

    etag = etag_of(preview, name, drawing.VERSION, source.pk, _prediction(source).finished)
    return conditional(request, etag, render)


def conditional(request: HttpRequest, etag: str, render: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """304 for a script that has this version, else what `render` returns. Browsers keep none (docs/adr/0020)."""
    response = _not_modified(request, etag)
    if response is None:
        response = render()
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["ETag"] = etag
    return response


def etag_of(file: FieldFile, *drawn: object) -> str:
    """An ETag from the stored name, which is never reused, and from whatever decides what is drawn over the file.

    Hashed, so that it does not reveal the stored name.
    """
    named = ":".join(map(str, (file.name, *drawn)))
    return f'"{hashlib.sha256(named.encode()).hexdigest()[:32]}"'


def _not_modified(request: HttpRequest, etag: str) -> HttpResponseBase | None:
    answer = get_conditional_response(request, etag=etag)
    return answer if isinstance(answer, HttpResponseNotModified) else None


def open_stored(file: FieldFile) -> "File[bytes]":
    """Raises FileMissing if the storage has no such file."""
    if not file.name:
        raise FileMissing
    try:
        return default_storage.open(file.name, "rb")
    except FileNotFoundError as error:
        raise FileMissing from error
