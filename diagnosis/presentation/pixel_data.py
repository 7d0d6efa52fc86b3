"""Gray values for the viewer, which sets windows in the browser.

They are read from the stored files on demand, so older scans work as well, uploads cost no more, and nothing is stored
twice. A request asks for several neighboring slices, as a volume has to be opened as a whole.

One answer: a little-endian uint32 with the length of the JSON header that follows, padded with spaces so that samples
start at a multiple of 8 bytes; then the samples of each slice, row by row, from its `at` on, counted from the end of
the header. A sample is an unsigned number of `bits` bits and stands for the gray value `offset + step * sample`. Of
16-bit samples, all upper bytes come first, then all lower ones: gzip makes them a fifth smaller, in half the time.
"""

import json
import threading
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from numpy.typing import NDArray
from PIL import Image as Pillow

from diagnosis.access import viewing
from diagnosis.models import Scan, Slice
from diagnosis.presentation.missing import FileMissing
from diagnosis.presentation.responses import conditional, etag_of, open_stored
from ml import readers
from ml.contracts import UnreadableImage
from ml.preprocess import robust_range
from ml.readers.values import GrayValues

BLOCK = 8
"""Slices in one answer: 0.1 seconds and 2 MB for 512 × 512 pixels of 12 bits."""
LARGEST_SIDE = 2048
"""Pixels; larger images are scaled down, as no screen shows more of them at once."""
VERSION = 2
_ALIGNED = 8
_GZIP = 31  # zlib's wbits for a gzip header

_one_at_a_time = threading.Semaphore(1)
"""In each process: a file is as large in memory as on disk."""


def version(scan: Scan) -> str:
    """Changes with the pixels of a scan's slices, their number and their order."""
    return f"{scan.pixel_sha256[:12]}-{scan.frames}"


def block(request: HttpRequest, scan: Scan, *, slices: QuerySet[Slice], first: int) -> HttpResponseBase:
    """Gray values of the slices from index `first` on, at most BLOCK. slices: those that the user may see.

    Raises Http404 if no block starts there, FileMissing if a file is gone from the storage or can no longer be read.
    """
    if first % BLOCK or first >= scan.frames:
        raise Http404("no block of slices starts there")
    in_block = slices.filter(scan=scan, index__range=(first, first + BLOCK - 1))
    rows = list(in_block) if scan.is_series else []
    viewing.note_image(scan.pk)

    def render() -> HttpResponse:
        with _one_at_a_time:
            try:
                data = pack([_described(one) for one in _values(scan, rows)], first=first)
            except UnreadableImage as error:
                raise FileMissing from error
        return _compressed(request, data)

    etag = etag_of(scan.file, "values", VERSION, first, scan.pixel_sha256, [row.pk for row in rows])
    return conditional(request, etag, render)


def _values(scan: Scan, rows: Sequence[Slice]) -> Iterator[GrayValues]:
    if not rows or any(not row.file for row in rows):
        opened = _open(scan.file)
    for row in rows:
        yield _open(row.file).values(row.frame) if row.file else opened.values(row.frame)
    if not rows:
        yield opened.values(scan.frame)


def _open(file: FieldFile) -> readers.Slices:
    with open_stored(file) as stored:
        return readers.open_file(stored.read())


def _described(values: GrayValues) -> tuple[dict[str, Any], NDArray[Any]]:
    """A slice's entry in the header, and its samples."""
    plane = _at_most(values.plane, LARGEST_SIDE)
    low, high = float(plane.min()), float(plane.max())
    samples, offset, step = quantized(plane)
    return {
        "rows": plane.shape[0],
        "columns": plane.shape[1],
        "bits": samples.dtype.itemsize * 8,
        "offset": offset,
        "step": step,
        "range": [low, high],
        "auto": list(robust_range(plane)),
        "windows": [list(window) for window in values.windows],
        "inverted": values.inverted,
        "millimeters": None if values.millimeters is None else list(values.millimeters),
    }, samples


def _at_most(plane: NDArray[Any], side: int) -> NDArray[Any]:
    if max(plane.shape) <= side:
        return plane
    image = Pillow.fromarray(plane if plane.dtype == np.uint8 else plane.astype(np.float32))
    scale = side / max(plane.shape)
    size = (max(round(plane.shape[1] * scale), 1), max(round(plane.shape[0] * scale), 1))
    return np.asarray(image.resize(size, Pillow.Resampling.BOX))


def quantized(plane: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """A plane as unsigned samples, with the offset and step that lead back to its values.

    Whole numbers that span fewer than 65,536 come back exactly; others to 1/65,535 of their range.
    """
    if plane.dtype == np.uint8:
        return plane, 0.0, 1.0
    low, span = float(plane.min()), float(plane.max()) - float(plane.min())
    if span <= 0xFFFF and low.is_integer() and (plane == np.rint(plane)).all():
        return (plane.astype(np.float64) - low).astype(np.uint8 if span <= 0xFF else np.uint16), low, 1.0
    step = span / 0xFFFF
    return np.rint((plane.astype(np.float64) - low) / step).astype(np.uint16), low, step


def pack(slices: Sequence[tuple[dict[str, Any], NDArray[Any]]], *, first: int) -> bytes:
    """The answer for slices whose header entries and samples are given."""
    entries, parts, at = [], [], 0
    for entry, samples in slices:
        data = _bytes(samples)
        entries.append({**entry, "at": at})
        parts += [data, bytes(-len(data) % _ALIGNED)]
        at += len(data) + -len(data) % _ALIGNED
    header = json.dumps({"first": first, "slices": entries}, separators=(",", ":")).encode()
    header += b" " * (-(4 + len(header)) % _ALIGNED)
    return b"".join([len(header).to_bytes(4, "little"), header, *parts])


def _bytes(samples: NDArray[Any]) -> bytes:
    if samples.dtype == np.uint8:
        return samples.tobytes()
    return (samples >> 8).astype(np.uint8).tobytes() + samples.astype(np.uint8).tobytes()


def _compressed(request: HttpRequest, data: bytes) -> HttpResponse:
    response = HttpResponse(content_type="application/octet-stream", headers={"Vary": "Accept-Encoding"})
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        packer = zlib.compressobj(level=1, wbits=_GZIP, strategy=zlib.Z_RLE)
        response.content = packer.compress(data) + packer.flush()
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.content = data
    return response
